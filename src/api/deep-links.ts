/** `/api/v1/tracking-domains/{domain}/deep-links`: the files that let a domain's links open an app. */
import { type Static, Type } from "typebox";

import { AppError } from "../domain/errors.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import { MAX_WELL_KNOWN_BYTES, type WellKnownFile, type WellKnownFiles } from "../domain/well-known.ts";
import {
  DOMAIN_PARAMETER,
  domainNotFound,
  domainOf,
  findDomain,
  type TrackingDomainFinder,
} from "./domain-path.ts";
import { type Call, type Reply, type Route, results, route, routeWithBody } from "./route.ts";

export interface DeepLinkStore {
  find(domain: string): Promise<WellKnownFiles>;
  /** `null` removes a file, an absent one stays as it is. `false`: the owner has no such domain. */
  update(
    domain: string,
    owner: SubaccountId,
    change: { readonly [Name in WellKnownFile]?: string | null },
  ): Promise<boolean>;
}

export interface DeepLinkDeps {
  readonly deepLinks: DeepLinkStore;
  readonly trackingDomains: TrackingDomainFinder;
}

const APPLE = Type.Object({}, { additionalProperties: true });
const ANDROID = Type.Array(Type.Object({}, { additionalProperties: true }), { maxItems: 1000 });
const FILES = Type.Object(
  {
    apple_app_site_association: Type.Optional(APPLE),
    assetlinks: Type.Optional(ANDROID),
  },
  { additionalProperties: false },
);
const UPDATE = Type.Object({
  apple_app_site_association: Type.Optional(
    Type.Union([APPLE, Type.Null()], {
      description: "Served at `/.well-known/apple-app-site-association`; null removes it.",
      example: {
        applinks: {
          details: [{ appIDs: ["ABCDE12345.com.example.app"], components: [{ "/": "/e/app/*" }] }],
        },
      },
    }),
  ),
  assetlinks: Type.Optional(
    Type.Union([ANDROID, Type.Null()], {
      description: "Served at `/.well-known/assetlinks.json`; null removes it.",
    }),
  ),
});

export function deepLinkRoutes(deps: DeepLinkDeps): readonly Route[] {
  const base = {
    tag: "Tracking domains",
    url: "/api/v1/tracking-domains/:domain/deep-links",
    params: [DOMAIN_PARAMETER],
    failures: [404],
  } as const;
  return [
    route({
      ...base,
      method: "GET",
      grant: "tracking_domains/view",
      summary: "Show the files that open apps",
      replies: { 200: Type.Object({ results: FILES }, { additionalProperties: false }) },
      handle: (call) => get(call, deps),
    }),
    routeWithBody({
      ...base,
      method: "PUT",
      grant: "tracking_domains/manage",
      summary: "Set the files that open apps",
      description:
        "The edge serves them on the tracking domain without a redirect, so that universal links and app links work through tracking. Give links a path of their own with `data-msys-sublink`: `/e/<sublink>/…`. Changes only the files it is given; each may have 128 KiB.",
      body: UPDATE,
      replies: {
        200: Type.Object({
          results: Type.Object({ domain: Type.String() }, { additionalProperties: false }),
        }),
      },
      handle: (call) => update(call, call.body, deps),
    }),
  ];
}

async function get(call: Call, deps: DeepLinkDeps): Promise<Reply> {
  const { domain } = await findDomain(call, call.tenant.read, deps);
  const files = await deps.deepLinks.find(domain);
  const apple = files["apple-app-site-association"];
  const android = files["assetlinks.json"];
  return results({
    ...(apple === undefined ? {} : { apple_app_site_association: JSON.parse(apple) }),
    ...(android === undefined ? {} : { assetlinks: JSON.parse(android) }),
  });
}

async function update(call: Call, body: Static<typeof UPDATE>, { deepLinks }: DeepLinkDeps): Promise<Reply> {
  const domain = domainOf(call);
  const { apple_app_site_association: apple, assetlinks: android } = body;
  const change = {
    ...(apple === undefined
      ? {}
      : { "apple-app-site-association": toFile("apple_app_site_association", apple) }),
    ...(android === undefined ? {} : { "assetlinks.json": toFile("assetlinks", android) }),
  };
  if (!(await deepLinks.update(domain, call.tenant.write, change))) throw domainNotFound(domain);
  return results({ domain });
}

function toFile(field: string, content: object | null): string | null {
  if (content === null) return null;
  const text = JSON.stringify(content);
  if (Buffer.byteLength(text) > MAX_WELL_KNOWN_BYTES) {
    throw new AppError("invalid_format", `field '${field}' has more than ${MAX_WELL_KNOWN_BYTES} bytes`);
  }
  return text;
}
