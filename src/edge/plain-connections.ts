/**
 * Connections whose requests are plain (`plain-request.ts`): answered without Node's HTTP server, whose objects are an eighth of
 * what a click costs (measured: docs/edge-performance.md). A connection is read here for as long as each of its requests comes whole and
 * alone. With anything else it becomes one of Node's, with the bytes that were no plain request, and stays so: what is
 * broken or clever, or comes in pieces, meets Node's parser and Node's time limits.
 */
import { STATUS_CODES } from "node:http";
import type { Server, Socket } from "node:net";

import type { Crowd } from "./crowd.ts";
import type { EdgeHandler } from "./exchange.ts";
import { OldestFirst, type Place } from "./oldest-first.ts";
import { type PlainRequest, readPlainRequest } from "./plain-request.ts";
import type { Reply } from "./replies.ts";
import { unsentBytesOf } from "./silence.ts";

export interface PlainOptions {
  readonly server: Server;
  /** What says that a connection can be read. */
  readonly event: "connection" | "secureConnection";
  /** Makes a connection one of Node's. */
  readonly handOver: (socket: Socket) => void;
  readonly handler: EdgeHandler;
  readonly crowd: Crowd;
  readonly limits: PlainLimits;
  /** Ends a connection that failed, or took too long. */
  readonly refuse: (error: NodeJS.ErrnoException, socket: Socket) => void;
}

/** As `EdgeLimits` has them. */
export interface PlainLimits {
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly silenceTimeoutMs: number;
  readonly maxRequestsPerConnection: number;
}

export interface PlainConnections {
  /** Ends those that have no request under way, once their replies have gone. */
  endIdle(): void;
  endAll(): void;
}

interface Front extends PlainOptions {
  readonly open: OldestFirst<PlainConnection>;
  readonly isSecure: boolean;
}

const TOO_LATE = Object.assign(new Error("no request came in time"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });
const MS_PER_SECOND = 1000;
/** A client may just be using a connection for which it was told so many seconds. As Node has it. */
const KEEP_ALIVE_GRACE_MS = 1000;

export function answerPlainRequests(options: PlainOptions): PlainConnections {
  const { server, event, limits } = options;
  const open = new OldestFirst<PlainConnection>();
  const front: Front = { ...options, open, isSecure: event === "secureConnection" };
  server.on(event, (socket: Socket) => void new PlainConnection(socket, front));
  const check = setInterval(
    () => {
      const nowMs = performance.now();
      for (const connection of open) connection.endIfLate(nowMs);
    },
    Math.min(MS_PER_SECOND, limits.headersTimeoutMs),
  ).unref();
  server.once("close", () => clearInterval(check));
  return {
    endIdle: () => {
      for (const connection of open) if (connection.mayRead) connection.finish();
    },
    endAll: () => {
      for (const connection of open) connection.end();
    },
  };
}

class PlainConnection {
  readonly #socket: HandledSocket;
  readonly #front: Front;
  readonly #place: Place<PlainConnection>;
  #requests = 0;
  #isAnswering = false;
  /** The client has said all it will say. */
  #isComplete = false;
  /** What comes is dropped. What was written is still on its way. */
  #isFinishing = false;
  /** Of replies, at the last check. */
  #unsentBytes = 0;
  #quietSinceMs = performance.now();

