/**
 * `/healthz`, `/readyz`, `/metrics`, and a proxy's question for which names it may get certificates, on a listener of their
 * own that the internet does not see.
 */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface OpsOptions {
  /** What keeps Waypost from doing its work, one line each; empty when nothing does. */
  readonly notReady: () => Promise<readonly string[]>;
  /** The Prometheus text exposition. */
  readonly metrics: () => Promise<string>;
  /** Whether the name is a tracking domain whose links are answered. From memory: proxies ask it in the middle of handshakes. */
  readonly isServed: (domain: string) => boolean;
}

export interface OpsServer {
  listen(address: { host: string; port: number }): Promise<AddressInfo>;
  stop(): Promise<void>;
}

export function createOpsServer(options: OpsOptions): OpsServer {
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    answer(request.url ?? "", response, options).catch(() => {
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  return {
    listen: (address) => listen(server, address),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(url: string, response: ServerResponse, options: OpsOptions): Promise<void> {
  const [path = "", query = ""] = url.split("?", 2);
  switch (path) {
    case "/healthz":
      return reply(response, 200, "ok\n");
    case "/readyz": {
      const reasons = await options.notReady();
      return reply(
        response,
        reasons.length === 0 ? 200 : 503,
        reasons.length === 0 ? "ready\n" : `${reasons.join("\n")}\n`,
      );
    }
    case "/metrics":
      return reply(response, 200, await options.metrics(), "text/plain; version=0.0.4; charset=utf-8");
    case "/internal/tls/ask": {
      const isServed = options.isServed(new URLSearchParams(query).get("domain") ?? "");
      return isServed ? reply(response, 200, "ok\n") : reply(response, 404, "not found\n");
    }
    default:
      return reply(response, 404, "not found\n");
  }
}

function reply(
  response: ServerResponse,
  status: number,
  body: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
}

function listen(server: Server, { host, port }: { host: string; port: number }): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}
