/**
 * Connections whose requests are plain (`plain-request.ts`): answered without Node's HTTP server, whose objects are a fifth of
 * what a click costs (measured: docs/edge-performance.md). A connection is read here for as long as each of its requests comes whole and
 * alone. With anything else it becomes one of Node's, with the bytes that were no plain request, and stays so: what is slow, broken
 * or clever meets Node's parser and Node's time limits.
 */
import { STATUS_CODES } from "node:http";
import type { Server, Socket } from "node:net";

import type { Crowd } from "./crowd.ts";
import type { EdgeHandler } from "./exchange.ts";
import { OldestFirst, type Place } from "./oldest-first.ts";
import { type PlainRequest, readPlainRequest } from "./plain-request.ts";
import type { Reply } from "./replies.ts";

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
  /** Ends those that have no request under way. */
  endIdle(): void;
  endAll(): void;
}

interface Front extends PlainOptions {
  readonly open: OldestFirst<PlainConnection>;
}

const TOO_LATE = Object.assign(new Error("no request came in time"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });
const MS_PER_SECOND = 1000;

export function answerPlainRequests(options: PlainOptions): PlainConnections {
  const { server, event, limits } = options;
  const open = new OldestFirst<PlainConnection>();
  const front: Front = { ...options, open };
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
      for (const connection of open) if (connection.isIdle) connection.end();
    },
    endAll: () => {
      for (const connection of open) connection.end();
    },
  };
}

class PlainConnection {
  readonly #socket: Socket;
  readonly #front: Front;
  readonly #place: Place<PlainConnection>;
  #requests = 0;
  #waitingSinceMs = performance.now();
  #isAnswering = false;
  /** The client has said all it will say. */
  #isComplete = false;
  #hasTimeLimit = false;
  /** What came while a request was under way. No more is read until it is answered. */
  #next: Buffer | undefined;

  constructor(socket: Socket, front: Front) {
    this.#socket = socket;
    this.#front = front;
    this.#place = front.open.add(this);
    socket.on("error", this.#onError);
    socket.on("end", this.#onEnd);
    socket.on("data", this.#onData);
  }

  get isIdle(): boolean {
    return !this.#isAnswering;
  }

  end(): void {
    this.#leave();
    this.#socket.destroy();
  }

  endIfLate(nowMs: number): void {
    // A listener for the end of each would cost as much as all of this (`crowd.ts`).
    if (this.#socket.destroyed) this.#leave();
    else if (this.isIdle) this.#endIfIdleFor(nowMs - this.#waitingSinceMs);
  }

  #endIfIdleFor(ms: number): void {
    const { headersTimeoutMs, keepAliveTimeoutMs } = this.#front.limits;
    if (this.#requests > 0) {
      if (ms > keepAliveTimeoutMs) this.end();
    } else if (ms > headersTimeoutMs) {
      this.#onError(TOO_LATE);
    }
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    this.#leave();
    this.#front.refuse(error, this.#socket);
  };

  readonly #onEnd = (): void => {
    this.#isComplete = true;
    if (!this.#isAnswering) this.#finish();
  };

  readonly #onData = (bytes: Buffer): void => {
    if (!this.#isAnswering) {
      this.#read(bytes);
      return;
    }
    this.#next = bytes;
    this.#socket.pause();
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
    const isEnd = isLast || request.isLast || (this.#isComplete && this.#next === undefined);
    const head = headOf(reply, isEnd ? undefined : this.#front.limits);
    const isTaken = send(socket, head, request.method === "HEAD" ? undefined : reply.body);
    // Larger than what the system takes, or behind an earlier one: then it is up to the client when it goes.
    if (socket.writableLength > 0) this.#limitSilence();
    if (isEnd) this.#finish();
    else if (isTaken) this.#readOn();
    else socket.once("drain", () => this.#readOn());
  }

  #readOn(): void {
    this.#isAnswering = false;
    this.#waitingSinceMs = performance.now();
    const bytes = this.#next;
    if (bytes === undefined) {
      if (this.#isComplete) this.#finish();
      return;
    }
    this.#next = undefined;
    this.#socket.resume();
    this.#read(bytes);
  }

  /** After what was written. Until that has gone it is among the open ones still, so that `endAll` finds it. */
  #finish(): void {
    this.#isAnswering = true;
    this.#socket.destroySoon();
    if (this.#socket.writableLength === 0) this.#leave();
  }

  #limitSilence(): void {
    this.#socket.setTimeout(this.#front.limits.silenceTimeoutMs);
    if (this.#hasTimeLimit) return;
    this.#hasTimeLimit = true;
    this.#socket.on("timeout", this.#onSilence);
  }

  readonly #onSilence = (): void => {
    if (this.#socket.writableLength > 0) this.end();
  };

  #handOver(bytes: Buffer): void {
    const socket = this.#socket;
    this.#leave();
    socket.off("error", this.#onError);
    socket.off("end", this.#onEnd);
    socket.off("data", this.#onData);
    socket.off("timeout", this.#onSilence);
    this.#front.handOver(socket);
    socket.unshift(bytes);
  }

  #leave(): void {
    this.#front.open.remove(this.#place);
  }
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
