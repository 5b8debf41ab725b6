/**
 * The edge's HTTP server: limits that keep one client's memory and time small, and a stop that loses nothing.
 */
import { createServer as createHttpServer, type Server as HttpServer, type ServerOptions } from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { Server as NetServer } from "node:net";
import { platform } from "node:os";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { TLSSocket, TlsOptions } from "node:tls";

import type { ClientErrorKind, EdgeCounters } from "./counters.ts";
import { type Crowd, limitCrowd } from "./crowd.ts";
import { type EdgeHandler, nodeExchange } from "./exchange.ts";
import { type Handshakes, limitHandshakes } from "./handshakes.ts";
import { answerPlainRequests, type PlainConnections } from "./plain-connections.ts";
import { limitSilence } from "./silence.ts";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface EdgeServerOptions {
  readonly listen: ListenAddress;
  readonly handler: EdgeHandler;
  readonly counters: EdgeCounters;
  readonly limits?: Partial<EdgeLimits>;
  /** HTTPS instead of HTTP. */
  readonly tls?: TlsOptions;
}

type Server = HttpServer | HttpsServer;

/** Bounds on what one client, and all of them together, may take. */
export interface EdgeLimits {
  /** Request line and headers together. A wrapped link has 4096 bytes at most. */
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  /** From the start of a connection to its first byte, and from there, or from the first byte of a later request, to the end of its headers. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** For a client that doesn't read its reply. Node has no such limit (`silence.ts`). */
  readonly silenceTimeoutMs: number;
  /** Counted anew when Node takes a connection over (`plain-connections.ts`). */
  readonly maxRequestsPerConnection: number;
  readonly maxConnections: number;
  /** TLS only, from the first byte to the last of the handshake. */
  readonly handshakeTimeoutMs: number;
  /** Under way at a time. */
  readonly maxHandshakes: number;
}

const EDGE_LIMITS: EdgeLimits = {
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 100,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 15_000,
  keepAliveTimeoutMs: 10_000,
  silenceTimeoutMs: 30_000,
  maxRequestsPerConnection: 10_000,
  maxConnections: 10_000,
  handshakeTimeoutMs: 10_000,
  maxHandshakes: 1000,
};

export interface EdgeServer {
  readonly address: ListenAddress;
  readonly server: Server;
  /** Takes no new connections. Open ones end with their next reply, when idle after `idleMs`, in any case after twice that. */
  stop(idleMs: number): Promise<void>;
}

const BACKLOG = 4096;
const ACCEPT_WAITING_MS = 1000;
const QUIET_TURN_MS = 0.05;
const LAST_REPLY_MS = 2000;
const CLIENT_ERRORS: Readonly<Record<string, ClientErrorKind>> = {
  HPE_HEADER_OVERFLOW: "headers_too_large",
  ERR_HTTP_REQUEST_TIMEOUT: "timeout",
  ECONNRESET: "disconnected",
  EPIPE: "disconnected",
};
const CLIENT_ERROR_STATUS = {
  malformed: "400 Bad Request",
  headers_too_large: "431 Request Header Fields Too Large",
  timeout: "408 Request Timeout",
} as const satisfies Record<Exclude<ClientErrorKind, "disconnected">, string>;

/** Resolves once it listens; rejects with the operating system's reason. Workers share the port (`SO_REUSEPORT`). */
export async function startEdgeServer(options: EdgeServerOptions): Promise<EdgeServer> {
  const { handler, counters } = options;
  const limits = { ...EDGE_LIMITS, ...options.limits };
  const { server, event, handOver, handshakes } = createServer(options, limits);
  server.maxConnections = limits.maxConnections;
  const onDropped = (): void => {
    counters.droppedConnections += 1;
  };
  server.on("drop", onDropped);
  const crowd = limitCrowd({ server, event, maxConnections: limits.maxConnections, onDropped });
  const refuse = (error: NodeJS.ErrnoException, socket: Socket): void =>
    refuseClient(error, socket, counters);
  const plain = answerPlainRequests({ server, event, handOver, handler, crowd, limits, refuse });
  answerOtherRequests(server, options, limits, crowd);
  server.on("clientError", refuse);
  await listen(server, options.listen);
  const { address, port } = server.address() as AddressInfo;
  const stop = (idleMs: number): Promise<void> => stopServer({ server, plain, handshakes }, idleMs);
  return { address: { host: address, port }, server, stop };
}

