/**
 * The console's pages, from the folder of its build. All files are read at the start and found by their exact path, so
 * that no request reaches the file system. Whatever else a browser navigates to is a page of the console: the same document.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

import type { FastifyReply, FastifyRequest } from "fastify";

interface ConsoleFile {
  readonly contentType: string;
  readonly cacheControl: string;
  readonly policy: string;
  /** By content coding; `identity` is the file itself. */
  readonly bytes: ReadonlyMap<Coding, Buffer>;
}

/** By path, from the root of the site. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>;

type Coding = "br" | "gzip" | "identity";

const DOCUMENT = "/index.html";
/** An empty page for mail that is looked at: see console/public/preview.html. */
const PREVIEW = "/preview.html";
/** The best first. The build writes them beside each file. */
const COMPRESSED: readonly (readonly [Coding, suffix: string])[] = [
  ["br", ".br"],
  ["gzip", ".gz"],
];
const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
/** Mail styles itself, and does nothing else here: no script, no network, no form. */
const PREVIEW_POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
  "sandbox allow-same-origin",
].join("; ");
/** Their names have a hash of their content. */
const ASSETS = "/assets/";

/** `undefined` when the console has not been built. */
export function loadConsole(folder: string): ConsoleFiles | undefined {
  let names: readonly string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return undefined;
  }
  const files = new Map<string, ConsoleFile>();
  for (const name of names) {
    const contentType = TYPES[name.slice(name.lastIndexOf(".") + 1)];
    if (contentType === undefined) continue;
    const path = `/${relative(folder, join(folder, name)).split(sep).join("/")}`;
    files.set(path, { ...headersOf(path), contentType, bytes: readCodings(join(folder, name), names, name) });
  }
  return files.has(DOCUMENT) ? files : undefined;
}

/** The file at the path; the document for `/` and for any other page. */
export function findConsoleFile(files: ConsoleFiles, request: FastifyRequest): ConsoleFile | undefined {
  if (request.method !== "GET" && request.method !== "HEAD") return undefined;
  const path = request.url.split("?", 1)[0] ?? "";
  const isPage = !path.startsWith("/api/") && !path.startsWith(ASSETS) && wantsPage(request);
  return files.get(path) ?? (isPage || path === "/" ? files.get(DOCUMENT) : undefined);
}

export function sendConsoleFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: ConsoleFile,
): FastifyReply {
  const accepted = acceptedCodings(request.headers["accept-encoding"]);
  const [coding] = COMPRESSED.find(([name]) => accepted.has(name) && file.bytes.has(name)) ?? ["identity"];
  if (coding !== "identity") reply.header("content-encoding", coding);
  return reply
    .code(200)
    .headers({
      "content-type": file.contentType,
      "cache-control": file.cacheControl,
      "content-security-policy": file.policy,
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      vary: "accept-encoding",
    })
    .send(file.bytes.get(coding as Coding));
}

function headersOf(path: string): Pick<ConsoleFile, "cacheControl" | "policy"> {
  const policy = path === PREVIEW ? PREVIEW_POLICY : POLICY;
  if (path.startsWith(ASSETS)) return { policy, cacheControl: "public, max-age=31536000, immutable" };
  return { policy, cacheControl: path === DOCUMENT ? "no-store" : "no-cache" };
}

function readCodings(file: string, names: readonly string[], name: string): ReadonlyMap<Coding, Buffer> {
  const compressed = COMPRESSED.filter(([, suffix]) => names.includes(`${name}${suffix}`)).map(
    ([coding, suffix]) => [coding, readFileSync(`${file}${suffix}`)] as const,
  );
  return new Map([...compressed, ["identity", readFileSync(file)]]);
}

function wantsPage(request: FastifyRequest): boolean {
  return request.headers.accept?.includes("text/html") ?? false;
}

/** A coding with the weight 0 is refused (RFC 9110 section 12.5.3). */
export function acceptedCodings(header: string | string[] | undefined): ReadonlySet<string> {
  const entries = String(header ?? "")
    .toLowerCase()
    .split(",")
    .map((entry) => entry.split(";").map((part) => part.trim()));
  return new Set(
    entries.filter(([, weight = ""]) => !/^q=0(\.0*)?$/.test(weight)).map(([coding = ""]) => coding),
  );
}
