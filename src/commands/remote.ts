/**
 * A running server, as commands talk to it. Which one, and with which key: flags, else the environment, else a profile,
 * else the server that this machine's configuration describes with the key it wrote to its data directory.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";

import { clientEnvironment, loadConfig } from "../config.ts";
import { AppError, type ErrorCode } from "../domain/errors.ts";
import { isLocalhost } from "../domain/hostname.ts";
import { inUrl, reachable } from "./local-address.ts";

export interface RemoteOptions {
  readonly url?: string;
  readonly key?: string;
  readonly profile?: string;
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

interface Address {
  readonly url: string;
  readonly key: string;
}

const TIMEOUT_MS = 90_000;
const MAX_REPLY_BYTES = 256 * 1024 * 1024;
const PROFILE_NAME = /^[A-Za-z0-9_-]{1,64}$/;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Nothing is sent yet. Throws when no server or key is named anywhere. Warns when the key would cross a network in clear. */
export function connect(options: RemoteOptions, warn: (line: string) => void = console.error): Remote {
  const { url, key } = findAddress(options);
  const base = parseUrl(url);
  if (base.protocol === "http:" && !isLocalhost(base.hostname) && !LOOPBACK.test(base.hostname)) {
    warn(`Warning: the key crosses the network to ${base.host} in clear. Use https.`);
  }
  const headers = { authorization: key, ...subaccountHeader(options.subaccount) };
  const send = (method: string, path: string, given: CallOptions, signal: AbortSignal): Promise<Response> =>
    request(new URL(`${base.pathname.replace(/\/+$/, "")}${path}`, base), { method, headers, given, signal });
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

function findAddress(options: RemoteOptions): Address {
  const environment = clientEnvironment();
  const profile = readProfile(options.profile ?? environment.profile, environment.configHome);
  const url = options.url ?? environment.url ?? profile?.url;
  const key = options.key ?? environment.key ?? profile?.key;
  if (url !== undefined && key !== undefined) return { url, key };
  const local = url === undefined ? localServer() : undefined;
  if (local !== undefined) return { url: local.url, key: key ?? local.key };
  throw new AppError(
    "invalid_parameters",
    url === undefined
      ? "No server is named. Use --url and --key, WAYPOST_URL and WAYPOST_API_KEY, or a profile (docs/command-line.md)."
      : `No key is given for ${url}. Use --key, WAYPOST_API_KEY, or a profile (docs/command-line.md).`,
  );
}

/** A profile is a file of `WAYPOST_URL=…` and `WAYPOST_API_KEY=…`. Only one that was asked for by name must be there. */
function readProfile(
  name: string | undefined,
  configHome: string,
): { readonly url: string | undefined; readonly key: string | undefined } | undefined {
  if (name !== undefined && !PROFILE_NAME.test(name)) {
    throw new AppError("invalid_parameters", "A profile's name has letters, digits, - and _ only");
  }
  const path = join(configHome, "waypost", `${name ?? "default"}.profile`);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    // The default one is optional.
    if (name === undefined) return undefined;
    throw new AppError("invalid_parameters", `There is no profile ${path}`);
  }
  const { WAYPOST_URL: url, WAYPOST_API_KEY: key } = parseEnv(text);
  return { url, key };
}

/** The server of this machine, when it left its first key in the data directory. */
function localServer(): Address | undefined {
  try {
    const { config } = loadConfig();
    const key = config.apiKey ?? readFileSync(join(config.dataDir, "first-key"), "utf8").trim();
    const scheme = config.apiTlsCertFile === undefined ? "http" : "https";
    return { url: `${scheme}://${inUrl(reachable(config.apiListen.host))}:${config.apiListen.port}`, key };
  } catch {
    // No configuration or no key here: the caller says what is missing.
    return undefined;
  }
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
}

async function request(url: URL, { method, given, signal, ...outgoing }: Outgoing): Promise<Response> {
  const headers = { ...outgoing.headers, ...given.headers };
  for (const [name, value] of Object.entries(given.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  const { body, contentType = "application/json" } = given;
  const content =
    body === undefined
      ? {}
      : {
          body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body),
          headers: { ...headers, "content-type": contentType },
        };
  try {
    return await fetch(url, { method, headers, redirect: "manual", signal, ...content });
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
  if (status === 404) return "not_found";
  return status >= 500 ? "unavailable" : "invalid_parameters";
}

/** SparkPost's error bodies: `{errors: [{message, description?, code?}]}`. */
function describeErrors(body: unknown): string | undefined {
  const errors = field(body, "errors");
  if (!Array.isArray(errors) || errors.length === 0) return undefined;
  return errors
    .map((error) => {
      const [message, description] = [field(error, "message"), field(error, "description")];
      return typeof description === "string" ? `${String(message)}: ${description}` : String(message);
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
