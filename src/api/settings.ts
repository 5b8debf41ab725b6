/** `GET /api/v1/settings`: what this machine runs with. Secrets only say whether they are set. */
import { type Static, Type } from "typebox";

import { type Route, results, route } from "./route.ts";

const SETTING = Type.Object(
  {
    name: Type.String(),
    value: Type.Unknown({ description: "For a secret, whether it is set." }),
    default: Type.String({ description: "How the default reads." }),
    description: Type.String(),
    secret: Type.Boolean(),
  },
  { additionalProperties: false },
);
const SETTINGS = Type.Object(
  {
    version: Type.String(),
    settings: Type.Array(SETTING),
    warnings: Type.Array(Type.String(), { description: "What is valid and yet most likely not meant." }),
  },
  { additionalProperties: false },
);

/** What the route shows; made once, since a configuration lasts as long as its process. */
export type ShownSettings = Static<typeof SETTINGS>;

export function settingsRoutes(shown: ShownSettings): readonly Route[] {
  return [
    route({
      method: "GET",
      url: "/api/v1/settings",
      grant: "settings/view",
      tag: "Console",
      ignoresSubaccount: true,
      summary: "Show the configuration of the machine that answers",
      replies: { 200: Type.Object({ results: SETTINGS }, { additionalProperties: false }) },
      handle: async () => results(shown),
    }),
  ];
}
