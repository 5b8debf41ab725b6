/** Somebody else's server in the place of Waypost's API: it answers what a test wants, and keeps what it was asked. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface OtherReply {
  readonly status: number;
  readonly body: unknown;
}

export interface OtherServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly { readonly line: string; readonly key: string | undefined }[];
}

export async function startOtherServer(
  answer: (request: IncomingMessage) => OtherReply,
): Promise<OtherServer> {
  const requests: { line: string; key: string | undefined }[] = [];
  const server = createServer((request, response) => {
    requests.push({ line: `${request.method} ${request.url}`, key: request.headers.authorization });
    const { status, body } = answer(request);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
}
