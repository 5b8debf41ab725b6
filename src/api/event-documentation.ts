/** `GET /api/v1/events/message/documentation` and `/samples`: what events look like, as SparkPost tells it. */
import { Type } from "typebox";

import { EVENT_TYPES } from "../domain/event.ts";
import { documentEvents, sampleEvent, toMessageEvent } from "../events/message-event.ts";
import { eventTypesParameter } from "./event-query.ts";
import { type Call, type Reply, type Route, results, route } from "./route.ts";

const DOCUMENTED = Type.Object(
  {
    results: Type.Array(
      Type.Record(
        Type.String(),
        Type.Object(
          { description: Type.String(), sampleValue: Type.Unknown() },
          { additionalProperties: false },
        ),
      ),
    ),
  },
  { additionalProperties: false },
);
const SAMPLES = Type.Object(
  { results: Type.Array(Type.Object({ type: Type.Enum([...EVENT_TYPES]) }, { additionalProperties: true })) },
  { additionalProperties: false },
);

export function eventDocumentationRoutes(): readonly Route[] {
  const base = {
    method: "GET",
    grant: "message_events/view",
    tag: "Events",
    ignoresSubaccount: true,
  } as const;
  return [
    route({
      ...base,
      url: "/api/v1/events/message/documentation",
      summary: "List the fields of each type of event",
      replies: { 200: DOCUMENTED },
      handle: async () => results(documentEvents()),
    }),
    route({
      ...base,
      url: "/api/v1/events/message/samples",
      summary: "Get an example of each type of event",
      query: [{ name: "events", description: "Event types, separated by commas; all when absent" }],
      replies: { 200: SAMPLES },
      handle: async (call) => samples(call),
    }),
  ];
}

function samples({ query }: Call): Reply {
  const types = eventTypesParameter(query, ",") ?? EVENT_TYPES;
  return results(types.map((type) => toMessageEvent(sampleEvent(type))));
}
