/** What went wrong on the way to a certificate, in a person's words, and what it means for the next attempt. Pure. */
import type { CertificateError } from "../domain/issuance.ts";
import type { ProbeEvidence } from "../verification/evidence.ts";
import { AcmeError } from "./acme-error.ts";
import type { SetbackKind } from "./back-off.ts";
import { type CaaVerdict, caaText } from "./caa.ts";

export interface Setback {
  readonly kind: SetbackKind;
  readonly code: CertificateError;
  readonly found: string;
  readonly fix: string | undefined;
  /** How long the CA asks to wait. */
  readonly retryAfterMs?: number | undefined;
  /** It concerns every order there, as far as can be told. */
  readonly isOfWholeCa?: boolean;
}

const NETWORK_FIX =
  "Let requests for /.well-known/acme-challenge/ through to this installation at port 80, without a redirect.";

/** A name that nobody but this machine knows. */
export function localName(domain: string): Setback {
  return {
    kind: "refused",
    code: "acme:rejected_identifier",
    found: `No certificate authority issues for ${domain}: names under localhost exist on one machine only.`,
    fix: undefined,
  };
}

export function noAddress(domain: string, cnameTarget: string): Setback {
  return {
    kind: "unready",
    code: "acme:dns",
    found: `No certificate was ordered: ${domain} has no address that could be found.`,
    fix: `It should be a CNAME to ${cnameTarget}.`,
  };
}

/** The edge's answer to a challenge did not come back through the domain. */
export function challengeLost(domain: string, { address, outcome }: ProbeEvidence): Setback {
  const found = `No certificate was ordered: the certificate authority's challenge would fail, since ${domain}`;
  const setback = { kind: "unready", code: "acme:unauthorized" } as const;
  switch (outcome.kind) {
    case "forbidden_address":
      return {
        ...setback,
        found: `${found} has the address ${outcome.address}, which is not reachable from the Internet.`,
        fix: "It needs public addresses only.",
      };
    case "redirected":
    case "http_error":
      return {
        ...setback,
        found: `${found} (${address}) answers it with HTTP status ${outcome.status}.`,
        fix: NETWORK_FIX,
      };
    case "wrong_answer":
    case "foreign_host":
      return {
        ...setback,
        found: `${found} (${address}) answers it with something else.`,
        fix: NETWORK_FIX,
      };
    default:
      return {
        ...setback,
        found: `${found} could not be reached at ${address ?? "any address"}.`,
        fix: "Check that its addresses, IPv6 ones too, lead to this installation, and that no firewall is in the way.",
      };
  }
}

/** The owner's own records keep the CA from issuing, or nobody says whether they do. */
export function caaForbids(
  domain: string,
  verdict: Exclude<CaaVerdict, { kind: "allowed" }>,
  identities: readonly string[],
): Setback {
  const setback = { kind: "unready", code: "acme:dns" } as const;
  if (verdict.kind === "refused") {
    const text = caaText(verdict, identities);
    return { ...setback, found: `No certificate was ordered for ${domain}: ${text}.`, fix: undefined };
  }
  return {
    ...setback,
    found: `No certificate was ordered for ${domain}: name servers gave no answer about the CAA records of ${verdict.at}, which certificate authorities take for a refusal.`,
    fix: "Check that the zone's name servers are up and answer questions of every type.",
  };
}

/**
 * An order that failed at the CA, a CA that could not be reached or took too long. Anything but an {@link AcmeError} and a timeout is a
 * fault of ours.
 */
export function setbackOf(error: unknown, domain: string): Setback {
  if (error instanceof DOMException && error.name === "TimeoutError") return tooSlow(domain);
  if (!(error instanceof AcmeError)) return INTERNAL;
  const problem = mostTelling(error, domain);
  const isOfValidation = VALIDATION_CODES[problem.type];
  if (REFUSALS.has(problem.type)) {
    return {
      kind: "refused",
      code: "acme:rejected_identifier",
      found: `The certificate authority refuses to issue for ${domain}: ${sentence(problem.detail)}`,
      fix: "Use another name or bring a certificate of your own: it is not tried again until the domain is verified anew.",
    };
  }
  if (isOfValidation !== undefined && !(problem.type === "unauthorized" && error.status !== undefined)) {
    return {
      kind: "invalid",
      code: isOfValidation,
      found: `The certificate authority could not validate ${domain}: ${sentence(problem.detail)}`,
      fix: problem.type === "dns" || problem.type === "caa" ? "Check the records of the name." : NETWORK_FIX,
      retryAfterMs: error.retryAfterMs,
    };
  }
  if (error.isTemporary) {
    return {
      kind: "temporary",
      code: "acme:temporary",
      found: `The certificate authority did not issue for ${domain} yet: ${sentence(problem.detail)}`,
      fix: TRIED_AGAIN,
      retryAfterMs: error.retryAfterMs,
      isOfWholeCa: problem.type === "rateLimited" || error.status === 429 || error.status === 503,
    };
  }
  return {
    ...INTERNAL,
    found: `The certificate authority did not take the order: ${sentence(problem.detail)}`,
    ...(problem.type === "externalAccountRequired" ? { fix: ACCOUNT_FIX } : {}),
  };
}

function tooSlow(domain: string): Setback {
  return {
    kind: "temporary",
    code: "acme:temporary",
    found: `The certificate authority has not issued for ${domain} in time.`,
    fix: TRIED_AGAIN,
  };
}

const TRIED_AGAIN = "Nothing has to be done: it is tried again by itself.";

const ACCOUNT_FIX =
  "Whoever runs this installation has to set WAYPOST_ACME_EAB_KEY_ID and WAYPOST_ACME_EAB_HMAC_KEY, as the authority hands them out.";

const INTERNAL: Setback = {
  kind: "internal",
  code: "service:internal",
  found: "The certificate could not be had because of a fault in this installation.",
  fix: "Whoever runs this installation finds the reason in its log.",
};

/** RFC 8555 section 6.7. */
const REFUSALS: ReadonlySet<string> = new Set(["rejectedIdentifier", "unsupportedIdentifier"]);
const VALIDATION_CODES: Readonly<Record<string, CertificateError>> = {
  caa: "acme:dns",
  connection: "acme:unauthorized",
  dns: "acme:dns",
  incorrectResponse: "acme:unauthorized",
  tls: "acme:unauthorized",
  unauthorized: "acme:unauthorized",
};

/** Another one follows. */
function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Of a problem in parts, the one about the name. */
function mostTelling(error: AcmeError, domain: string): { readonly type: string; readonly detail: string } {
  if (error.type !== "compound" && !error.subproblems.some(({ identifier }) => identifier === domain))
    return error;
  return error.subproblems.find(({ identifier }) => identifier === domain) ?? error.subproblems[0] ?? error;
}
