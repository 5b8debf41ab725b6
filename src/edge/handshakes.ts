/**
 * Connections whose TLS handshake is not finished. They are unknown to the HTTP server, which would leave them alone when it is
 * full and wait for them when it stops. Each holds some 80 KB, and clients that mean it need a round trip or two:
 * when there are too many, the oldest makes room.
 */
import type { Server } from "node:https";
import type { Socket } from "node:net";

export interface Handshakes {
  /** Ends those that are still under way. */
  endAll(): void;
}

export function limitHandshakes(server: Server, max: number, onDropped: () => void): Handshakes {
  // By the client's address and port, which is all that a connection and TLS on it have in common. The oldest come first.
  const pending = new Map<string, Socket>();
  server.on("connection", (socket: Socket) => {
    const peer = peerOf(socket);
    pending.set(peer, socket);
    socket.once("close", () => {
      if (pending.get(peer) === socket) pending.delete(peer);
    });
    if (pending.size <= max) return;
    onDropped();
    pending.values().next().value?.destroy();
  });
  server.on("secureConnection", (socket) => pending.delete(peerOf(socket)));
  return {
    endAll: () => {
      for (const socket of pending.values()) socket.destroy();
    },
  };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
