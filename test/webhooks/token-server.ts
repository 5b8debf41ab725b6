/** An authorization server: gives out token-1, token-2, … for whatever it is asked with. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export interface TokenServer {
  readonly url: string;
  readonly asked: { readonly type: string | undefined; readonly body: string }[];
  /** What it answers to a content type. */
  status: (type: string | undefined) => number;
  /** Besides the token. */
  extra: Readonly<Record<string, unknown>>;
}

export async function tokenServer(t: TestContext): Promise<TokenServer> {
  const asked: TokenServer["asked"] = [];
  const http = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const type = incoming.headers["content-type"];
      asked.push({ type, body: Buffer.concat(chunks).toString() });
      response
        .writeHead(server.status(type), { "content-type": "application/json" })
        .end(JSON.stringify({ access_token: `token-${asked.length}`, ...server.extra }));
    });
  }).listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => {
    http.closeAllConnections();
    http.close();
  });
  const { port } = http.address() as AddressInfo;
  const server: TokenServer = {
    url: `http://127.0.0.1:${port}/tokens`,
    asked,
    status: () => 200,
    extra: { expires_in: 3600 },
  };
  return server;
}