interface CreatedServer {
  readonly server: Server;
  /** What says that a connection can be read. */
  readonly event: "connection" | "secureConnection";
  /** Makes a connection one of Node's HTTP server, which gets none by itself. */
  readonly handOver: (socket: Socket) => void;
  /** Of one that speaks TLS. */
  readonly handshakes?: Handshakes;
}

function createServer({ counters, tls }: EdgeServerOptions, limits: EdgeLimits): CreatedServer {
  const options: ServerOptions = {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, limits.headersTimeoutMs),
    // Requests without a body, which is all that are answered, then need no stream that ends.
    optimizeEmptyRequests: true,
  };
  if (tls === undefined) {
    const server = createHttpServer(options);
    return { server, event: "connection", handOver: takeListener(server, "connection") };
  }
  const { handshakeTimeoutMs, maxHandshakes } = limits;
  const server = createHttpsServer({ ...options, ...tls, handshakeTimeout: handshakeTimeoutMs });
  const handOver = takeListener(server, "secureConnection");
  server.on("secureConnection", (socket: TLSSocket) => {
    // As Node has it on connections without TLS. As an option it would keep those that end in the middle of a handshake, too.
    socket.allowHalfOpen = true;
    counters.tls.handshakes += 1;
    if (socket.isSessionReused()) counters.tls.resumed += 1;
  });
  // Node's own listener makes a "clientError" of it. What that writes would wait for the end of a handshake, which a client
  // that is silent keeps from coming: the time limit alone closes nothing.
  server.removeAllListeners("tlsClientError");
  server.on("tlsClientError", (_error, socket: TLSSocket) => {
    counters.tls.failedHandshakes += 1;
    socket.destroy();
  });
  const handshakes = limitHandshakes(server, maxHandshakes, () => {
    counters.droppedConnections += 1;
  });
  return { server, event: "secureConnection", handOver, handshakes };
}

/** Node's own, which is the only one of a new server. To be called by hand it is part of Node's documentation ("connection", http.Server). */
function takeListener(server: Server, event: string): (socket: Socket) => void {
  const [listener, ...others] = server.listeners(event);
  if (listener === undefined || others.length > 0) throw new Error(`not one listener for "${event}"`);
  server.removeAllListeners(event);
  return (socket) => listener.call(server, socket);
}

/** Those that are no plain ones, and all others of their connections, by Node's HTTP server. */
function answerOtherRequests(
  server: Server,
  { handler, counters }: EdgeServerOptions,
  limits: EdgeLimits,
  crowd: Crowd,
): void {
  // A client may end its side once it has asked (RFC 9293, 3.6); Node would end ours too, before the reply. Not in its documentation,
  // nor in its types: test/edge/hostile.test.ts would tell if it went.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.maxHeadersCount = limits.maxHeaders;
  server.maxRequestsPerSocket = limits.maxRequestsPerConnection;
  const silence = limitSilence(server, limits.silenceTimeoutMs);
  server.on("request", (request, response) => {
    if (!crowd.hasAsked(request.socket)) response.shouldKeepAlive = false;
    handler(nodeExchange(request, response, silence));
  });
  // Without listeners Node would invite the body ("100 Continue"), which is never read, or answer 417 by itself.
  for (const expectation of ["checkContinue", "checkExpectation"]) {
    server.on(expectation, (request, response) => server.emit("request", request, response));
  }
  // Node refuses further requests of a connection by itself, with replies that the handler doesn't see.
  server.on("dropRequest", (_request, socket: Socket) => silence.watch(socket));
  // Without a listener Node would end the connection without a word.
  server.on("connect", (_request, socket: Socket) => refuseTunnel(socket, counters));
}

