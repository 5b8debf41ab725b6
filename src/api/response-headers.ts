/** What every reply of the API has on its way out: its id, exact content types, no caching, fewer bytes for long lists, a time limit. */
import { pipeline, Readable } from "node:stream";
import { promisify } from "node:util";
import { createGzip, gzip } from "node:zlib";

import type { FastifyReply, FastifyRequest } from "fastify";

import { acceptedCodings } from "./console-files.ts";

const compress = promisify(gzip);
/** Below it a reply fits into a few packets anyway. */
const COMPRESS_FROM_CHARS = 16 * 1024;
/** Nearly as small as by default, in half the time. */
const LEVEL = 4;

/** Of a reply of which nothing can be sent for so long the connection ends: who doesn't read would keep all that it holds. */
const STALLED_AFTER_MS = 60_000;

/** For Fastify's `onSend`. */
export async function finishReply(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  reply.raw.setTimeout(STALLED_AFTER_MS);
  if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
  reply.header("x-content-type-options", "nosniff");
  reply.header("x-request-id", request.id);
  const type = reply.getHeader("content-type");
  if (typeof type !== "string" || !type.startsWith("application/json")) return payload;
  // The specification prints `application/json`; JSON has no charset parameter (RFC 8259 section 11).
  reply.header("content-type", "application/json");
  const isLong =
    payload instanceof Readable || (typeof payload === "string" && payload.length >= COMPRESS_FROM_CHARS);
  if (request.method !== "GET" || !isLong) return payload;
  reply.header("vary", "accept-encoding");
  if (!acceptedCodings(request.headers["accept-encoding"]).has("gzip")) return payload;
  reply.header("content-encoding", "gzip");
  if (typeof payload === "string") return compress(payload, { level: LEVEL });
  // Whichever ends before its time ends the other; whoever reads the reply hears of it by its end.
  return pipeline(payload, createGzip({ level: LEVEL }), () => undefined);
}
