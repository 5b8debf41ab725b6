/**
 * One HTTPS request to a certificate authority, bounded in size and time. It follows no redirect. The URLs come from the CA itself, so
 * they may lead to the CA's own host (wherever the operator has it) or to a public address, and nowhere else: a CA that is
 * hostile, or was taken over, gets no request into our own network.
 */
import { lookup } from "node:dns";
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { getCACertificates } from "node:tls";

import { isLocalhost } from "../domain/hostname.ts";
import { isPublicUnicast } from "../verification/address-policy.ts";
import { AcmeError, localProblem, parseRetryAfter, readProblem } from "./acme-error.ts";

export interface TransportOptions {
  readonly directoryUrl: string;
  /** A certificate authority (PEM) whose word for the CA's own TLS counts, besides the usual ones. */
  readonly extraCa?: string | undefined;
  /** For one request, from connecting to the reply's last byte. */
  readonly requestTimeoutMs: number;
  readonly userAgent: string;
  /** How names become addresses; the system's way unless given. */
  readonly lookup?: typeof lookup;
}

export interface CaRequest {
  readonly method: "GET" | "HEAD" | "POST";
  readonly url: string;
  /** A signed request. */
  readonly body?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
}

/** What came, with any status. */
export interface CaReply {
  readonly status: number;
  readonly body: Buffer;
  /** Without parameters, lower case. */
  readonly contentType: string;
  readonly retryAfterMs: number | undefined;
  readonly nonce: string | undefined;
  /** Absolute. */
  readonly location: string | undefined;
}

/** Throws an {@link AcmeError} when there was no usable reply, and the signal's reason when that was aborted. */
export type Transport = (request: CaRequest) => Promise<CaReply>;

const MAX_BODY_BYTES = 1024 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;
const NONCE = /^[A-Za-z0-9_-]{1,256}$/;

/** Throws `invalidResponse` unless the directory is https, or http on loopback. */
export function createTransport(options: TransportOptions): Transport {
  const { directoryUrl, extraCa, requestTimeoutMs, userAgent } = options;
  const resolve = options.lookup ?? lookup;
  const resolvePublic = publicOnly(resolve);
  const home = parseUrl(directoryUrl);
  const ca = extraCa === undefined ? {} : { ca: [...getCACertificates("default"), extraCa] };

  return async ({ method, url, body, accept = "application/json", signal }) => {
    signal?.throwIfAborted();
    const target = parseUrl(url);
    const isHome = target.hostname === home.hostname;
    if (!isHome && !mayBePublic(target.hostname)) throw forbiddenAddress();
    const timeout = AbortSignal.timeout(requestTimeoutMs);
    const requestOptions = {
      method,
      headers: {
        accept,
        "accept-encoding": "identity",
        "accept-language": "en",
        "user-agent": userAgent,
        ...(body === undefined
          ? {}
          : { "content-type": "application/jose+json", "content-length": Buffer.byteLength(body) }),
      },
      agent: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      lookup: isHome ? resolve : resolvePublic,
    } as const;
    try {
      const { headers, statusCode = 0, chunks } = await exchange(target, { ...requestOptions, ...ca }, body);
      return { status: statusCode, body: Buffer.concat(chunks), ...readHeaders(headers, target) };
    } catch (error) {
      signal?.throwIfAborted();
      if (timeout.aborted) throw localProblem("timeout", `the CA took longer than ${requestTimeoutMs} ms`);
      throw error instanceof AcmeError ? error : localProblem("unreachable", codeOf(error));
    }
  };
}

/** The object in a reply that is JSON; throws what a reply that failed says. */
export function readJson(reply: CaReply): Readonly<Record<string, unknown>> {
  const { status, contentType } = reply;
  if (status >= 400) throw problemOf(reply);
  if (status < 200 || status >= 300)
    throw localProblem("invalidResponse", "the CA answered with a redirect or an unfinished reply", {
      status,
    });
  if (!isJson(contentType))
    throw localProblem("invalidResponse", "the CA answered with something other than JSON", { status });
  const value = parseJson(reply);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw localProblem("invalidResponse", "the CA answered with broken JSON", { status });
  return value as Readonly<Record<string, unknown>>;
}

/** What a reply that failed says; what its status means when it says nothing. */
export function problemOf(reply: CaReply): AcmeError {
  const { status, retryAfterMs } = reply;
  return readProblem(parseJson(reply), { status, retryAfterMs });
}

interface Exchanged {
  readonly statusCode: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly chunks: readonly Buffer[];
}

function exchange(target: URL, options: object, body: string | undefined): Promise<Exchanged> {
  return new Promise((resolve, reject) => {
    const open = target.protocol === "https:" ? httpsRequest : httpRequest;
    // Stated, because an environment variable can switch the default off.
    const request = open(target, { ...options, rejectUnauthorized: true });
    request.on("response", (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("error", reject);
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        chunks.push(chunk);
        if (length > MAX_BODY_BYTES)
          request.destroy(
            localProblem("invalidResponse", `the CA's reply is longer than ${MAX_BODY_BYTES} bytes`),
          );
      });
      response.on("end", () =>
        resolve({ statusCode: response.statusCode, headers: response.headers, chunks }),
      );
    });
    request.on("error", reject);
    // A reply that switches protocols ends in "close" alone.
    request.on("close", () => reject(new Error("closed")));
    request.end(body);
  });
}

function readHeaders(headers: IncomingHttpHeaders, target: URL): Omit<CaReply, "status" | "body"> {
  const nonce = headers["replay-nonce"];
  return {
    contentType: (headers["content-type"] ?? "").split(";", 1).join("").trim().toLowerCase(),
    retryAfterMs: parseRetryAfter(headers["retry-after"], Date.now()),
    nonce: typeof nonce === "string" && NONCE.test(nonce) ? nonce : undefined,
    location: headers.location === undefined ? undefined : URL.parse(headers.location, target.href)?.href,
  };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  const isSecure =
    url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(unbracketed(url.hostname)));
  if (url === null || !isSecure || url.username !== "" || url.password !== "")
    throw localProblem("invalidResponse", "a CA is spoken to by https only");
  return url;
}

/** Names have still to pass {@link publicOnly}, which addresses never come to. */
function mayBePublic(hostname: string): boolean {
  const host = unbracketed(hostname);
  return isIP(host) === 0 ? !isLocalhost(host) : isPublicUnicast(host);
}

function isLoopback(host: string): boolean {
  return isLocalhost(host) || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function unbracketed(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

/** One address that is not public is reason enough: which of them is connected to is not ours to say. */
function publicOnly(resolve: typeof lookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) return callback(error ?? forbiddenAddress(), []);
      if (!addresses.every(({ address }) => isPublicUnicast(address)))
        return callback(forbiddenAddress(), []);
      return options.all === true ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };
}

function forbiddenAddress(): AcmeError {
  return localProblem("invalidResponse", "the CA named an address that is not public");
}

function isJson(contentType: string): boolean {
  return /^application\/(?:[a-z0-9.-]+\+)?json$/.test(contentType);
}

function parseJson({ body, contentType }: CaReply): unknown {
  if (!isJson(contentType)) return undefined;
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    // What the CA meant is not to be had; the caller says so.
    return undefined;
  }
}

/** Names the kind of failure and never the address. */
function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^[A-Z0-9_]{1,64}$/.test(code) ? code : "the connection failed";
}
