/** `/api/v1/tracking-domains/{domain}/certificate`: a certificate that the domain's owner brings. */
import { type Static, Type } from "typebox";

import { type CheckedCertificate, checkCertificate, PROBLEM_TEXTS } from "../domain/certificate.ts";
import { AppError } from "../domain/errors.ts";
import type { Hostname } from "../domain/hostname.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import { DOMAIN_PARAMETER, domainNotFound, findDomain, type TrackingDomainFinder } from "./domain-path.ts";
import { type Call, type Reply, type Route, results, route, routeWithBody } from "./route.ts";

interface CertificateFacts {
  readonly source: "own" | "acme";
  readonly issuer: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

export interface CertificateStore {
  find(domain: string): Promise<CertificateFacts | undefined>;
  put(
    certificate: Omit<CheckedCertificate, "keyPem"> & {
      readonly domain: Hostname;
      readonly source: "own";
      readonly sealedKey: string;
    },
    owner: SubaccountId,
    nowMs: number,
  ): Promise<boolean>;
  remove(domain: string, owner: SubaccountId, nowMs: number): Promise<boolean>;
}

export interface CertificateDeps {
  readonly certificates: CertificateStore;
  readonly trackingDomains: TrackingDomainFinder;
  /** The key as it may be stored. */
  readonly sealKey: (keyPem: string) => string;
  readonly now: () => number;
}

const CERTIFICATE = Type.Object(
  {
    domain: Type.String(),
    source: Type.Enum(["own", "acme"], {
      description: "`own`: given by its owner, who renews it. `acme`: ordered and renewed by Waypost.",
    }),
    issuer: Type.String(),
    issued_at: Type.String({ format: "date-time" }),
    expires_at: Type.String({ format: "date-time" }),
  },
  { additionalProperties: false },
);
const REPLY = Type.Object({ results: CERTIFICATE }, { additionalProperties: false });
const MAX_PEM_CHARS = 64 * 1024;
const UPLOAD = Type.Object({
  certificate: Type.String({
    maxLength: MAX_PEM_CHARS,
    description: "The domain's certificate, then those that signed it, in PEM form. A wildcard will do.",
    example: "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n",
  }),
  private_key: Type.String({
    maxLength: MAX_PEM_CHARS,
    description: "Its key in PEM form, not encrypted.",
    example: "-----BEGIN PRIVATE KEY-----\n…\n-----END PRIVATE KEY-----\n",
  }),
});

export function certificateRoutes(deps: CertificateDeps): readonly Route[] {
  const base = {
    tag: "Tracking domains",
    url: "/api/v1/tracking-domains/:domain/certificate",
    params: [DOMAIN_PARAMETER],
    failures: [404],
  } as const;
  return [
    route({
      ...base,
      method: "GET",
      grant: "tracking_domains/view",
      summary: "Show which certificate a tracking domain has",
      replies: { 200: REPLY },
      handle: (call) => get(call, deps),
    }),
    routeWithBody({
      ...base,
      method: "PUT",
      grant: "tracking_domains/manage",
      summary: "Bring a certificate of your own",
      description:
        "Takes the place of the one that is there. The edge serves it within a second, and links use https once the domain has been verified with `secure` set. The key is stored encrypted and never shown.",
      body: UPLOAD,
      replies: { 200: REPLY },
      handle: (call) => put(call, call.body, deps),
    }),
    route({
      ...base,
      method: "DELETE",
      grant: "tracking_domains/manage",
      summary: "Remove a tracking domain's certificate",
      description:
        "New links of the domain use http from then on. Links sent with https stop working: mind them.",
      replies: { 204: undefined },
      handle: (call) => remove(call, deps),
    }),
  ];
}

async function get(call: Call, deps: CertificateDeps): Promise<Reply> {
  const { domain } = await findDomain(call, call.tenant.read, deps);
  const found = await deps.certificates.find(domain);
  if (found === undefined) throw noCertificate(domain);
  return results(toWire(domain, found));
}

async function put(call: Call, body: Static<typeof UPLOAD>, deps: CertificateDeps): Promise<Reply> {
  const { domain } = await findDomain(call, call.tenant.write, deps);
  const nowMs = deps.now();
  const pem = { certificate: body.certificate, privateKey: body.private_key };
  const checked = checkCertificate(pem, domain, nowMs);
  if (!checked.ok) {
    throw new AppError("invalid_format", `field '${checked.field}' ${PROBLEM_TEXTS[checked.problem]}`);
  }
  const { keyPem, ...certificate } = checked.certificate;
  const stored = { ...certificate, domain, source: "own", sealedKey: deps.sealKey(keyPem) } as const;
  if (!(await deps.certificates.put(stored, call.tenant.write, nowMs))) throw domainNotFound(domain);
  return results(toWire(domain, stored));
}

async function remove(call: Call, deps: CertificateDeps): Promise<Reply> {
  const { domain } = await findDomain(call, call.tenant.write, deps);
  if (!(await deps.certificates.remove(domain, call.tenant.write, deps.now()))) throw noCertificate(domain);
  return { status: 204 };
}

function toWire(domain: string, facts: CertificateFacts): Static<typeof CERTIFICATE> {
  return {
    domain,
    source: facts.source,
    issuer: facts.issuer,
    issued_at: new Date(facts.issuedAtMs).toISOString(),
    expires_at: new Date(facts.expiresAtMs).toISOString(),
  };
}

function noCertificate(domain: string): AppError {
  return new AppError("not_found", `The tracking domain ${domain} has no certificate.`);
}
