/** A running server, as commands talk to it. */
import { AppError, type ErrorCode } from "../domain/errors.ts";
import { isLocalhost } from "../domain/hostname.ts";
import { httpsFetch, type Trust } from "./https-fetch.ts";
import { plain } from "./output.ts";
import { type AddressOptions, findAddress } from "./server-address.ts";

export interface RemoteOptions extends AddressOptions {
  readonly subaccount?: string;
}

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: object | Buffer;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface Remote {
  /** Without a slash at the end. */
  readonly url: string;
  /** The reply's JSON; `undefined` for an empty one. Throws `AppError` with the server's own words. */
  call(method: string, path: string, options?: CallOptions): Promise<unknown>;
  /** The reply as it comes, when it is a success: its body may take for ever. */
  open(method: string, path: string, options?: CallOptions): Promise<Response>;
}

const TIMEOUT_MS = 90_000;
const MAX_REPLY_BYTES = 256 * 1024 * 1024;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Nothing is sent yet. Throws when no server or key is named anywhere. Warns when the key would cross a network in clear. */
export function connect(options: RemoteOptions, warn: (line: string) => void = console.error): Remote {
  const { url, key, ...trust } = findAddress(options);
  const base = parseUrl(url);
  if (base.protocol === "http:" && !isLocalhost(base.hostname) && !LOOPBACK.test(base.hostname)) {
    warn(`Warning: the key crosses the network to ${base.host} in clear. Use https.`);
  }
  const headers = { authorization: key, ...subaccountHeader(options.subaccount) };
  const send = (method: string, path: string, given: CallOptions, signal: AbortSignal): Promise<Response> =>
    request(new URL(`${base.pathname.replace(/\/+$/, "")}${path}`, base), {
      method,
      headers,
      given,
      signal,
      trust,
    });
  return {
    url: base.href.replace(/\/+$/, ""),
    call: async (method, path, given = {}) => {
      const response = await send(method, path, given, AbortSignal.timeout(given.timeoutMs ?? TIMEOUT_MS));
      return readJson(await succeeded(response));
    },
    open: async (method, path, given = {}) => {
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(), given.timeoutMs ?? TIMEOUT_MS);
      try {
        return await succeeded(await send(method, path, given, late.signal));
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new AppError("invalid_parameters", "--url must be like https://waypost.example.com");
  }
  return url;
}

function subaccountHeader(subaccount: string | undefined): Readonly<Record<string, string>> {
  if (subaccount === undefined) return {};
  if (!/^\d{1,10}$/.test(subaccount)) {
    throw new AppError("invalid_parameters", "--subaccount must be the number of a subaccount");
  }
  return { "x-msys-subaccount": subaccount };
}

interface Outgoing {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly given: CallOptions;
  readonly signal: AbortSignal;
  readonly trust: Trust;
}

async function request(url: URL, { method, given, signal, trust, ...outgoing }: Outgoing): Promise<Response> {
  const headers = { ...outgoing.headers, ...given.headers };
  for (const [name, value] of Object.entries(given.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  const { body, contentType = "application/json" } = given;
  const content =
    body === undefined
      ? { headers }
      : {
          body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body),
          headers: { ...headers, "content-type": contentType },
        };
  const outgoingRequest = { method, signal, ...content };
  const isTrustedAsUsual = trust.extraCa.length === 0 && trust.certificateName === undefined;
  try {
    return url.protocol === "http:" || isTrustedAsUsual
      ? await fetch(url, { redirect: "manual", ...outgoingRequest })
      : await httpsFetch(url, outgoingRequest, trust);
  } catch (error) {
    throw new AppError("unavailable", `${url.origin} does not answer: ${reasonOf(error)}`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError" || error.name === "AbortError") return "it took too long";
  const { cause } = error;
  if (cause instanceof AggregateError) return cause.errors.map((one) => reasonOf(one)).join(", ");
  return cause instanceof Error ? cause.message : error.message;
}

async function succeeded(response: Response): Promise<Response> {
  if (response.ok) return response;
  const described = describeErrors(await readJson(response).catch(() => undefined));
  throw new AppError(
    codeOf(response.status),
    described ?? `the server answered with HTTP status ${response.status}`,
  );
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 404) return "not_found";
  return status >= 500 ? "unavailable" : "invalid_parameters";
}

/** SparkPost's error bodies: `{errors: [{message, description?, code?}]}`. A line each, whatever the server says. */
function describeErrors(body: unknown): string | undefined {
  const errors = field(body, "errors");
  if (!Array.isArray(errors) || errors.length === 0) return undefined;
  return errors
    .map((error) => {
      const [message, description] = [field(error, "message"), field(error, "description")];
      return typeof description === "string" ? `${plain(message)}: ${plain(description)}` : plain(message);
    })
    .join("\n");
}

async function readJson(response: Response): Promise<unknown> {
  if (Number(response.headers.get("content-length") ?? 0) > MAX_REPLY_BYTES) {
    throw new AppError("unavailable", "the server's reply is too large");
  }
  const text = await response.text();
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new AppError("unavailable", "the server's reply is not JSON: is that a Waypost API?");
  }
}

/** A property of what came from outside, whatever that is. */
export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

/** A reply's `results`, as a list of things. */
export function listOf(reply: unknown): readonly unknown[] {
  const results = field(reply, "results");
  return Array.isArray(results) ? results : [];
}
