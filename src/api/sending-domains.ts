/** `/api/v1/sending-domains`: which tracking domain a From: domain's mail uses. */
import { Type } from "typebox";

import { AppError } from "../domain/errors.ts";
import { canonicalHostname, type Hostname, parseHostname } from "../domain/hostname.ts";
import { PRIMARY_ACCOUNT, type SubaccountId } from "../domain/subaccount.ts";
import type { TrackingDomain } from "../domain/tracking-domain.ts";
import { type Call, type Reply, type Route, results, route, routeWithBody } from "./route.ts";

export interface SendingDomain {
  readonly domain: string;
  readonly subaccountId: SubaccountId;
  readonly trackingDomain: string | undefined;
}

export interface SendingDomainStore {
  find(domain: string, scope: SubaccountId | "all"): Promise<SendingDomain | undefined>;
  /** By name. */
  list(scope: SubaccountId | "all"): Promise<readonly SendingDomain[]>;
  /** Creates or updates; an absent `trackingDomain` leaves the association as it is, null removes it. `taken`: another tenant has the domain. */
  put(sendingDomain: {
    readonly domain: string;
    readonly subaccountId: SubaccountId;
    readonly trackingDomain?: string | null;
  }): Promise<"stored" | "taken">;
}

export interface SendingDomainDeps {
  readonly sendingDomains: SendingDomainStore;
  readonly trackingDomains: {
    find(domain: string, scope: SubaccountId | "all"): Promise<TrackingDomain | undefined>;
  };
}

const SENDING_DOMAIN = Type.Object(
  {
    domain: Type.String(),
    tracking_domain: Type.Optional(
      Type.String({ description: "Absent when the default tracking domain is used." }),
    ),
    subaccount_id: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  { additionalProperties: false },
);
const UPDATE = Type.Object({
  tracking_domain: Type.Optional(
    Type.String({
      maxLength: 1024,
      description: "A tracking domain of the same (sub)account; an empty string removes the association.",
      example: "example.domain.com",
    }),
  ),
});
const UPDATED = Type.Object({
  results: Type.Object({ message: Type.String(), domain: Type.String() }, { additionalProperties: false }),
});

export function sendingDomainRoutes(deps: SendingDomainDeps): readonly Route[] {
  const base = {
    tag: "Sending domains",
    url: "/api/v1/sending-domains/:domain",
    params: [{ name: "domain", description: "Name of the sending domain", example: "example1.com" }],
  } as const;
  return [
    route({
      tag: base.tag,
      url: "/api/v1/sending-domains",
      method: "GET",
      grant: "sending_domains/view",
      summary: "List sending domains",
      query: [{ name: "tracking_domain", description: "Only those associated with this tracking domain" }],
      replies: { 200: Type.Object({ results: Type.Array(SENDING_DOMAIN) }) },
      handle: (call) => list(call, deps),
    }),
    route({
      ...base,
      method: "GET",
      grant: "sending_domains/view",
      summary: "Retrieve a sending domain",
      replies: { 200: Type.Object({ results: SENDING_DOMAIN }) },
      failures: [404],
      handle: (call) => get(call, deps),
    }),
    routeWithBody({
      ...base,
      method: "PUT",
      grant: "sending_domains/manage",
      summary: "Associate a sending domain with a tracking domain",
      description: "Creates the sending domain when it is new.",
      body: UPDATE,
      replies: { 200: UPDATED },
      failures: [409],
      audited: ["tracking_domain"],
      handle: (call) => put(call, call.body.tracking_domain, deps),
    }),
  ];
}

async function get(call: Call, deps: SendingDomainDeps): Promise<Reply> {
  const domain = canonicalHostname(call.params["domain"] ?? "");
  const found = await deps.sendingDomains.find(domain, call.tenant.read);
  if (found === undefined) throw new AppError("not_found", `Resource not found: ${domain}`);
  return results(toWire(found));
}

async function list(call: Call, deps: SendingDomainDeps): Promise<Reply> {
  const wanted = call.query["tracking_domain"];
  const name = wanted === undefined || wanted === "" ? undefined : canonicalHostname(wanted);
  const found = await deps.sendingDomains.list(call.tenant.read);
  return results(
    found.filter(({ trackingDomain }) => name === undefined || trackingDomain === name).map(toWire),
  );
}

function toWire({ domain, trackingDomain, subaccountId }: SendingDomain): object {
  return {
    domain,
    ...(trackingDomain === undefined ? {} : { tracking_domain: trackingDomain }),
    ...(subaccountId === PRIMARY_ACCOUNT ? {} : { subaccount_id: subaccountId }),
  };
}

async function put(call: Call, trackingDomain: string | undefined, deps: SendingDomainDeps): Promise<Reply> {
  const domain = parseHostname(call.params["domain"] ?? "");
  const outcome = await deps.sendingDomains.put({
    domain,
    subaccountId: call.tenant.write,
    ...(trackingDomain === undefined
      ? {}
      : {
          trackingDomain: trackingDomain === "" ? null : await ownTrackingDomain(trackingDomain, call, deps),
        }),
  });
  if (outcome === "taken")
    throw new AppError("resource_conflict", `The sending domain '${domain}' already exists.`);
  return results({ message: "Successfully Updated Domain.", domain });
}

async function ownTrackingDomain(name: string, call: Call, deps: SendingDomainDeps): Promise<Hostname> {
  const found = await deps.trackingDomains.find(canonicalHostname(name), call.tenant.write);
  if (found === undefined) {
    throw new AppError("invalid_parameters", `Tracking domain '${name}' is not a registered tracking domain`);
  }
  return found.domain;
}
