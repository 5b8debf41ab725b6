/**
 * Asks `/.well-known/waypost/<nonce>` through a tracking domain. Only our own edge can answer it, so a pass means that
 * recipients' clicks arrive, whatever DNS, proxy or CDN stands between.
 *
 * The address is one that the caller resolved and that is checked here; the connection goes to exactly that address, with
 * the domain in Host and SNI. Nothing is resolved a second time, so no name can change its mind between check and connect.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { getCACertificates } from "node:tls";

import { canonicalHostname } from "../domain/hostname.ts";
import { documentedPort, type Scheme } from "../domain/tracking-domain.ts";
import { newProbeNonce, PROBE_PATH, readProbeAnswer } from "../token/probe-mac.ts";
import type { ProbeEvidence, ProbeOutcome } from "./evidence.ts";

export interface ProbeTarget {
  readonly domain: string;
  readonly scheme: Scheme;
  readonly port: number;
  /** What the domain resolves to, in the order to try. */
  readonly addresses: readonly string[];
}

export interface ProbeOptions {
  readonly probeKey: Buffer;
  /** For everything: connect, TLS handshake, reply, retry. */
  readonly timeoutMs: number;
  readonly mayReach: (host: string, address: string) => boolean;
  /** A certificate authority (PEM) trusted besides the usual ones. */
  readonly extraCa?: string | undefined;
}

const MAX_BODY_BYTES = 4096;
const MAX_HEADER_BYTES = 16 * 1024;
// A first address that drops packets must leave time for the second.
const FIRST_CONNECT_MS = 1500;
const MAX_ADDRESSES_TRIED = 2;

type Stage = "connecting" | "handshaking" | "connected";

interface Attempt {
  readonly outcome: ProbeOutcome;
  readonly stage: Stage;
}

/** `http://click.acme.com:80`, the port always printed: how the 1404 text names what was asked. */
export function endpointOf({ scheme, domain, port }: Omit<ProbeTarget, "addresses">): string {
  return `${scheme}://${domain}:${port}`;
}

/** Never throws, never follows a redirect, and ends within `timeoutMs`. */
export async function probe(target: ProbeTarget, options: ProbeOptions): Promise<ProbeEvidence> {
  const startedAt = performance.now();
  const evidence = (address: string | undefined, outcome: ProbeOutcome): ProbeEvidence => ({
    endpoint: endpointOf(target),
    address,
    outcome,
    tookMs: Math.round(performance.now() - startedAt),
  });

  const forbidden = target.addresses.find((address) => !options.mayReach(target.domain, address));
  if (forbidden !== undefined) return evidence(undefined, { kind: "forbidden_address", address: forbidden });

  const deadline = AbortSignal.timeout(Math.max(1, Math.floor(options.timeoutMs)));
  const candidates = target.addresses.slice(0, MAX_ADDRESSES_TRIED);
  let last = evidence(undefined, { kind: "no_address" });
  for (const [index, address] of candidates.entries()) {
    const connectMs = index < candidates.length - 1 ? FIRST_CONNECT_MS : undefined;
    const { outcome, stage } = await attempt(target, { ...options, address, deadline, connectMs });
    last = evidence(address, outcome);
    if (stage !== "connecting" || deadline.aborted) break;
  }
  return last;
}

interface AttemptOptions extends ProbeOptions {
  readonly address: string;
  readonly deadline: AbortSignal;
  readonly connectMs: number | undefined;
}

function attempt(target: ProbeTarget, options: AttemptOptions): Promise<Attempt> {
  const nonce = newProbeNonce();
  const isAnswer = (body: string) => readProbeAnswer(body, nonce, options.probeKey);
  return new Promise((resolve) => {
    let stage: Stage = "connecting";
    let connectTimer: NodeJS.Timeout | undefined;
    const request = openRequest(target, nonce, options);
    // The first outcome counts; destroying the request makes some of the listeners below fire once more.
    const settle = (outcome: ProbeOutcome) => {
      clearTimeout(connectTimer);
      resolve({ outcome, stage });
      request.destroy();
    };
    const fail = (error: Error) =>
      settle(options.deadline.aborted ? { kind: "timed_out" } : failureOf(error, stage));
    if (options.connectMs !== undefined) {
      connectTimer = setTimeout(
        () => settle({ kind: "unreachable", reason: "ETIMEDOUT" }),
        options.connectMs,
      );
    }

    request.on("socket", (socket) => {
      socket.once("connect", () => {
        clearTimeout(connectTimer);
        stage = target.scheme === "https" ? "handshaking" : "connected";
      });
      socket.once("secureConnect", () => {
        stage = "connected";
      });
    });
    request.on("response", (response) => readResponse(response, { isAnswer, settle, fail }));
    request.on("error", fail);
    // A reply that switches protocols ends in "close" alone.
    request.on("close", () => settle({ kind: "wrong_answer" }));
    request.end();
  });
}

function openRequest(target: ProbeTarget, nonce: string, options: AttemptOptions): ClientRequest {
  const { domain, scheme, port } = target;
  const isOwnPort = port === documentedPort(scheme === "https");
  const requestOptions = {
    host: options.address,
    family: isIP(options.address),
    port,
    path: `${PROBE_PATH}${nonce}`,
    headers: {
      host: isOwnPort ? domain : `${domain}:${port}`,
      accept: "text/plain",
      "accept-encoding": "identity",
      "cache-control": "no-store",
      "user-agent": "waypost",
    },
    agent: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    signal: options.deadline,
  } as const;
  if (scheme === "http") return httpRequest(requestOptions);
  const ca = options.extraCa === undefined ? {} : { ca: [...getCACertificates("default"), options.extraCa] };
  // Stated, because an environment variable can switch the default off.
  return httpsRequest({ ...requestOptions, ...ca, servername: domain, rejectUnauthorized: true });
}

interface ResponseHandling {
  readonly isAnswer: (body: string) => { readonly hostSeen: string } | undefined;
  readonly settle: (outcome: ProbeOutcome) => void;
  readonly fail: (error: Error) => void;
}

function readResponse(response: IncomingMessage, { isAnswer, settle, fail }: ResponseHandling): void {
  // Before anything else: a reply that is cut off later must not end in an error nobody listens to.
  response.on("error", fail);
  const status = response.statusCode ?? 0;
  if (status < 200 || status >= 300) {
    settle({ kind: status >= 300 && status < 400 ? "redirected" : "http_error", status });
    return;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  response.on("data", (chunk: Buffer) => {
    length += chunk.length;
    chunks.push(chunk);
    if (length > MAX_BODY_BYTES) settle({ kind: "wrong_answer" });
  });
  response.on("end", () => {
    const answer = isAnswer(Buffer.concat(chunks).toString("latin1"));
    if (answer === undefined) settle({ kind: "wrong_answer" });
    else settle({ kind: "answered", hostSeen: hostOf(answer.hostSeen) });
  });
}

/** Without the port, which a proxy may rewrite as it likes. */
function hostOf(hostSeen: string): string {
  return canonicalHostname(hostSeen.replace(/:\d+$/, ""));
}

function failureOf(error: Error, stage: Stage): ProbeOutcome {
  const code = "code" in error ? String(error.code) : error.name;
  // Something answered, but not in HTTP, or with more headers than we read.
  if (code.startsWith("HPE_")) return { kind: "wrong_answer" };
  return { kind: stage === "handshaking" ? "tls_failed" : "unreachable", reason: code };
}
