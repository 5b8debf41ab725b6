/** `fetch` for servers whose certificate the usual authorities did not sign, or which is for another name than the URL's. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { Readable } from "node:stream";
import { getCACertificates } from "node:tls";

export interface Trust {
  /** PEM: trusted besides the usual authorities. */
  readonly extraCa: readonly string[];
  /** The name that the certificate must be for, where that is not the host of the URL. */
  readonly certificateName?: string | undefined;
}

export interface HttpsRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Ends the reply's body, too. */
  readonly signal: AbortSignal;
}

const WITHOUT_BODY = [204, 304];

/** Follows no redirect. */
export async function httpsFetch(url: URL, given: HttpsRequest, trust: Trust): Promise<Response> {
  const { method, headers, body, signal } = given;
  const { extraCa, certificateName } = trust;
  const outgoing = request(url, {
    method,
    headers: body === undefined ? headers : { ...headers, "content-length": Buffer.byteLength(body) },
    signal,
    agent: false,
    ca: [...getCACertificates("default"), ...extraCa],
    // The server's own certificate alone is enough: its file need not have the authority's.
    allowPartialTrustChain: true,
    ...(certificateName === undefined ? {} : { servername: certificateName }),
    // Stated, because an environment variable can switch the default off.
    rejectUnauthorized: true,
  }).end(body);
  const [reply] = (await once(outgoing, "response")) as [IncomingMessage];
  // Of what fails later, the reply tells.
  outgoing.on("error", () => undefined);
  const status = reply.statusCode ?? 0;
  if (WITHOUT_BODY.includes(status)) reply.resume();
  return new Response(WITHOUT_BODY.includes(status) ? null : bodyOf(reply), {
    status,
    headers: headersOf(reply),
  });
}

function bodyOf(reply: IncomingMessage): ReadableStream<Uint8Array> {
  return Readable.toWeb(reply) as ReadableStream<Uint8Array>;
}

function headersOf({ headersDistinct }: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}
