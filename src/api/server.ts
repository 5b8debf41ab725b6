/**
 * The HTTP server of API and console: authentication before anything is read, one error mapper, one registration point
 * for routes, which also writes the audit trail.
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { Readable } from "node:stream";

import swagger from "@fastify/swagger";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";

import type { AuditEntry } from "../domain/audit.ts";
import { AppError } from "../domain/errors.ts";
import { changeEntry, isAudited } from "./audit.ts";
import type { Authenticate } from "./authentication.ts";
import { type ConsoleFiles, findConsoleFile, sendConsoleFile } from "./console-files.ts";
import { toErrorReply } from "./error-reply.ts";
import { ERRORS_SCHEMA, OPENAPI_INFO, toFastifySchema } from "./openapi.ts";
import { type Principal, resolveTenant, type SubaccountReader } from "./principal.ts";
import { PUBLISHED_DOCUMENTS, publishDocuments } from "./published-documents.ts";
import { invalid } from "./query.ts";
import { compileBodyCheck, readJsonBody } from "./request-body.ts";
import { finishReply } from "./response-headers.ts";
import type { Call, Reply, Route } from "./route.ts";
import { isFromBrowser, sessionIdOf } from "./session-cookie.ts";
import { followTlsFiles, readTlsPair, type TlsFiles, type TlsPair } from "./tls-files.ts";

/** The part of a logger that the API uses. */
export interface ApiLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface ApiOptions {
  readonly routes: readonly Route[];
  readonly authenticate: Authenticate;
  readonly subaccounts: SubaccountReader;
  /** Addresses and CIDRs whose `X-Forwarded-For` names the client. */
  readonly trustedProxies: readonly string[];
  /** Whether an error means that the store does not answer. */
  readonly isOutage: (error: unknown) => boolean;
  readonly auditTrail: { record(entry: AuditEntry): Promise<void> };
  readonly now: () => number;
  /** `undefined`: the console has not been built. */
  readonly console: ConsoleFiles | undefined;
  /** HTTPS instead of HTTP. */
  readonly tls: TlsFiles | undefined;
  readonly log: ApiLog;
}

export interface Api {
  /** Resolves to the address it listens on, the port chosen when 0 was asked for. */
  listen(address: { host: string; port: number }): Promise<AddressInfo>;
  /** Stops accepting, closes idle connections, and lets running requests end: those that take longer than a few seconds break off. */
  stop(): Promise<void>;
}

const BODY_LIMIT_BYTES = 1024 * 1024;
/** An address of 320 bytes, every one of them percent-encoded. */
const MAX_PARAM_LENGTH = 320 * 3;
const REQUEST_TIMEOUT_MS = 60_000;
const REQUEST_ID_BYTES = 8;
/** What is stopped after the API, store and outbox among it, needs the rest of a stop's ten seconds. */
const STOP_WITHIN_MS = 5000;

/** Builds the server; nothing listens yet. Throws when the certificate's files cannot be used. */
export async function createApi(options: ApiOptions): Promise<Api> {
  const tls = options.tls === undefined ? undefined : await readTlsPair(options.tls);
  const app = createApp(options, tls);
  const following =
    options.tls === undefined || tls === undefined
      ? undefined
      : followTlsFiles(app.server as HttpsServer, options.tls, { current: tls, log: options.log });
  await app.register(swagger, {
    openapi: OPENAPI_INFO,
    // Shared schemas keep their names; the default calls them def-0, def-1, ….
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, index) => String(schema["$id"] ?? `def-${index}`),
    },
  });
  app.addSchema(ERRORS_SCHEMA);
  app.after(() => {
    for (const route of options.routes) register(app, route, options);
    publishDocuments(app);
  });
  await app.ready();
  return {
    listen: async ({ host, port }) => {
      await app.listen({ host, port });
      return app.server.address() as AddressInfo;
    },
    stop: async () => {
      await following?.stop();
      const breakOff = setTimeout(() => app.server.closeAllConnections(), STOP_WITHIN_MS);
      await app.close();
      clearTimeout(breakOff);
    },
  };
}

