/**
 * The edge's whole behaviour as one pure function: request facts in, reply and event out. No I/O, no clock,
 * no promise; `handler.ts` does the talking.
 */
import { WELL_KNOWN_FILES, type WellKnownFile } from "../domain/well-known.ts";
import { type LinkToken, openLink, type TokenRejection } from "../token/link-token.ts";
import { answerProbe, isProbeNonce, PROBE_PATH } from "../token/probe-mac.ts";
import { locationOf } from "./location.ts";
import { type EdgeSnapshot, type HostEntry, servesTenant } from "./snapshot.ts";

export interface EdgeRequest {
  readonly method: string;
  /** Canonical; `""` when the client named none. */
  readonly host: string;
  /** The request target as it came, query string included. */
  readonly path: string;
}

/** Why a request got a 404. Counted, never shown. */
export type NotFoundReason = TokenRejection | "unknown_path" | "wrong_tenant" | "unusable_target";

/** `event` is there when the reply is to be recorded. */
export type Decision =
  | { readonly reply: "redirect"; readonly location: string; readonly event?: LinkToken }
  | { readonly reply: "pixel"; readonly event?: LinkToken }
  | { readonly reply: "probe" | "acme_challenge"; readonly answer: string }
  | { readonly reply: "well_known"; readonly content: string }
  | { readonly reply: "not_found"; readonly reason: NotFoundReason }
  | { readonly reply: "robots" | "blocked" | "method_not_allowed" };

const LINK_PATH = "/e/";
const CHALLENGE_PATH = /^\/\.well-known\/acme-challenge\/([A-Za-z0-9_-]{1,128})$/;
const WELL_KNOWN_PATHS: ReadonlyMap<string, WellKnownFile> = new Map([
  ...WELL_KNOWN_FILES.map((name) => [`/.well-known/${name}`, name] as const),
  // Where iOS looked before version 11.
  ["/apple-app-site-association", "apple-app-site-association"] as const,
]);

/** `nowMs` only tells whether a link has expired. Never throws, whatever the request holds. */
export function decide(request: EdgeRequest, snapshot: EdgeSnapshot, nowMs: number): Decision {
  if (request.method !== "GET" && request.method !== "HEAD") return { reply: "method_not_allowed" };
  const path = withoutQuery(request.path);
  if (path === "/robots.txt") return { reply: "robots" };
  const entry = snapshot.hosts.get(request.host);
  if (entry?.blocked) return { reply: "blocked" };
  if (path.startsWith(PROBE_PATH)) return decideProbe(path.slice(PROBE_PATH.length), request.host, snapshot);
  const segment = linkSegment(path);
  if (segment === undefined) return decideChallenge(path, entry, snapshot) ?? decideFile(path, entry);

  const link = openLink(segment, snapshot.keys);
  if (!link.ok) return { reply: "not_found", reason: link.reason };
  if (!servesTenant(entry, link.token.subaccountId)) return { reply: "not_found", reason: "wrong_tenant" };
  return decideLink(link.token, request.method === "GET" && !isExpired(link.token, nowMs));
}

function decideLink(token: LinkToken, isRecorded: boolean): Decision {
  if (!("target" in token)) return isRecorded ? { reply: "pixel", event: token } : { reply: "pixel" };
  const location = locationOf(token.target);
  if (location === undefined) return { reply: "not_found", reason: "unusable_target" };
  return isRecorded ? { reply: "redirect", location, event: token } : { reply: "redirect", location };
}

/**
 * RFC 8555 section 8.3. The answer depends on the token and on our account alone, so every worker of every machine has
 * it from the start. It is worth nothing to anybody who has not the account's key.
 */
function decideChallenge(
  path: string,
  entry: HostEntry | undefined,
  { acmeThumbprint }: EdgeSnapshot,
): Decision | undefined {
  const token = CHALLENGE_PATH.exec(path)?.[1];
  if (token === undefined || entry === undefined || acmeThumbprint === undefined) return undefined;
  return { reply: "acme_challenge", answer: `${token}.${acmeThumbprint}` };
}

function decideFile(path: string, entry: HostEntry | undefined): Decision {
  const name = WELL_KNOWN_PATHS.get(path);
  const content = name === undefined ? undefined : entry?.files?.[name];
  return content === undefined
    ? { reply: "not_found", reason: "unknown_path" }
    : { reply: "well_known", content };
}

function decideProbe(nonce: string, host: string, snapshot: EdgeSnapshot): Decision {
  if (!isProbeNonce(nonce)) return { reply: "not_found", reason: "unknown_path" };
  return { reply: "probe", answer: answerProbe(nonce, host, snapshot.keys.probeKey) };
}

/** The token of `/e/<token>` or `/e/<sublink>/<token>`: sublinks are for apps that claim paths (universal links). */
function linkSegment(path: string): string | undefined {
  if (!path.startsWith(LINK_PATH)) return undefined;
  const end = path.endsWith("/") ? path.length - 1 : path.length;
  const token = path.slice(path.lastIndexOf("/", end - 1) + 1, end);
  return end <= LINK_PATH.length || token === "" ? undefined : token;
}

function withoutQuery(path: string): string {
  const query = path.indexOf("?");
  return query === -1 ? path : path.slice(0, query);
}

function isExpired(token: LinkToken, nowMs: number): boolean {
  return token.expiresAtSeconds !== undefined && nowMs >= token.expiresAtSeconds * 1000;
}
