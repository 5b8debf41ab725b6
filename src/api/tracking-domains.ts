/** `/api/v1/tracking-domains`: the specification's five routes, and the evidence behind a domain's status. */
import { Type } from "typebox";

import { restrictedDomainText } from "../compliance/restricted-names.ts";
import { AppError } from "../domain/errors.ts";
import { type Hostname, parseHostname } from "../domain/hostname.ts";
import type { CertificatePolicy } from "../domain/issuance.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { ComplianceStatus, TrackingDomain } from "../domain/tracking-domain.ts";
import type { Verification } from "../verification/verifier.ts";
import { DOMAIN_CHECKS, type DomainCheckDeps, describeChecks, domainsElsewhere } from "./domain-checks.ts";
import { domainNotFound, domainOf, findDomain, type TrackingDomainFinder } from "./domain-path.ts";
import { type Tenant, visibleSubaccounts } from "./principal.ts";
import { booleanParameter, subaccountsParameter } from "./query.ts";
import { type Call, type Parameter, type Reply, type Route, results, route, routeWithBody } from "./route.ts";
import {
  DOMAIN_STATUS,
  domainToWire,
  type ShownHow,
  statusToWire,
  TRACKING_DOMAIN,
} from "./tracking-domain-wire.ts";

export interface TrackingDomainStore extends TrackingDomainFinder {
  /** Live domains, by name. */
  list(filter: {
    readonly subaccounts: "all" | readonly SubaccountId[];
    readonly isDefault?: boolean;
  }): Promise<readonly TrackingDomain[]>;
  findDefault(subaccountId: SubaccountId): Promise<TrackingDomain | undefined>;
  /** Whether `create` for this owner would answer `taken`. */
  isTaken(domain: Hostname, owner: SubaccountId): Promise<boolean>;
  create(
    domain: {
      readonly domain: Hostname;
      readonly subaccountId: SubaccountId;
      readonly secure: boolean;
      readonly complianceStatus: ComplianceStatus;
    },
    nowMs: number,
  ): Promise<"created" | "taken">;
  /** One transaction: a default that is set unsets the owner's former one; a change that cannot be made whole is not made. */
  update(
    domain: string,
    owner: SubaccountId,
    change: { readonly secure?: boolean; readonly isDefault?: boolean },
    nowMs: number,
  ): Promise<"updated" | "not_found" | "unverified">;
  remove(domain: string, owner: SubaccountId, nowMs: number): Promise<boolean>;
}

export interface TrackingDomainDeps extends DomainCheckDeps {
  readonly trackingDomains: TrackingDomainStore;
  /** Checks the domain now. Throws `rate_limited` when the tenant has too many checks under way. */
  readonly verify: (domain: Hostname, tenant: SubaccountId) => Promise<Verification>;
  /** Whether the name may be a tracking domain of this installation. */
  readonly isRestricted: (domain: Hostname) => boolean;
  readonly supportEmail: string;
  readonly certificatePolicy: CertificatePolicy;
  readonly now: () => number;
}

const TAG = "Tracking domains";
const DOMAIN = {
  name: "domain",
  description: "Name of the tracking domain, in any case",
  example: "example.domain.com",
};

const LIST_QUERY: readonly Parameter[] = [
  { name: "default", description: "`true`: only default domains; `false`: only others" },
  {
    name: "https_works",
    description:
      "`true`: only secure, verified domains whose new links use https; `false`: only those whose new links use http, since https was not reached",
  },
  {
    name: "points_elsewhere",
    description:
      "`true`: only domains that are not reached since, as the newest check found, somebody else is there; `false`: only others",
  },
  {
    name: "subaccounts",
    description: "Numbers of subaccounts, separated by commas; 0 is the primary account",
  },
];

