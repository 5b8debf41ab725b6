/**
 * Every setting of Waypost, in one table: from it come the parser, the types, docs/config.md, the
 * command line's help and the start-up summary. Order: defaults < file < environment < flags.
 */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { availableParallelism, homedir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { parseEnv } from "node:util";

import { isAddressOrCidr } from "./domain/address-list.ts";
import { AppError } from "./domain/errors.ts";
import { isLocalhost, parseHostname } from "./domain/hostname.ts";
import type { CertificatePolicy } from "./domain/issuance.ts";
import { PRIVACY_MODES } from "./domain/privacy.ts";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

interface Setting<T> {
  /** How the default reads in the documentation. */
  readonly default: string;
  /** Parses what somebody wrote, `undefined` when nobody did. Throws an Error whose message ends the sentence "WAYPOST_X …". */
  readonly parse: (text: string | undefined) => T;
  readonly description: string;
  readonly secret?: true;
}

/** A machine has 64 writer slots, and each worker needs one twice during a restart. */
const MAX_EDGE_WORKERS = 32;
/** The address that the API's specification prints in the text for restricted domains. */
export const SPECIFIED_SUPPORT_EMAIL = "support@sparkpost.com";
const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

export const SETTINGS = {
  dataDir: setting(
    "./data",
    (text) => folder(text ?? "./data"),
    "Where SQLite files live, the spool (opens and clicks that wait to be stored) and the snapshot (what the edge needs to answer with nothing else running).",
  ),
  databaseUrl: setting("none: SQLite", optional(databaseUrl), "`postgres://…` for a shared store.", true),
  roles: setting(
    "api,worker,edge",
    roles,
    "What this machine does, separated by commas: `api` (API), `worker` (background verification, retention), `edge` (answers recipients, moves their events to the store).",
  ),
  apiListen: setting(
    "127.0.0.1:8080",
    listen("127.0.0.1:8080"),
    "API, its OpenAPI document, and the console.",
  ),
  apiTlsCertFile: setting(
    "none: plain HTTP",
    optional(readableFile),
    "The API's and console's own certificate with those that signed it (PEM). Looked at every few seconds: whoever renews it need not restart anything.",
  ),
  apiTlsKeyFile: setting("none: plain HTTP", optional(readableFile), "The key of that certificate (PEM)."),
  edgeHttpListen: setting(
    "0.0.0.0:8081",
    listen("0.0.0.0:8081"),
    "Edge, plain HTTP. In production: `0.0.0.0:80`.",
  ),
  edgeHttpsListen: setting(
    "off",
    (text) => (text === undefined || text === "off" ? undefined : listen("off")(text)),
    "Edge, HTTPS, with each tracking domain's own certificate. In production: `0.0.0.0:443`.",
  ),
  opsListen: setting("127.0.0.1:8082", listen("127.0.0.1:8082"), "`/healthz`, `/readyz` and `/metrics`."),
  publicHttpPort: setting(
    "80",
    wholeNumber(80, 1, 65_535),
    "The port recipients reach the edge at over HTTP: in links (left out when 80), probes and error texts. Names under `localhost` use the port the edge listens on.",
  ),
  publicHttpsPort: setting(
    "443",
    wholeNumber(443, 1, 65_535),
    "The same for HTTPS (left out of links when 443).",
  ),
  tls: setting(
    "internal",
    oneOf("internal", ["internal", "external"]),
    "Who ends TLS: `internal`, the edge itself, with a certificate of each domain; `external`, a proxy or CDN in front of it that has the certificates.",
  ),
  caFile: setting(
    "none",
    optional(pemFile),
    "A file with certificate authorities (PEM) to trust besides the usual ones: when domains are probed over https, when certificates are ordered, when webhooks are posted, and when commands talk to a server.",
  ),
  acmeTermsAgreed: setting(
    "no",
    oneOf("no", ["no", "yes"]),
    "`yes`: you agree to the terms of service of the CA at `WAYPOST_ACME_DIRECTORY`, and Waypost orders certificates there for secure tracking domains. Without it none is ordered.",
  ),
  acmeDirectory: setting(
    "https://acme-v02.api.letsencrypt.org/directory",
    (text) => directoryUrl(text ?? "https://acme-v02.api.letsencrypt.org/directory"),
    "The ACME directory of the CA. The default is Let's Encrypt; to try things out, its staging environment.",
  ),
  acmeEmail: setting("none", optional(emailAddress), "Where the CA may reach you about your certificates."),
  acmeEabKeyId: setting(
    "none",
    optional(atLeast(1)),
    "The key identifier of an external account, for CAs that ask for one.",
  ),
  acmeEabHmacKey: setting(
    "none",
    optional(base64url),
    "The key of the external account, in base64url as the CA hands it out.",
    true,
  ),
  acmeOrdersPerHour: setting(
    "90",
    wholeNumber(90, 1, 10_000),
    "Certificates that all machines together order in an hour. The default stays below Let's Encrypt's 300 in three hours; raise it when your CA has raised its limit.",
  ),
  cnameTarget: setting(
    "localhost",
    (text) => (text === undefined || isLocalhost(text) ? (text ?? "localhost") : hostname(text)),
    "The name customers point their CNAME at. Left at the default, only names under `localhost` can work.",
  ),
  dnsServers: setting(
    "the system's",
    list(dnsServer),
    "`ip[:port],…`: who is asked in verification look-ups, for probes and for webhooks.",
  ),
  probePrivate: setting(
    "deny",
    oneOf("deny", ["deny", "allow"]),
    "`allow` lets probes and webhooks reach private and loopback addresses, webhooks at any port. Names under `localhost` may always be probed.",
  ),
  apiKey: setting(
    "generated",
    optional(atLeast(20)),
    "The first API key, created on first start, at least 20 characters. A generated one is shown once on a terminal, else written to `<data dir>/first-key` (0600).",
    true,
  ),
  secret: setting(
    "generated into the data directory",
    optional(atLeast(32)),
    "Master secret that seals stored keys, at least 32 characters. Required when machines share a database; one that does not fit the store refuses to start.",
    true,
  ),
  edgeWorkers: setting(
    "cores - 1, at least 1",
    wholeNumber(Math.min(MAX_EDGE_WORKERS, Math.max(1, availableParallelism() - 1)), 1, MAX_EDGE_WORKERS),
    "Edge processes that share the edge's port, 32 at most. Up to 16 overlap two commits each.",
  ),
  edgeCommitDeadlineMs: setting(
    "25",
    wholeNumber(25, 0, 10_000),
    "Milliseconds a recipient waits at most for the event to be durable. Later commits still count; only a crash before them loses the event.",
  ),
  spoolMaxMb: setting(
    "4096",
    wholeNumber(4096, 16, 1_048_576),
    "Megabytes the spool, in which opens and clicks wait to be stored, may take on disk. Beyond it redirects go on and the loss is counted.",
  ),
  edgeMaxRequestsPerAddress: setting(
    "0: any number",
    wholeNumber(0, 0, 1_000_000),
    "Requests that one address (of IPv6, a /64) may make to an edge worker in ten seconds; more are answered with 403.",
  ),
  trustedProxies: setting(
    "none",
    list(cidr),
    "Addresses and CIDRs, separated by commas, whose forwarding headers count.",
  ),
  sessionIdleMinutes: setting(
    "480",
    wholeNumber(480, 1, 525_600),
    "Minutes without use after which a session of the console ends.",
  ),
  sessionHours: setting("168", wholeNumber(168, 1, 8760), "Hours after which it ends in any case."),
  restrictedDomains: setting(
    "none",
    list(restrictedName),
    "Names that nobody may create as tracking domains, separated by commas. `acme.com` is that name, `.acme.com` that name and all under it.",
  ),
  supportEmail: setting(
    SPECIFIED_SUPPORT_EMAIL,
    (text) => emailAddress(text ?? SPECIFIED_SUPPORT_EMAIL),
    "Where customers are told to write whose domain is restricted. The default is SparkPost's, as the API's specification prints it: set yours.",
  ),
  auditRetentionDays: setting(
    "400",
    wholeNumber(400, 1, 36_500),
    "Days that the audit trail keeps its entries.",
  ),
  geoipFile: setting(
    "none",
    optional(path),
    "A database in MaxMind's format (`.mmdb`) that says where addresses are; events then have `geo_ip`. Read again when it changes.",
  ),
  classificationFile: setting(
    "none",
    optional(path),
    "A JSON file with networks and user agents of your own for the rules that tell people from machines: `docs/classification.md`. Read again when it changes.",
  ),
  honeypotLink: setting(
    "off",
    oneOf("off", ["off", "on"]),
    "`on` adds an invisible link to wrapped HTML, which scanners follow and people cannot: `docs/classification.md` says what speaks for and against it.",
  ),
  webhookBatchWaitMs: setting(
    "5000",
    wholeNumber(5000, 0, 60_000),
    "Milliseconds that a webhook's batch waits for more events. A full one, of 350, goes out at once.",
  ),
  privacyMode: setting(
    "full",
    oneOf("full", PRIVACY_MODES),
    "How much is kept of what recipients do: `full`, `pseudonymous`, `anonymous` or `off`. Subaccounts and single recipients can be stricter: `docs/privacy.md`.",
  ),
  truncateIps: setting(
    "false",
    oneOf("false", ["false", "true"]),
    "`true` keeps of every recipient's IP address the network alone (IPv4 /24, IPv6 /48), whatever the mode.",
  ),
  eventRetentionDays: setting("400", wholeNumber(400, 1, 36_500), "Days that events are kept."),
  messageRetentionDays: setting(
    "60",
    wholeNumber(60, 1, 36_500),
    "Days that is kept what is known of a message (campaign, metadata, subject, …) from the call that wrapped it.",
  ),
  enrichmentDays: setting(
    "60",
    wholeNumber(60, 0, 36_500),
    "Days after sending during which a message's events get what is known of it. Later ones have only what stands in the link.",
  ),
  logLevel: setting("info", oneOf("info", LOG_LEVELS), `One of ${LOG_LEVELS.join(", ")}.`),
} as const satisfies Record<string, Setting<unknown>>;

/** A setting as the console shows it. */
export interface DescribedSetting {
  readonly name: string;
  /** Of a secret, whether it is set. */
  readonly value: unknown;
  readonly default: string;
  readonly description: string;
  readonly secret: boolean;
}

export type SettingKey = keyof typeof SETTINGS;
export type Config = { readonly [K in SettingKey]: ReturnType<(typeof SETTINGS)[K]["parse"]> };

export interface LoadedConfig {
  readonly config: Config;
  /** Unknown `WAYPOST_…` variables: a typo, or a setting of another version. */
  readonly warnings: readonly string[];
}

/** All that is wrong with a configuration, one line each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

export interface ConfigSources {
  /** Path of a file of `WAYPOST_X=value` lines; also read from `WAYPOST_CONFIG`. */
  readonly file?: string | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly flags?: Partial<Record<SettingKey, string>>;
}

