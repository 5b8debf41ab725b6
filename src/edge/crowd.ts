/**
 * Keeps a flood of connections from taking the place of those that want something. Two kinds would hold theirs until a time
 * limit ends them: those that never ask for anything, of which the oldest makes room when they are too many, and those that
 * stay open after their reply, which nobody may once half of the places are taken.
 *
 * A listener for the end of every connection would cost a new one 7 µs, a tenth of it all (measured: docs/edge-performance.md).
 * So the open ones are counted from time to time, and those that came since then are added.
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";

import { OldestFirst, type Place } from "./oldest-first.ts";

export interface CrowdOptions {
  readonly server: Server;
  /** `secureConnection` for one that speaks TLS: handshakes have a limit of their own (`handshakes.ts`). */
  readonly event: "connection" | "secureConnection";
  readonly maxConnections: number;
  readonly onDropped: () => void;
}

export interface Crowd {
  /** To be called for each request. Whether its connection may stay open after the reply. */
  hasAsked(socket: Socket): boolean;
}

const COUNT_INTERVAL_MS = 100;
const SILENT = Symbol("place among the connections that have not asked for anything");

/** A `Map` from sockets to places would keep them alive as a `Set` of them does (`oldest-first.ts`). */
interface CountedSocket extends Socket {
  [SILENT]?: Place<CountedSocket>;
}

export function limitCrowd({ server, event, maxConnections, onDropped }: CrowdOptions): Crowd {
  const half = Math.ceil(maxConnections / 2);
  /** Never fewer than there are. */
  let open = 0;
  /** Some may have ended since the last count. */
  const silent = new OldestFirst<CountedSocket>();
  server.on(event, (socket: CountedSocket) => {
    open += 1;
    socket[SILENT] = silent.add(socket);
    if (silent.size > half && endOldest(silent, half)) onDropped();
  });
  const count = setInterval(() => {
    for (const socket of silent) if (socket.destroyed) leave(silent, socket);
    server.getConnections((_error, connections) => {
      open = connections;
    });
  }, COUNT_INTERVAL_MS).unref();
  server.once("close", () => clearInterval(count));
  return {
    hasAsked: (socket: CountedSocket) => {
      leave(silent, socket);
      return open <= half;
    },
  };
}

function leave(silent: OldestFirst<CountedSocket>, socket: CountedSocket): void {
  const place = socket[SILENT];
  if (place === undefined) return;
  silent.remove(place);
}

/** Unless enough of them have ended by themselves. */
function endOldest(silent: OldestFirst<CountedSocket>, half: number): boolean {
  for (const socket of silent) {
    if (silent.size <= half) return false;
    leave(silent, socket);
    if (socket.destroyed) continue;
    socket.destroy();
    return true;
  }
  return false;
}
