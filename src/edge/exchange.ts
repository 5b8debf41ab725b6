/** A request and its reply, whoever read the request from its connection: `plain-connections.ts`, or Node's HTTP server. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";

import type { PlainHeaders } from "./plain-request.ts";
import type { Reply } from "./replies.ts";
import type { SilenceLimit } from "./silence.ts";

/** The fields that there are of every request, whoever has read it. */
export type RequestHeaders = { readonly [Name in keyof PlainHeaders]?: IncomingHttpHeaders[Name] };

export interface Exchange {
  readonly method: string;
  /** The request target as it came. */
  readonly target: string;
  readonly headers: RequestHeaders;
  readonly peerAddress: string | undefined;
  /** To be called once. With `isLast` the connection ends behind the reply. */
  answer(reply: Reply, isLast: boolean): void;
}

export type EdgeHandler = (exchange: Exchange) => void;

/** One that Node's HTTP server has read. */
export function nodeExchange(
  request: IncomingMessage,
  response: ServerResponse,
  silence: SilenceLimit,
): Exchange {
  const { socket, method = "GET", url: target = "/", headers } = request;
  return {
    method,
    target,
    headers,
    peerAddress: socket.remoteAddress,
    answer: (reply, isLast) => {
      // A body is never read: the connection ends instead.
      const isUnread = hasBody(headers);
      if (isLast || isUnread) response.shouldKeepAlive = false;
      response.writeHead(reply.status, reply.headers);
      if (isUnread) response.once("finish", () => socket.destroySoon());
      response.end(method === "HEAD" ? undefined : reply.body);
      // Behind an earlier reply, or larger than what the system takes: then it is up to the client when it goes.
      if (response.socket === null || response.socket.writableLength > 0) silence.watch(socket);
    },
  };
}

function hasBody({ "content-length": length, "transfer-encoding": encoding }: IncomingHttpHeaders): boolean {
  return encoding !== undefined || (length !== undefined && length !== "0");
}