function createApp(options: ApiOptions, tls: TlsPair | undefined): FastifyInstance {
  const app = fastify({
    ...(tls === undefined ? {} : { https: tls }),
    logger: false,
    genReqId: () => randomBytes(REQUEST_ID_BYTES).toString("hex"),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    trustProxy: options.trustedProxies.length === 0 ? false : [...options.trustedProxies],
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAM_LENGTH },
    frameworkErrors: (_error, request, reply) => sendError(unknownPath(request.url), request, reply, options),
    clientErrorHandler: answerUnreadableRequest,
    http: { requireHostHeader: false },
  });
  app.server.on("checkExpectation", refuseExpectation);
  app.removeAllContentTypeParsers();
  // Every body arrives as bytes, and only routes that want JSON parse them: a client that sends one with a DELETE is served.
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  for (const { raw } of options.routes)
    if (raw !== undefined) app.addContentTypeParser(raw.contentType, passOn);
  app.setSerializerCompiler(() => JSON.stringify);
  app.setValidatorCompiler(() => () => true);
  app.addHook("onSend", finishReply);
  // `Content-Type:` with nothing behind it says as little as none.
  app.addHook("onRequest", async ({ headers }) => {
    if (headers["content-type"] === "") delete headers["content-type"];
  });
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, options));
  app.setNotFoundHandler((request, reply) => {
    const file = options.console === undefined ? undefined : findConsoleFile(options.console, request);
    if (file !== undefined) return sendConsoleFile(request, reply, file);
    throw missingRoute(request, [...options.routes, ...PUBLISHED_DOCUMENTS]);
  });
  app.addHook("onRequest", noteUntrustedProxy(options));
  return app as unknown as FastifyInstance;
}

function register(app: FastifyInstance, route: Route, options: ApiOptions): void {
  const checkBody = route.body === undefined ? undefined : compileBodyCheck(route.body);
  const principals = new WeakMap<FastifyRequest, Principal>();
  app.route({
    method: route.method,
    url: route.url,
    bodyLimit: route.bodyLimit ?? BODY_LIMIT_BYTES,
    exposeHeadRoute: route.streams === undefined,
    schema: toFastifySchema(route),
    // Before the body is read: a stranger costs no memory.
    onRequest: async (request) => {
      principals.set(request, await authorize(request, route, options));
    },
    handler: async (request, reply) => {
      const principal = principals.get(request);
      if (principal === undefined) throw new Error("a route was reached without authentication");
      const isRaw = request.body instanceof Readable;
      const body =
        isRaw || checkBody === undefined
          ? undefined
          : readJsonBody(bytesOf(request.body), contentTypeOf(request));
      if (!isRaw) checkBody?.(body);
      const header = route.ignoresSubaccount ? undefined : headerOf(request, "x-msys-subaccount");
      const tenant = await resolveTenant(principal, header, {
        changes: route.method !== "GET" && !route.ignoresSubaccount,
        subaccounts: options.subaccounts,
      });
      const client = { address: request.ip, isSecure: isSecure(request) };
      const call: Call = {
        ...textFields(request, route),
        headers: request.headers,
        client,
        body,
        principal,
        tenant,
        gone: onceOnly(() => goneSignal(reply)),
      };
      const answered = await answer(route, call, request);
      if (isAudited(route)) await recordChange({ route, call, note: answered.audit }, options);
      return sendReply(reply, answered);
    },
  });
}

/** Made when it is first asked for: most calls are over before anybody could go. */
function onceOnly<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function goneSignal({ raw }: FastifyReply): AbortSignal {
  if (raw.destroyed) return AbortSignal.abort();
  const controller = new AbortController();
  raw.once("close", () => controller.abort());
  return controller.signal;
}

