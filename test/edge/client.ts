/** HTTP as a test wants it: raw bytes over a socket, and requests whose failures can be counted. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Sends the bytes and gives all that comes back until the server ends the connection, or nothing more came for `quietMs`. */
export async function sendRaw(port: number, bytes: string | Buffer, quietMs = 10_000): Promise<string> {
  const socket = await openSocket(port);
  socket.write(bytes);
  return readAll(socket, quietMs);
}

export async function openSocket(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  // A server may end a connection however it likes; what it answered before counts.
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

export interface Watched<Client extends Socket> {
  readonly socket: Client;
  /** Its other end. */
  readonly accepted: Promise<Socket>;
  /** When the server is done with it: a client that doesn't read hears nothing of that. */
  readonly cutOff: Promise<unknown>;
}

/** A connection to a server in this process. */
export async function openWatched<Client extends Socket>(
  port: number,
  open: (port: number) => Promise<Client>,
): Promise<Watched<Client>> {
  const { promise: accepted, resolve: accept } = Promise.withResolvers<Socket>();
  const { promise: cutOff, resolve } = Promise.withResolvers<void>();
  const onAccepted = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    if (socket.localPort !== port) return;
    accept(socket);
    socket.once("close", () => resolve());
  };
  subscribe("net.server.socket", onAccepted);
  try {
    return { socket: await open(port), accepted, cutOff };
  } finally {
    unsubscribe("net.server.socket", onAccepted);
  }
}

export async function readAll(socket: Socket, quietMs: number): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once("close", () => resolve());
  socket.setTimeout(quietMs, () => socket.destroy());
  await promise;
  return Buffer.concat(chunks).toString("latin1");
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Ask {
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly agent?: Agent;
}

/** Rejects when the connection fails. */
export async function ask({ port, path, method = "GET", headers = {}, agent }: Ask): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent = request(
    {
      host: "127.0.0.1",
      port,
      path,
      method,
      headers: { host: "click.acme.com", ...headers },
      // Without one of its own a request has a connection of its own.
      agent: agent ?? false,
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    },
  );
  sent.once("error", reject);
  sent.end();
  return promise;
}

export interface Load {
  /** What was answered with a redirect, by the key that `nextPath` gave. */
  readonly answered: readonly string[];
  /** Requests without an answer. */
  readonly failures: readonly Error[];
  /** Ends after the requests under way. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  readonly port: number;
  readonly connections: number;
  /** `undefined` while there is nothing to ask for. */
  readonly next: () => { readonly key: string; readonly path: string } | undefined;
  readonly headers?: Record<string, string>;
  /** Between two requests of a connection, and ten times that after one that failed; default: none. */
  readonly pauseMs?: number;
}

/** Keeps so many requests under way at a time, over connections that are used again. */
export function startLoad({ port, connections, next, headers = {}, pauseMs = 0 }: LoadOptions): Load {
  const answered: string[] = [];
  const failures: Error[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let isStopping = false;
  const client = async (): Promise<void> => {
    while (!isStopping) {
      const request = next();
      if (request === undefined || pauseMs > 0) await sleep(pauseMs);
      if (request === undefined) continue;
      const { key, path } = request;
      try {
        const { status } = await ask({ port, path, headers, agent });
        if (status === 302) answered.push(key);
        else failures.push(new Error(`answered with ${status}`));
      } catch (error) {
        failures.push(error as Error);
        await sleep(10 * pauseMs);
      }
    }
  };
  const clients = Array.from({ length: connections }, client);
  return {
    answered,
    failures,
    stop: async () => {
      isStopping = true;
      await Promise.all(clients);
      agent.destroy();
    },
  };
}
