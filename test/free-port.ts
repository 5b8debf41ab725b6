/** A TCP port on loopback that nobody listens on at the moment, and that no other test is given while this process runs. */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below the ports that Linux gives to clients and to whoever asks for any: between here and its use, none of them takes it. */
const FIRST = 10_000;
const END = 32_768;

export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(FIRST, END);
    if (!(await reserve(port))) continue;
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch {
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
  throw new Error("there is no free port");
}

/** Other files of tests run at the same time: who has the UDP port of this number, which nothing here uses, has the TCP port. */
async function reserve(port: number): Promise<boolean> {
  const reservation = createSocket("udp4").unref();
  reservation.bind({ port, address: "127.0.0.1", exclusive: true });
  try {
    await once(reservation, "listening");
    return true;
  } catch {
    return false;
  }
}