/** The change is made by now, so the caller hears that it was, whatever becomes of the entry. */
async function recordChange(
  change: Parameters<typeof changeEntry>[0],
  { auditTrail, now, log }: ApiOptions,
): Promise<void> {
  const { route, call } = change;
  try {
    await auditTrail.record(changeEntry(change, now()));
  } catch (error) {
    log.error(
      { err: error, method: route.method, route: route.url, keyId: call.principal.keyId },
      "a change was made and could not be written into the audit trail",
    );
  }
}

async function answer(route: Route, call: Call, request: FastifyRequest): Promise<Reply> {
  if (!(request.body instanceof Readable)) return route.handle(call);
  if (route.raw === undefined || !contentTypeOf(request)?.startsWith(route.raw.contentType)) {
    throw new AppError("unsupported_media_type", "this call takes application/json");
  }
  const { limitBytes, handle } = route.raw;
  if (Number(request.headers["content-length"] ?? 0) > limitBytes) throw tooLarge();
  return handle({ ...call, body: limited(request.body, limitBytes) });
}

/** A body without a length can grow too large when the reply has begun; the connection then breaks off, which no client takes for success. */
async function* limited(body: Readable, limitBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw tooLarge();
    yield chunk;
  }
}

function tooLarge(): AppError {
  return new AppError("body_too_large", "The request's body is larger than this call takes");
}

function sendReply(reply: FastifyReply, { status, body, contentType, headers = {} }: Reply): unknown {
  reply.code(status).headers(headers);
  if (contentType !== undefined) reply.header("content-type", contentType);
  else if (body instanceof Readable) reply.header("content-type", "application/json");
  return body;
}

const ANYBODY: Principal = {
  keyId: "",
  keyLabel: "",
  grants: new Set(),
  subaccountId: undefined,
  validIps: undefined,
};

async function authorize(request: FastifyRequest, route: Route, options: ApiOptions): Promise<Principal> {
  if (route.grant === "public") return ANYBODY;
  const { headers } = request;
  const sessionId = sessionIdOf(headers, { isSecure: isSecure(request), changes: route.method !== "GET" });
  const principal = await options.authenticate({
    authorization: headers.authorization,
    sessionId,
    address: request.ip,
  });
  if (route.grant !== "any" && !principal.grants.has(route.grant))
    throw new AppError("forbidden", "the key lacks a grant");
  return principal;
}

function sendError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  options: ApiOptions,
): FastifyReply {
  // Fastify looks at the body before it says that there is no such route.
  const isMissing = request.is404 && !(error instanceof AppError);
  const known = isMissing ? missingRoute(request, options.routes) : translate(error, options.isOutage);
  const { status, body } = toErrorReply(known);
  if (status >= 500) {
    options.log.error(
      { err: error, requestId: request.id, method: request.method, route: request.routeOptions.url },
      "request failed",
    );
  }
  if (status === 405) reply.header("allow", (known as AppError & { cause?: unknown }).cause);
  // A browser would ask for the key in a dialog of its own, and from then on send it along whoever makes it ask.
  if (status === 401 && !isFromBrowser(request.headers))
    reply.header("www-authenticate", 'Basic realm="Waypost", charset="UTF-8"');
  if (status === 429 || status === 503) reply.header("retry-after", status === 429 ? "60" : "5");
  // As bytes: Fastify adds a charset to the type of text, and answers to unreadable paths pass no hook that could mend it.
  return reply
    .code(status)
    .header("content-type", "application/json")
    .send(Buffer.from(JSON.stringify(body)));
}