async function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  // macOS and Windows can't share a port: there it is one worker.
  const reusePort = platform() === "linux" || platform() === "freebsd";
  server.listen({ host, port, backlog: BACKLOG, reusePort }, resolve);
  await promise;
  server.off("error", reject);
}

interface Stoppable {
  readonly server: Server;
  readonly plain: PlainConnections;
  readonly handshakes: Handshakes | undefined;
}

async function stopServer({ server, plain, handshakes }: Stoppable, idleMs: number): Promise<void> {
  await acceptWaitingConnections(server);
  const { promise, resolve } = Promise.withResolvers<void>();
  // http.Server's close() would end idle connections at once, under the request that a client is just sending
  // on one. net.Server's only stops listening, and calls back when the last connection has ended.
  NetServer.prototype.close.call(server, () => resolve());
  const idle = setTimeout(() => {
    plain.endIdle();
    server.closeIdleConnections();
  }, idleMs);
  const rest = setTimeout(() => {
    plain.endAll();
    server.closeAllConnections();
    handshakes?.endAll();
  }, 2 * idleMs);
  await promise;
  clearTimeout(idle);
  clearTimeout(rest);
  // Ends http.Server's own timers, which net.Server's close() leaves running.
  server.close();
}

/**
 * A connection that waits to be accepted when its listener closes is reset (unless Linux's tcp_migrate_req is on), and
 * libuv accepts one per turn of the event loop. So the listener closes in a turn that found none waiting, and a
 * short one: what came while a turn was busy answering waits too, and nobody has looked for it.
 */
async function acceptWaitingConnections(server: Server): Promise<void> {
  const startedMs = performance.now();
  let accepted = 0;
  const onConnection = (): void => {
    accepted += 1;
  };
  server.on("connection", onConnection);
  for (;;) {
    await nextTurn();
    const [before, turnMs] = [accepted, performance.now()];
    await nextTurn();
    const nowMs = performance.now();
    const isQuiet = accepted === before && nowMs - turnMs < quietTurnMs(nowMs - startedMs);
    if (isQuiet || nowMs - startedMs > ACCEPT_WAITING_MS) break;
  }
  server.off("connection", onConnection);
}

/** A busy worker has no very short turns: the longer it takes, the longer a turn will do. */
function quietTurnMs(waitedMs: number): number {
  return QUIET_TURN_MS * 2 ** (waitedMs / 100);
}

/** Node has no response for CONNECT, and no more to do with its socket. */
function refuseTunnel(socket: Socket, counters: EdgeCounters): void {
  counters.replies.method_not_allowed += 1;
  socket.on("error", () => undefined);
  endWith(
    socket,
    "HTTP/1.1 405 Method Not Allowed\r\nServer: waypost\r\nAllow: GET, HEAD\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
  );
}

function refuseClient(error: NodeJS.ErrnoException, socket: Socket, counters: EdgeCounters): void {
  const kind = CLIENT_ERRORS[error.code ?? ""] ?? "malformed";
  counters.clientErrors[kind] += 1;
  if (kind === "disconnected" || !socket.writable) {
    socket.destroy();
    return;
  }
  endWith(
    socket,
    `HTTP/1.1 ${CLIENT_ERROR_STATUS[kind]}\r\nServer: waypost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  );
}

/** Node has given the socket up: its own time limits end with that, and a client that doesn't read would keep it for ever. */
function endWith(socket: Socket, reply: string): void {
  socket.setTimeout(LAST_REPLY_MS, () => socket.destroy());
  socket.end(reply);
  socket.destroySoon();
}