const NAME_ONLY = Type.Object({
  results: Type.Object({ domain: Type.String() }, { additionalProperties: false }),
});
const CREATE = Type.Object({
  domain: Type.String({
    description: "Name of the tracking domain, for example `example.domain.com`.",
    example: DOMAIN.example,
  }),
  secure: Type.Optional(Type.Boolean({ description: "Whether links use https. Default: false." })),
  default: Type.Optional(
    Type.Boolean({
      description: "A domain can only become the default once it is verified. Default: false.",
    }),
  ),
});
const UPDATE = Type.Object({
  secure: Type.Optional(Type.Boolean({ description: "Whether links use https.", example: true })),
  default: Type.Optional(
    Type.Boolean({ description: "`true` unsets the former default; `false` unsets this one." }),
  ),
});

export function trackingDomainRoutes(deps: TrackingDomainDeps): readonly Route[] {
  const base = { tag: TAG } as const;
  const one = {
    ...base,
    url: "/api/v1/tracking-domains/:domain",
    params: [DOMAIN],
    failures: [404],
  } as const;
  return [
    routeWithBody({
      ...base,
      method: "POST",
      url: "/api/v1/tracking-domains",
      grant: "tracking_domains/manage",
      summary: "Create a tracking domain",
      body: CREATE,
      replies: { 200: NAME_ONLY },
      failures: [409],
      audited: ["domain"],
      handle: (call) => create(call.body, call.tenant, deps),
    }),
    route({
      ...base,
      method: "GET",
      url: "/api/v1/tracking-domains",
      grant: "tracking_domains/view",
      summary: "List all tracking domains",
      query: LIST_QUERY,
      replies: {
        200: Type.Object({ results: Type.Array(TRACKING_DOMAIN) }, { additionalProperties: false }),
      },
      handle: (call) => list(call, deps),
    }),
    route({
      ...one,
      method: "GET",
      grant: "tracking_domains/view",
      summary: "Retrieve a tracking domain",
      replies: { 200: Type.Object({ results: TRACKING_DOMAIN }, { additionalProperties: false }) },
      handle: async (call) =>
        results(domainToWire(await findDomain(call, call.tenant.read, deps), shown(deps))),
    }),
    routeWithBody({
      ...one,
      method: "PUT",
      grant: "tracking_domains/manage",
      summary: "Update a tracking domain",
      description: "Changes only the fields it is given.",
      body: UPDATE,
      replies: { 200: NAME_ONLY },
      handle: (call) => update(call, call.body, deps),
    }),
    route({
      ...one,
      method: "DELETE",
      grant: "tracking_domains/manage",
      summary: "Delete a tracking domain",
      description: "Links that were already sent go on working.",
      replies: { 204: undefined },
      handle: (call) => remove(call, deps),
    }),
    ...verificationRoutes(deps),
  ];
}

function verificationRoutes(deps: TrackingDomainDeps): readonly Route[] {
  const base = { tag: TAG, params: [DOMAIN], failures: [404] } as const;
  return [
    route({
      ...base,
      method: "POST",
      url: "/api/v1/tracking-domains/:domain/verify",
      grant: "tracking_domains/manage",
      summary: "Verify a tracking domain",
      description:
        "Looks at DNS and asks for a secret through the domain that only this installation's edge can answer. Of a secure domain whose certificate Waypost orders it waits for that too, for up to half a minute.",
      replies: { 200: Type.Object({ results: DOMAIN_STATUS }, { additionalProperties: false }) },
      handle: (call) => verify(call, deps),
    }),
    route({
      ...base,
      method: "GET",
      url: "/api/v1/tracking-domains/:domain/checks",
      grant: "tracking_domains/view",
      summary: "Show what past checks saw, and the DNS record to create",
      replies: { 200: Type.Object({ results: DOMAIN_CHECKS }, { additionalProperties: false }) },
      handle: async (call) =>
        results(await describeChecks(await findDomain(call, call.tenant.read, deps), deps)),
    }),
  ];
}

