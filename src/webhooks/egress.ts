/**
 * The one way out to receivers. URLs come from tenants, so every connection is checked when it is made: an address
 * in the URL itself, and all addresses that a name resolves to. The connection goes to the addresses that were
 * checked; nothing is resolved a second time, so no name can change its mind in between. Redirects are not followed,
 * and no proxy of the environment is used.
 */
import { Resolver } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { getCACertificates } from "node:tls";

import { Agent, buildConnector, type Dispatcher, request } from "undici";

import { isLocalhost } from "../domain/hostname.ts";

export interface EgressOptions {
  /** Whether an address may be connected to. */
  readonly mayReach: (address: string) => boolean;
  /** `ip` or `ip:port`; `undefined`: the system's. */
  readonly dnsServers: readonly string[] | undefined;
  /** A certificate authority (PEM) trusted besides the usual ones. */
  readonly extraCa?: string | undefined;
  /** For everything from the look-up of the name to the last byte of the reply; 10 seconds unless given. */
  readonly timeoutMs?: number;
}

export interface PostRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Ends the request early. */
  readonly signal?: AbortSignal;
}

export interface PostReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** As much of it as was read. */
  readonly body: string;
}

export type Posted =
  | { readonly kind: "answered"; readonly reply: PostReply }
  /** `reason` is a code: `timeout`, `forbidden_address`, or what the connection ended with. */
  | { readonly kind: "unanswered"; readonly reason: string };

export interface Egress {
  /** Never throws. A reply counts once its body has ended, or has said more than anybody reads. */
  post(post: PostRequest): Promise<Posted>;
  /** Breaks off what is under way. */
  close(): Promise<void>;
}

/** SparkPost's. */
const TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 1000;
const MAX_REPLY_BYTES = 8 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_ADDRESSES = 16;
/** Leaves time for a second address when the first drops packets. */
const ADDRESS_TIMEOUT_MS = 2000;
const DNS_QUERY_MS = 1500;
const DNS_TRIES = 2;
/** Of the time for everything. */
const DNS_SHARE = 0.5;
/** Loopback by definition, and never asked for (RFC 6761 section 6.3). */
const LOOPBACK_ADDRESSES = ["127.0.0.1", "::1"];

/** A refusal of ours, with a code as Node's own errors have. */
class EgressError extends Error {
  override readonly name = "EgressError";
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export function createEgress(options: EgressOptions): Egress {
  const agent = new Agent({
    connect: createConnector(options),
    allowH2: false,
    pipelining: 1,
    // For bursts. A receiver that closes idle connections without a word would fail the next batch.
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // One deadline bounds everything; these would only race it.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return {
    post: (post) => send(post, agent, options.timeoutMs ?? TIMEOUT_MS),
    close: () => agent.destroy(),
  };
}

async function send(
  { url, headers, body, signal }: PostRequest,
  dispatcher: Agent,
  timeoutMs: number,
): Promise<Posted> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const signals = signal === undefined ? [deadline] : [deadline, signal];
  try {
    const response = await request(url, {
      method: "POST",
      headers: { "accept-encoding": "identity", ...headers },
      body,
      dispatcher,
      signal: AbortSignal.any(signals),
    });
    const reply = {
      status: response.statusCode,
      headers: flatten(response.headers),
      body: await readStart(response.body),
    };
    return { kind: "answered", reply };
  } catch (error) {
    return { kind: "unanswered", reason: deadline.aborted ? "timeout" : reasonOf(error) };
  }
}

/** Rejects when it breaks off before it has ended. The connection of a longer one is closed. */
async function readStart(body: Dispatcher.ResponseData["body"]): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop destroys the body, and its connection with it.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_REPLY_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_REPLY_BYTES).toString();
}

function flatten(headers: Dispatcher.ResponseData["headers"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : `${value}`,
    ]),
  );
}

function reasonOf(error: unknown): string {
  // Several addresses, several failures: the first speaks for them.
  const first = error instanceof AggregateError ? error.errors[0] : error;
  if (first instanceof Error && "code" in first && typeof first.code === "string") return first.code;
  return first instanceof Error ? first.name : "unknown";
}

function createConnector(options: EgressOptions): buildConnector.connector {
  const { mayReach, extraCa, timeoutMs = TIMEOUT_MS } = options;
  // Not asked for an address in place of a name: that is what the check below is for.
  const lookup: LookupFunction = (hostname, _options, callback) => {
    resolveChecked(hostname, options).then(
      (addresses) =>
        callback(
          null,
          addresses.map((address) => ({ address, family: isIP(address) })),
        ),
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };
  const connect = buildConnector({
    lookup,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
    allowH2: false,
    timeout: timeoutMs,
    // Stated, because an environment variable can switch the default off.
    rejectUnauthorized: true,
    ...(extraCa === undefined ? {} : { ca: [...getCACertificates("default"), extraCa] }),
  });
  return (target, callback) => {
    const isForbidden = isIP(target.hostname) !== 0 && !mayReach(target.hostname);
    if (isForbidden) queueMicrotask(() => callback(new EgressError("forbidden_address"), null));
    else connect(target, callback);
  };
}

/** One forbidden address among them is enough to refuse: who mixes them is up to something. */
async function resolveChecked(hostname: string, options: EgressOptions): Promise<readonly string[]> {
  const addresses = isLocalhost(hostname) ? LOOPBACK_ADDRESSES : await resolve(hostname, options);
  if (!addresses.every(options.mayReach)) throw new EgressError("forbidden_address");
  return addresses;
}

/** Not the system's `getaddrinfo`: slow name servers of tenants would hold up the threads that files are written with. */
async function resolve(
  hostname: string,
  { dnsServers, timeoutMs = TIMEOUT_MS }: EgressOptions,
): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: DNS_QUERY_MS, tries: DNS_TRIES });
  if (dnsServers !== undefined) resolver.setServers(dnsServers);
  const timer = setTimeout(() => resolver.cancel(), timeoutMs * DNS_SHARE);
  const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  clearTimeout(timer);
  const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  if (addresses.length > 0) return addresses.slice(0, MAX_ADDRESSES);
  const code = answers[0].status === "rejected" ? reasonOf(answers[0].reason) : "ENODATA";
  throw new EgressError(code === "ECANCELLED" ? "ETIMEOUT" : code);
}