  constructor(socket: Socket, front: Front) {
    this.#socket = socket;
    this.#front = front;
    this.#place = front.open.add(this);
    socket.on("error", this.#onError);
    socket.on("end", this.#onEnd);
    socket.on("data", this.#onData);
  }

  /** A request, now. */
  get mayRead(): boolean {
    return !this.#isAnswering && !this.#isFinishing;
  }

  end(): void {
    this.#leave();
    this.#socket.destroy();
  }

  /** To be called once a second or so: a timer for each connection would cost it 8 µs, and start anew with each byte that comes. */
  endIfLate(nowMs: number): void {
    if (this.#socket.destroyed) {
      this.#leave();
      return;
    }
    const unsentBytes = unsentBytesOf(this.#socket);
    if (unsentBytes !== this.#unsentBytes) {
      this.#unsentBytes = unsentBytes;
      this.#quietSinceMs = nowMs;
    }
    if (nowMs - this.#quietSinceMs <= this.#patienceMs()) return;
    if (this.#requests > 0 || this.#isFinishing) this.end();
    else this.#onError(TOO_LATE);
  }

  #patienceMs(): number {
    const { headersTimeoutMs, keepAliveTimeoutMs, silenceTimeoutMs } = this.#front.limits;
    if (this.#unsentBytes > 0 || this.#isFinishing) return silenceTimeoutMs;
    // All that is waited for then is the event, which has a deadline.
    if (this.#isAnswering) return Number.POSITIVE_INFINITY;
    return this.#requests > 0 ? keepAliveTimeoutMs + KEEP_ALIVE_GRACE_MS : headersTimeoutMs;
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    this.#isFinishing = true;
    this.#leave();
    this.#front.refuse(error, this.#socket);
  };

  readonly #onEnd = (): void => {
    this.#isComplete = true;
    if (this.mayRead) this.finish();
  };

  readonly #onData = (bytes: Buffer): void => {
    if (this.mayRead) this.#read(bytes);
    else if (!this.#isFinishing) putBack(this.#socket, bytes);
  };

  #read(bytes: Buffer): void {
    const { limits, crowd, handler } = this.#front;
    const request =
      bytes.length > limits.maxHeaderBytes ? undefined : readPlainRequest(bytes, limits.maxHeaders);
    if (request === undefined) {
      this.#handOver(bytes);
      return;
    }
    this.#isAnswering = true;
    this.#requests += 1;
    const mayStay = crowd.hasAsked(this.#socket) && this.#requests < limits.maxRequestsPerConnection;
    handler({
      method: request.method,
      target: request.target,
      headers: request.headers,
      peerAddress: this.#socket.remoteAddress,
      answer: (reply, isLast) => this.#answer(request, reply, isLast || !mayStay),
    });
  }

  #answer(request: PlainRequest, reply: Reply, isLast: boolean): void {
    const socket = this.#socket;
    // The client is gone: it is let go with the next check.
    if (socket.destroyed) return;
    const isEnd = isLast || request.isLast || this.#isComplete;
    const head = headOf(reply, isEnd ? undefined : this.#front.limits);
    const hasRoom = send(socket, head, request.method === "HEAD" ? undefined : reply.body);
    if (isEnd) this.finish();
    else if (hasRoom) this.#readOn();
    else socket.once("drain", () => this.#readOn());
  }

  #readOn(): void {
    this.#isAnswering = false;
    this.#quietSinceMs = performance.now();
    if (this.#isComplete) this.finish();
    else if (this.#socket.isPaused()) startReading(this.#socket);
  }

  finish(): void {
    const socket = this.#socket;
    this.#isFinishing = true;
    this.#quietSinceMs = performance.now();
    if (socket.isPaused()) {
      // To close with something unread would reset the connection, and take away what the client has not read yet (RFC 9112
      // section 9.6). So it closes when the client does, or is late.
      socket.end();
      startReading(socket);
      return;
    }
    socket.destroySoon();
    // What the system has not taken yet is up to the client, and then `endIfLate` and `endAll` see to it. TLS has a close_notify to send.
    if (!this.#front.isSecure && unsentBytesOf(socket) === 0) this.#leave();
    else socket.once("close", () => this.#leave());
  }

  #handOver(bytes: Buffer): void {
    const socket = this.#socket;
    this.#leave();
    socket.off("error", this.#onError);
    socket.off("end", this.#onEnd);
    socket.off("data", this.#onData);
    this.#front.handOver(socket);
    socket.unshift(bytes);
  }

  #leave(): void {
    this.#front.open.remove(this.#place);
  }
}

/** Of Node's own, used by its HTTP server alike, and not in its documentation: test/edge/plain.test.ts would tell if it went. */
interface SocketHandle {
  reading: boolean;
  /** Zero, or what went wrong. */
  readStart(): number;
  readStop(): number;
}

interface HandledSocket extends Socket {
  readonly _handle?: (SocketHandle & { readonly writeQueueSize: number }) | null;
}

/**
 * Until {@link startReading}, no more is read. `pause()` alone goes on until 64 KB have come, and each byte of them may be a packet
 * that takes 700. `reading` stays as it is, or the stream would begin again.
 */
function putBack(socket: HandledSocket, bytes: Buffer): void {
  socket.pause();
  socket._handle?.readStop();
  socket.unshift(bytes);
}

function startReading(socket: HandledSocket): void {
  const handle = socket._handle;
  if (!handle) return;
  // Of a stream that was full by itself it is false, and would be begun twice.
  handle.reading = true;
  if (handle.readStart() === 0) socket.resume();
  else socket.destroy();
}

/** As Node writes it. Without limits for more requests this is the last reply. */
function headOf({ status, headers }: Reply, limits: PlainLimits | undefined): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  for (let n = 0; n < headers.length; n += 2) head += `${headers[n]}: ${headers[n + 1]}\r\n`;
  return `${head}Date: ${httpDate()}\r\n${limits === undefined ? "Connection: close" : keepAlive(limits)}\r\n\r\n`;
}

function keepAlive({ keepAliveTimeoutMs, maxRequestsPerConnection }: PlainLimits): string {
  const seconds = Math.floor(keepAliveTimeoutMs / MS_PER_SECOND);
  return `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}, max=${maxRequestsPerConnection}`;
}

/** In one piece, so that it is one packet. Whether there is room for more. */
function send(socket: Socket, head: string, body: Reply["body"]): boolean {
  if (body === undefined) return socket.write(head, "latin1");
  if (typeof body === "string") return socket.write(head + body);
  return socket.write(head + body.toString("latin1"), "latin1");
}

let dateSeconds = 0;
let date = "";

/** RFC 9110 section 5.6.7. Made once for all replies of a second. */
function httpDate(): string {
  const nowSeconds = Math.floor(Date.now() / MS_PER_SECOND);
  if (nowSeconds !== dateSeconds) {
    dateSeconds = nowSeconds;
    date = new Date(nowSeconds * MS_PER_SECOND).toUTCString();
  }
  return date;
}
