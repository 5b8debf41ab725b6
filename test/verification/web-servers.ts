/** Real servers on loopback for a probe to meet: an edge that answers it, and everything else the Internet has. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, request } from "node:http";
import { createServer as createHttpsServer, type ServerOptions } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";

import { answerProbe, PROBE_PATH } from "../../src/token/probe-mac.ts";

export const PROBE_KEY = Buffer.alloc(32, 7);

export interface TestServer {
  readonly address: string;
  readonly port: number;
  readonly requests: readonly IncomingMessage[];
  /** Connections accepted since the start. */
  connections(): number;
  /** Bytes received from the network by all connections that are still open or were. */
  readonly sockets: readonly Socket[];
}

export interface ListenOptions {
  readonly address?: string;
  readonly port?: number;
}

/** Answers probes as an edge does; every other path is 404. */
export const edge: RequestListener = (incoming, response) => {
  const nonce = incoming.url?.startsWith(PROBE_PATH) ? incoming.url.slice(PROBE_PATH.length) : undefined;
  response.statusCode = nonce === undefined ? 404 : 200;
  response.end(nonce === undefined ? "" : answerProbe(nonce, incoming.headers.host ?? "", PROBE_KEY));
};

/** A reverse proxy in front of `upstream` that asks it for `host` instead of what the client asked for. */
export function proxyTo(upstream: TestServer, host: string): RequestListener {
  return (incoming, response) => {
    const onward = request(
      { host: upstream.address, port: upstream.port, path: incoming.url, headers: { host }, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502);
        answer.pipe(response);
      },
    );
    onward.on("error", () => response.destroy());
    onward.end();
  };
}

export function serveHttp(
  t: TestContext,
  handler: RequestListener,
  options: ListenOptions = {},
): Promise<TestServer> {
  return listen(t, createServer(handler), options);
}

export function serveHttps(
  t: TestContext,
  handler: RequestListener,
  options: ListenOptions & { readonly tls: ServerOptions },
): Promise<TestServer> {
  return listen(t, createHttpsServer(options.tls, handler), options);
}

/** A server that does with each connection what it likes. */
export function serveTcp(
  t: TestContext,
  onConnection: (socket: Socket) => void,
  options: ListenOptions = {},
): Promise<TestServer> {
  return listen(t, createTcpServer(onConnection), options);
}

async function listen(
  t: TestContext,
  server: Server,
  { address = "127.0.0.1", port = 0 }: ListenOptions,
): Promise<TestServer> {
  const sockets: Socket[] = [];
  const requests: IncomingMessage[] = [];
  server.on("connection", (socket: Socket) => {
    sockets.push(socket);
    socket.on("error", () => socket.destroy());
  });
  server.on("request", (incoming: IncomingMessage) => requests.push(incoming));
  server.listen(port, address);
  await once(server, "listening");
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  const bound = (server.address() as AddressInfo).port;
  return { address, port: bound, requests, sockets, connections: () => sockets.length };
}
