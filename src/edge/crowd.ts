/**
 * Keeps a flood of connections from taking the place of those that want something. Two kinds would hold theirs until a time
 * limit ends them: those that never ask for anything, of which the oldest makes room when they are too many, and those that
 * stay open after their reply, which nobody may once half of the places are taken.
 *
 * A listener for the end of every connection would cost a new one 7 µs, a tenth of it all (measured: docs/edge-performance.md).
 * So the open ones are counted from time to time, and those that came since then are added.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

export interface Crowd {
  readonly server: Server;
  /** `secureConnection` for one that speaks TLS: handshakes have a limit of their own (`handshakes.ts`). */
  readonly event: "connection" | "secureConnection";
  readonly maxConnections: number;
  readonly onDropped: () => void;
}

const COUNT_INTERVAL_MS = 100;

export function limitCrowd({ server, event, maxConnections, onDropped }: Crowd): void {
  const half = Math.ceil(maxConnections / 2);
  /** Never fewer than there are. */
  let open = 0;
  /** The oldest first. Some may have ended since the last count. */
  const silent = new Set<Socket>();
  server.on(event, (socket: Socket) => {
    open += 1;
    silent.add(socket);
    if (silent.size > half && endOldest(silent, half)) onDropped();
  });
  server.prependListener("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    silent.delete(socket);
    if (open > half) response.shouldKeepAlive = false;
  });
  const count = setInterval(() => {
    for (const socket of silent) if (socket.destroyed) silent.delete(socket);
    server.getConnections((_error, connections) => {
      open = connections;
    });
  }, COUNT_INTERVAL_MS).unref();
  server.once("close", () => clearInterval(count));
}

/** Unless enough of them have ended by themselves. */
function endOldest(silent: Set<Socket>, half: number): boolean {
  for (const socket of silent) {
    if (silent.size <= half) return false;
    silent.delete(socket);
    if (socket.destroyed) continue;
    socket.destroy();
    return true;
  }
  return false;
}
