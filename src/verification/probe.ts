/**
 * Asks `/.well-known/waypost/<nonce>` through a tracking domain. Only our own edge can answer it, so a pass means that
 * recipients' clicks arrive, whatever DNS, proxy or CDN stands between. Before a certificate is ordered the path of the CA's
 * challenge is asked in the same way.
 *
 * The address is one that the caller resolved and that is checked here; the connection goes to exactly that address, with
 * the domain in Host and SNI. Nothing is resolved a second time, so no name can change its mind between check and connect.
 */
import { randomBytes } from "node:crypto";
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

export interface ReachOptions {
  /** For everything: connect, TLS handshake, reply, retry. */
  readonly timeoutMs: number;
  readonly mayReach: (host: string, address: string) => boolean;
  /** A certificate authority (PEM) trusted besides the usual ones. */
  readonly extraCa?: string | undefined;
}

export interface ProbeOptions extends ReachOptions {
  readonly probeKey: Buffer;
}

/** What is asked of the edge, new each time, and who alone can answer it. */
interface Question {
  readonly path: string;
  readonly readAnswer: (body: string) => { readonly hostSeen: string } | undefined;
}

const CHALLENGE_PATH = "/.well-known/acme-challenge/";
const CHALLENGE_TOKEN_BYTES = 32;
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
export function probe(target: ProbeTarget, { probeKey, ...options }: ProbeOptions): Promise<ProbeEvidence> {
  return reach(target, options, () => {
    const nonce = newProbeNonce();
    return {
      path: `${PROBE_PATH}${nonce}`,
      readAnswer: (body) => readProbeAnswer(body, nonce, probeKey),
    };
  });
}

/**
 * As a CA would validate the domain (RFC 8555 section 8.3), with a token of ours: whether the answer is the one that the account
 * with this thumbprint would give. Never throws, and ends within `timeoutMs`.
 */
export function probeChallenge(
  target: ProbeTarget,
  { thumbprint, ...options }: ReachOptions & { readonly thumbprint: string },
): Promise<ProbeEvidence> {
  return reach(target, options, () => {
    const token = randomBytes(CHALLENGE_TOKEN_BYTES).toString("base64url");
    const expected = `${token}.${thumbprint}`;
    return {
      path: `${CHALLENGE_PATH}${token}`,
      // White space at the end is allowed.
      readAnswer: (body) => (body.trimEnd() === expected ? { hostSeen: target.domain } : undefined),
    };
  });
}

async function reach(
  target: ProbeTarget,
  options: ReachOptions,
  ask: () => Question,
): Promise<ProbeEvidence> {
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
    const { outcome, stage } = await attempt(target, ask(), { ...options, address, deadline, connectMs });
    last = evidence(address, outcome);
    if (stage !== "connecting" || deadline.aborted) break;
  }
  return last;
}

interface AttemptOptions extends ReachOptions {
  readonly address: string;
  readonly deadline: AbortSignal;
  readonly connectMs: number | undefined;
}

function attempt(target: ProbeTarget, question: Question, options: AttemptOptions): Promise<Attempt> {
  const { path, readAnswer } = question;
  return new Promise((resolve) => {
    let stage: Stage = "connecting";
    let connectTimer: NodeJS.Timeout | undefined;
    const request = openRequest(target, path, options);
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
    request.on("response", (response) => readResponse(response, { readAnswer, settle, fail }));
    request.on("error", fail);
    // A reply that switches protocols ends in "close" alone.
    request.on("close", () => settle({ kind: "wrong_answer" }));
    request.end();
  });
}

function openRequest(target: ProbeTarget, path: string, options: AttemptOptions): ClientRequest {
  const { domain, scheme, port } = target;
  const isOwnPort = port === documentedPort(scheme === "https");
  const requestOptions = {
    host: options.address,
    family: isIP(options.address),
    port,
    path,
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
  readonly readAnswer: Question["readAnswer"];
  readonly settle: (outcome: ProbeOutcome) => void;
  readonly fail: (error: Error) => void;
}

function readResponse(response: IncomingMessage, { readAnswer, settle, fail }: ResponseHandling): void {
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
    const answer = readAnswer(Buffer.concat(chunks).toString("latin1"));
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
