/**
 * Cuts off clients that don't read what they asked for. A socket's own time limit starts anew with each byte that comes, so that who
 * goes on sending would never be cut off; here it counts whether anything was taken of what is there for them.
 */
import type { Server, Socket } from "node:net";

import { OldestFirst, type Place } from "./oldest-first.ts";

const CHECK_INTERVAL_MS = 1000;
const PLACE = Symbol("place among the connections whose replies are on their way");
const UNSENT = Symbol("what of a connection's replies has not gone");

export interface SilenceLimit {
  /** To be called when a reply was written that the system has not taken at once. */
  watch(socket: Socket): void;
}

/** Of Node's own, used by its HTTP server alike, and not in its documentation. */
interface WritingSocket extends Socket {
  readonly _handle?: { readonly writeQueueSize: number } | null;
}

interface WatchedSocket extends WritingSocket {
  [PLACE]?: Place<WatchedSocket>;
  [UNSENT]?: Unsent;
}

/** What of its replies has not gone, and since when. */
interface Unsent {
  readonly bytes: number;
  readonly sinceMs: number;
}

export function limitSilence(server: Server, silenceTimeoutMs: number): SilenceLimit {
  const watched = new OldestFirst<WatchedSocket>();
  const check = setInterval(() => {
    const nowMs = performance.now();
    for (const socket of watched) look(watched, socket, nowMs, silenceTimeoutMs);
  }, CHECK_INTERVAL_MS).unref();
  server.once("close", () => clearInterval(check));
  return {
    watch: (socket: WatchedSocket) => {
      if (socket[PLACE]?.thing !== undefined) return;
      socket[PLACE] = watched.add(socket);
      socket[UNSENT] = { bytes: unsentBytesOf(socket), sinceMs: performance.now() };
    },
  };
}

function look(
  watched: OldestFirst<WatchedSocket>,
  socket: WatchedSocket,
  nowMs: number,
  silenceTimeoutMs: number,
): void {
  const { [PLACE]: place, [UNSENT]: before } = socket;
  if (place === undefined || before === undefined) return;
  const bytes = unsentBytesOf(socket);
  if (bytes !== before.bytes) socket[UNSENT] = { bytes, sinceMs: nowMs };
  else if (nowMs - before.sinceMs > silenceTimeoutMs) {
    if (bytes > 0) socket.destroy();
    // Not before: replies that are ready may wait for one in front of them.
    watched.remove(place);
  }
  if (socket.destroyed) watched.remove(place);
}

/** What the operating system has not taken: in the stream, and in what is below it. */
export function unsentBytesOf(socket: WritingSocket): number {
  return socket.writableLength + (socket._handle?.writeQueueSize ?? 0);
}