async function create(
  body: { readonly domain: string; readonly secure?: boolean; readonly default?: boolean },
  tenant: Tenant,
  deps: TrackingDomainDeps,
): Promise<Reply> {
  const domain = parseHostname(body.domain);
  if (deps.isRestricted(domain)) {
    throw new AppError("restricted_domain", restrictedDomainText(deps.supportEmail));
  }
  if (body.default === true) {
    // A new domain is never verified, so this cannot succeed; which of two errors it is depends on the name.
    throw (await deps.trackingDomains.isTaken(domain, tenant.write)) ? alreadyExists() : unverified(domain);
  }
  const created = await deps.trackingDomains.create(
    { domain, subaccountId: tenant.write, secure: body.secure ?? false, complianceStatus: "valid" },
    deps.now(),
  );
  if (created === "taken") throw alreadyExists();
  return results({ domain });
}

async function list(call: Call, deps: TrackingDomainDeps): Promise<Reply> {
  const isDefault = booleanParameter(call.query, "default");
  const wanted = subaccountsParameter(call.query, "subaccounts");
  const subaccounts = visibleSubaccounts(call.tenant.read, wanted);
  const domains = await deps.trackingDomains.list({
    subaccounts,
    ...(isDefault === undefined ? {} : { isDefault }),
  });
  const httpsWorks = booleanParameter(call.query, "https_works");
  const isElsewhere = booleanParameter(call.query, "points_elsewhere");
  const elsewhere = isElsewhere === undefined ? undefined : await domainsElsewhere(subaccounts, deps);
  const how = shown(deps);
  const kept = domains.filter(
    (domain) =>
      (httpsWorks === undefined || (isSecured(domain) && domain.httpsWorks === httpsWorks)) &&
      (elsewhere === undefined || elsewhere.has(domain.domain) === isElsewhere),
  );
  return results(kept.map((domain) => domainToWire(domain, how)));
}

/** Its new links are to use https. */
function isSecured({ secure, cnameStatus }: TrackingDomain): boolean {
  return secure && cnameStatus === "valid";
}

async function update(
  call: Call,
  body: { readonly secure?: boolean; readonly default?: boolean },
  deps: TrackingDomainDeps,
): Promise<Reply> {
  const domain = domainOf(call);
  const change = {
    ...(body.secure === undefined ? {} : { secure: body.secure }),
    ...(body.default === undefined ? {} : { isDefault: body.default }),
  };
  const outcome = await deps.trackingDomains.update(domain, call.tenant.write, change, deps.now());
  if (outcome === "not_found") throw domainNotFound(domain);
  if (outcome === "unverified") throw unverified(domain);
  return results({ domain });
}

async function remove(call: Call, deps: TrackingDomainDeps): Promise<Reply> {
  const domain = domainOf(call);
  if (!(await deps.trackingDomains.remove(domain, call.tenant.write, deps.now())))
    throw domainNotFound(domain);
  return { status: 204 };
}

async function verify(call: Call, deps: TrackingDomainDeps): Promise<Reply> {
  const { domain } = await findDomain(call, call.tenant.write, deps);
  const verification = await deps.verify(domain, call.tenant.write);
  switch (verification.kind) {
    case "verified":
    case "blocked":
      // Read again: a certificate may have come meanwhile.
      return results(
        statusToWire(
          { ...(await findDomain(call, call.tenant.write, deps)), ...verification.state },
          shown(deps),
        ),
      );
    case "failed":
      throw new AppError("unreachable_endpoint", verification.failure);
    case "not_found":
      throw domainNotFound(domain);
  }
}

function shown({ now, certificatePolicy }: TrackingDomainDeps): ShownHow {
  return { nowMs: now(), certificatePolicy };
}

function alreadyExists(): AppError {
  return new AppError("resource_conflict", "The tracking domain already exists.");
}

function unverified(domain: string): AppError {
  return new AppError("invalid_format", `Tracking domain '${domain}' unverified.`);
}
