/**
 * Connections whose TLS handshake is not finished. They are unknown to the HTTP server, which would leave them alone when it is
 * full and wait for them when it stops. Each holds some 80 KB, and clients that mean it need a round trip or two:
 * when there are too many, the oldest makes room.
 */
import type { Server } from "node:https";
import type { Socket } from "node:net";

import { OldestFirst, type Place } from "./oldest-first.ts";

export interface Handshakes {
  /** Ends those that are still under way. */
  endAll(): void;
}

export function limitHandshakes(server: Server, max: number, onDropped: () => void): Handshakes {
  const pending = new OldestFirst<Socket>();
  // By the client's address and port, which is all that a connection and TLS on it have in common.
  const places = new Map<string, Place<Socket>>();
  const leave = (peer: string, place = places.get(peer)): void => {
    if (place === undefined) return;
    pending.remove(place);
    if (places.get(peer) === place) places.delete(peer);
  };
  server.on("connection", (socket: Socket) => {
    const peer = peerOf(socket);
    const place = pending.add(socket);
    places.set(peer, place);
    socket.once("close", () => leave(peer, place));
    if (pending.size <= max) return;
    onDropped();
    const [oldest] = pending;
    oldest?.destroy();
  });
  server.on("secureConnection", (socket) => leave(peerOf(socket)));
  return {
    endAll: () => {
      for (const socket of pending) socket.destroy();
    },
  };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