/** Fastify's own refusals and the store's outages in our words; anything else stays what it is. */
function translate(error: unknown, isOutage: (error: unknown) => boolean): unknown {
  if (error instanceof AppError) return error;
  if (isOutage(error))
    return new AppError("unavailable", "The store does not answer. Try again.", { cause: error });
  const status = hasStatus(error) ? error.statusCode : 500;
  switch (status) {
    case 413:
      return tooLarge();
    case 415:
      return new AppError("unsupported_media_type", "The Content-Type cannot be read", { cause: error });
    default:
      if (status >= 500) return error;
      return new AppError("invalid_parameters", "The request cannot be read", { cause: error });
  }
}

function hasStatus(error: unknown): error is { readonly statusCode: number } {
  return (
    typeof error === "object" &&
    error !== null &&
    "statusCode" in error &&
    typeof error.statusCode === "number"
  );
}

type KnownRoute = Pick<Route, "method" | "url" | "streams">;

function missingRoute(request: FastifyRequest, routes: readonly KnownRoute[]): AppError {
  const path = request.url.split("?", 1)[0] ?? "";
  const found = routes.filter((route) => matches(route.url, path));
  const methods = found.flatMap(({ method, streams }) =>
    method === "GET" && streams === undefined ? [method, "HEAD"] : [method],
  );
  if (methods.length === 0) return unknownPath(path);
  const allow = [...new Set(methods)].sort();
  return new AppError("method_not_allowed", `${request.method} is not supported on ${path.slice(0, 500)}`, {
    cause: allow.join(", "),
  });
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const given = path.replace(/\/$/, "").split("/");
  return (
    wanted.length === given.length && wanted.every((part, i) => part.startsWith(":") || part === given[i])
  );
}

function unknownPath(url: string): AppError {
  return new AppError("unknown_path", `There is nothing at ${url.split("?", 1)[0]?.slice(0, 500)}`);
}

function isSecure(request: FastifyRequest): boolean {
  return request.protocol === "https";
}

function contentTypeOf(request: FastifyRequest): string | undefined {
  return request.headers["content-type"]?.toLowerCase();
}

/** Hands the body on as a stream. */
function passOn(
  _request: FastifyRequest,
  payload: Readable,
  done: (error: null, body: Readable) => void,
): void {
  done(null, payload);
}

function bytesOf(body: unknown): Buffer | undefined {
  return Buffer.isBuffer(body) ? body : undefined;
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

function textFields(
  request: FastifyRequest,
  { query: known = [] }: Route,
): {
  params: Record<string, string>;
  query: Record<string, string>;
} {
  const query = Object.entries(request.query as Record<string, string | string[]>).map(([name, value]) => {
    // To take one of them would be to answer another question than the one that was asked.
    if (Array.isArray(value) && known.some((parameter) => parameter.name === name))
      throw invalid(name, "is given more than once: separate values by commas");
    return [name, Array.isArray(value) ? (value.at(-1) ?? "") : value];
  });
  return { params: request.params as Record<string, string>, query: Object.fromEntries(query) };
}

/** What is not HTTP, too slow or too large in its headers never becomes a request; it gets a short answer and is closed. */
function answerUnreadableRequest(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  const status =
    error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
  const body = JSON.stringify({ errors: [{ message: status.slice(4) }] });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** `Expect:` with anything but `100-continue` (RFC 9110 section 10.1.1). */
function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const body = JSON.stringify({ errors: [{ message: "Expectation Failed" }] });
  const headers = { "content-type": "application/json", "content-length": body.length, connection: "close" };
  response.writeHead(417, headers).end(body);
}

/** Behind a proxy that is not trusted, everybody shares the proxy's address: one guesser then slows all down. Said once. */
function noteUntrustedProxy({ trustedProxies, log }: ApiOptions): (request: FastifyRequest) => Promise<void> {
  let isSaid = trustedProxies.length > 0;
  return async (request) => {
    if (isSaid || request.headers["x-forwarded-for"] === undefined) return;
    isSaid = true;
    log.warn(
      { proxy: request.ip },
      "a request came with X-Forwarded-For, which is ignored: set WAYPOST_TRUSTED_PROXIES if a proxy stands in front",
    );
  };
}