const SETTING_KEYS = Object.keys(SETTINGS) as SettingKey[];
const VARIABLES = new Map(SETTING_KEYS.map((key) => [variableName(key), key]));
/** Not settings of the server: where its file is, and what the tests and the command line's client read. */
const OTHER_VARIABLES = /^WAYPOST_(CONFIG|URL|PROFILE|TEST_\w+)$/;

/** `dataDir` → `WAYPOST_DATA_DIR`. */
export function variableName(key: SettingKey): string {
  return `WAYPOST_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** `dataDir` → `--data-dir`. */
export function flagName(key: SettingKey): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Reads and checks all settings. Throws {@link ConfigError} with every problem at once. */
export function loadConfig({
  file,
  environment = process.env,
  flags = {},
}: ConfigSources = {}): LoadedConfig {
  const problems: string[] = [];
  const fromFile = readSettings(file ?? environment["WAYPOST_CONFIG"], problems);
  const warnings: string[] = [];
  const texts = new Map<SettingKey, string>(fromFile);
  for (const [name, value] of Object.entries(environment)) {
    const key = VARIABLES.get(name);
    if (key !== undefined && value !== undefined && value !== "") texts.set(key, value);
    if (key === undefined && name.startsWith("WAYPOST_") && !OTHER_VARIABLES.test(name)) {
      warnings.push(`${name} is not a setting of this version`);
    }
  }
  for (const key of SETTING_KEYS) {
    const flag = flags[key];
    if (flag !== undefined) texts.set(key, flag);
  }
  const config = parseSettings(texts, problems);
  if (problems.length === 0) problems.push(...conflicts(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return { config, warnings };
}

/** Where the certificates of tracking domains come from. */
export function certificatePolicy({ tls, acmeTermsAgreed }: Config): CertificatePolicy {
  if (tls === "external") return "none";
  return acmeTermsAgreed === "yes" ? "managed" : "own";
}

/** The configuration as it may be logged: secrets only say whether they are set. */
export function describeConfig(config: Config): Record<string, unknown> {
  return Object.fromEntries(
    SETTING_KEYS.map((key) => {
      const secret = "secret" in SETTINGS[key];
      const value = config[key];
      return [variableName(key), secret ? value !== undefined : (value ?? null)];
    }),
  );
}

/** Every setting with what is in force, in the order of the documentation. */
export function listSettings(config: Config): readonly DescribedSetting[] {
  const values = describeConfig(config);
  return SETTING_KEYS.map((key) => ({
    name: variableName(key),
    value: values[variableName(key)],
    default: SETTINGS[key].default,
    description: SETTINGS[key].description,
    secret: "secret" in SETTINGS[key],
  }));
}

/** What no setting shows alone. */
function conflicts(config: Config): readonly string[] {
  const listeners = (["apiListen", "edgeHttpListen", "edgeHttpsListen", "opsListen"] as const).flatMap(
    (key) => {
      const address = config[key];
      return address === undefined ? [] : [{ key, ...address }];
    },
  );
  const same = listeners.flatMap((one, index) =>
    listeners
      .slice(index + 1)
      .filter((other) => other.port === one.port && one.port !== 0 && overlap(one.host, other.host))
      .map((other) => `${variableName(one.key)} and ${variableName(other.key)} are the same address`),
  );
  const tls = tlsConflict(config);
  if (tls !== undefined) return [...same, tls];
  const isPart = config.roles.length < ROLES.length && config.databaseUrl === undefined;
  const hasHalfAnAccount = (config.acmeEabKeyId === undefined) !== (config.acmeEabHmacKey === undefined);
  return [
    ...same,
    ...(isPart
      ? ["WAYPOST_ROLES of less than all need WAYPOST_DATABASE_URL: a SQLite file is one machine's"]
      : []),
    ...(hasHalfAnAccount
      ? ["WAYPOST_ACME_EAB_KEY_ID and WAYPOST_ACME_EAB_HMAC_KEY belong together: set both or neither"]
      : []),
  ];
}

/** A pair that does not fit would keep the API from starting, again and again. */
function tlsConflict({ apiTlsCertFile, apiTlsKeyFile }: Config): string | undefined {
  if (apiTlsCertFile === undefined && apiTlsKeyFile === undefined) return undefined;
  if (apiTlsCertFile === undefined || apiTlsKeyFile === undefined) {
    return "WAYPOST_API_TLS_CERT_FILE and WAYPOST_API_TLS_KEY_FILE go together: one of them is missing";
  }
  try {
    createSecureContext({ cert: readFileSync(apiTlsCertFile), key: readFileSync(apiTlsKeyFile) });
    return undefined;
  } catch {
    // OpenSSL's own words would say less.
    return "WAYPOST_API_TLS_CERT_FILE and WAYPOST_API_TLS_KEY_FILE are not a certificate and its key in PEM form";
  }
}

function overlap(one: string, other: string): boolean {
  const everywhere = new Set(["0.0.0.0", "::"]);
  return one === other || everywhere.has(one) || everywhere.has(other);
}

/** What the command line's client reads of its environment. */
export interface ClientEnvironment {
  readonly url: string | undefined;
  readonly key: string | undefined;
  readonly profile: string | undefined;
  /** The file of this machine's settings. */
  readonly configFile: string | undefined;
  /** Where a person's programs keep their settings (XDG Base Directory Specification). */
  readonly configHome: string;
  /** Of SparkPost's own API, for an import from there. */
  readonly sparkpostKey: string | undefined;
  /** The path of a file. */
  readonly caFile: string | undefined;
}

export function clientEnvironment(): ClientEnvironment {
  const given = (name: string): string | undefined => process.env[name] || undefined;
  return {
    url: given("WAYPOST_URL"),
    key: given("WAYPOST_API_KEY"),
    profile: given("WAYPOST_PROFILE"),
    configFile: given("WAYPOST_CONFIG"),
    configHome: given("XDG_CONFIG_HOME") ?? join(homedir(), ".config"),
    sparkpostKey: given("SPARKPOST_API_KEY"),
    caFile: given("WAYPOST_CA_FILE"),
  };
}

/** The environment of a process that shall see no setting of this one but these. */
export function searchPathAnd(settings: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], ...settings };
}

/** The environment of somebody else's program: all but our settings, among which are secrets. */
export function foreignEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("WAYPOST_")));
}

/**
 * Puts flags into this process's environment, for the child processes that read the same settings: what is secret
 * stands in no list of processes then.
 */
export function exportFlags(file: string | undefined, flags: Partial<Record<SettingKey, string>>): void {
  if (file !== undefined) process.env["WAYPOST_CONFIG"] = file;
  for (const key of SETTING_KEYS) {
    const value = flags[key];
    if (value !== undefined) process.env[variableName(key)] = value;
  }
}

function parseSettings(texts: ReadonlyMap<SettingKey, string>, problems: string[]): Config {
  const parsed = SETTING_KEYS.map((key) => {
    try {
      return [key, SETTINGS[key].parse(texts.get(key))];
    } catch (error) {
      problems.push(`${variableName(key)} ${error instanceof Error ? error.message : String(error)}`);
      return [key, undefined];
    }
  });
  return Object.fromEntries(parsed) as Config;
}

function readSettings(path: string | undefined, problems: string[]): Map<SettingKey, string> {
  const texts = new Map<SettingKey, string>();
  if (path === undefined) return texts;
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    problems.push(
      `The configuration file ${path} cannot be read: ${error instanceof Error ? error.message : error}`,
    );
    return texts;
  }
  for (const [name, value] of Object.entries(parseEnv(content))) {
    const key = VARIABLES.get(name);
    if (key === undefined) problems.push(`${path}: ${name} is not a setting of this version`);
    else if (value !== undefined && value !== "") texts.set(key, value);
  }
  return texts;
}

function setting<T>(
  defaultText: string,
  parse: Setting<T>["parse"],
  description: string,
  secret?: true,
): Setting<T> {
  return secret === undefined
    ? { default: defaultText, parse, description }
    : { default: defaultText, parse, description, secret };
}

function optional<T>(parse: (text: string) => T): (text: string | undefined) => T | undefined {
  return (text) => (text === undefined ? undefined : parse(text));
}

function list(parse: (text: string) => string): (text: string | undefined) => readonly string[] {
  return (text) =>
    (text ?? "")
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "")
      .map(parse);
}

function listen(defaultText: string): (text: string | undefined) => ListenAddress {
  return (text = defaultText) => {
    const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3]);
    if (host === undefined || port > 65_535) throw new Error(`must be ADDRESS:PORT, but is '${text}'`);
    return { host, port };
  };
}

function wholeNumber(fallback: number, min: number, max: number): (text: string | undefined) => number {
  return (text) => {
    const value = text === undefined ? fallback : /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new Error(`must be a whole number from ${min} to ${max}, but is '${text}'`);
    return value;
  };
}

function oneOf<T extends string>(fallback: T, values: readonly T[]): (text: string | undefined) => T {
  return (text) => {
    const value = text === undefined ? fallback : values.find((candidate) => candidate === text);
    if (value === undefined) throw new Error(`must be one of ${values.join(", ")}, but is '${text}'`);
    return value;
  };
}

function atLeast(length: number): (text: string) => string {
  return (text) => {
    if (text.length < length)
      throw new Error(`must have at least ${length} characters, but has ${text.length}`);
    if (!/^[\x21-\x7e]+$/.test(text))
      throw new Error("must consist of printable ASCII characters without spaces");
    return text;
  };
}

const ROLES = ["api", "worker", "edge"] as const;
type Role = (typeof ROLES)[number];

function roles(text = ROLES.join(",")): readonly Role[] {
  return text.split(",").map((entry) => {
    const role = ROLES.find((candidate) => candidate === entry.trim());
    if (role === undefined) throw new Error(`must be a list of ${ROLES.join(", ")}, but has '${entry}'`);
    return role;
  });
}

function folder(text: string): string {
  if (text.trim() === "" || text.includes("\0")) throw new Error(`must be a folder, but is '${text}'`);
  return text;
}

/** Tried once, so that what is wrong with it shows at the start. */
function readableFile(path: string): string {
  readText(path);
  return path;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new Error(`must be a file that can be read, but is '${path}'`);
  }
}

/** What is in the file is checked by who uses it: it may change later, and can be large. */
function path(text: string): string {
  if (text.trim() === "" || text.includes("\0")) throw new Error(`must be a file, but is '${text}'`);
  return text;
}

/** Read once, so that what is wrong with it shows at the start. */
function pemFile(path: string): string {
  const content = readText(path);
  if (!content.includes("-----BEGIN CERTIFICATE-----"))
    throw new Error("must be a file with PEM certificates");
  return content;
}

function emailAddress(text: string): string {
  if (!/^[^\s@]+@[^\s@]+$/.test(text)) throw new Error(`must be an e-mail address, but is '${text}'`);
  return text;
}

/** Plain http only where nobody can listen: a CA in a test. */
function directoryUrl(text: string): string {
  const { protocol, hostname: host, username, password } = URL.parse(text) ?? {};
  const isLoopback = host === "localhost" || host === "127.0.0.1" || host === "[::1]";
  if (protocol !== "https:" && !(protocol === "http:" && isLoopback))
    throw new Error("must be an https:// URL");
  if (username !== "" || password !== "") throw new Error("must be a URL without user name and password");
  return text;
}

function base64url(text: string): string {
  if (!/^[A-Za-z0-9_-]{16,}={0,2}$/.test(text)) throw new Error("must be base64url, as the CA hands it out");
  return text;
}

function databaseUrl(text: string): string {
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) throw new Error("must be a postgres:// URL");
  return text;
}

function hostname(text: string): string {
  try {
    return parseHostname(text);
  } catch (error) {
    if (error instanceof AppError) throw new Error(`must be a host name, but is '${text}'`);
    throw error;
  }
}

function dnsServer(text: string): string {
  const match = /^(?:\[([^\]]+)\]|([^:]+)|([0-9a-f:]+))(?::(\d+))?$/i.exec(text);
  const address = match?.[1] ?? match?.[2] ?? match?.[3] ?? "";
  if (isIP(address) === 0 || Number(match?.[4] ?? 53) > 65_535) {
    throw new Error(`must be ip[:port],… but has '${text}'`);
  }
  return text;
}

function cidr(text: string): string {
  if (!isAddressOrCidr(text)) throw new Error(`must be IP addresses or CIDRs, but has '${text}'`);
  return text;
}

function restrictedName(text: string): string {
  const name = text.startsWith(".") ? text.slice(1) : text;
  // Top-level domains too: a suffix may have a single label.
  if (/^[a-z0-9-]{2,63}$/i.test(name)) return text.toLowerCase();
  return text.startsWith(".") ? `.${hostname(name)}` : hostname(name);
}
