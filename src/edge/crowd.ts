/**
 * Keeps a flood of connections from taking the place of those that want something. Two kinds would hold theirs until a time
 * limit ends them: those that never ask for anything, of which the oldest makes room when they are too many, and those that
 * stay open after their reply, which nobody may once half of the places are taken.
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

export function limitCrowd({ server, event, maxConnections, onDropped }: Crowd): void {
  const half = Math.ceil(maxConnections / 2);
  let open = 0;
  /** The oldest first. */
  const silent = new Set<Socket>();
  server.on(event, (socket: Socket) => {
    open += 1;
    silent.add(socket);
    socket.once("close", () => {
      open -= 1;
      silent.delete(socket);
    });
    if (silent.size <= half) return;
    onDropped();
    silent.values().next().value?.destroy();
  });
  server.prependListener("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    silent.delete(socket);
    if (open > half) response.shouldKeepAlive = false;
  });
}
