/** A TCP proxy that can be out of order: it then closes what is open and refuses the rest, as a server that is down. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

import { freePort } from "../free-port.ts";

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
}

export async function startTcpProxy(target: {
  readonly host: string;
  readonly port: number;
}): Promise<TcpProxy> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  const join = (client: Socket): void => {
    const upstream = connect(target);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  };
  const comeBack = async (): Promise<void> => {
    server = createServer(join).listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  const goDown = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    const closed = once(closing, "close");
    closing.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await comeBack();
  return { port, goDown, comeBack, [Symbol.asyncDispose]: goDown };
}
