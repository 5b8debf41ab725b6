/** A process that makes TLS connections for `tls.ts`, so many at a time, and counts those that went as they should. */
import { once } from "node:events";
import { setPriority } from "node:os";
import { type ConnectionOptions, connect, createSecureContext, type TLSSocket } from "node:tls";

export type TlsVersion = "TLSv1.2" | "TLSv1.3";

export interface TlsLoad {
  readonly port: number;
  readonly servername: string;
  readonly version: TlsVersion;
  /** Take up one session again and again, instead of starting anew each time. */
  readonly resume: boolean;
  /** What is asked for over each connection; default: nothing, the handshake is all. */
  readonly path?: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface TlsLoadResult {
  readonly connections: number;
  readonly errors: number;
}

/** The server comes first when there are fewer cores than processes. */
const NICENESS = 10;
/** What all servers have: newer OpenSSL would agree with itself on a post-quantum one. P-256 is for the certificate's key in TLS 1.2. */
const GROUPS = "X25519:P-256";

if (import.meta.main) {
  setPriority(NICENESS);
  process.on("message", async (load: TlsLoad) => process.send?.(await run(load)));
  process.on("disconnect", () => process.exit(0));
}

async function run(load: TlsLoad): Promise<TlsLoadResult> {
  const { port, servername, version, resume } = load;
  // The certificate is the tests' business: checking its chain would be the client's cost, and only in full handshakes.
  const secureContext = createSecureContext({ minVersion: version, maxVersion: version, ecdhCurve: GROUPS });
  const options = { host: "127.0.0.1", port, servername, secureContext, rejectUnauthorized: false };
  const session = resume ? await firstSession(options, servername) : undefined;
  const endMs = performance.now() + load.seconds * 1000;
  let connections = 0;
  let errors = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < endMs) {
      if (await visit({ ...options, ...(session === undefined ? {} : { session }) }, load)) connections += 1;
      else errors += 1;
    }
  };
  await Promise.all(Array.from({ length: load.connections }, client));
  return { connections, errors };
}

/** Of a connection that has received a reply, and with it the tickets of TLS 1.3. */
async function firstSession(options: ConnectionOptions, servername: string): Promise<Buffer> {
  const socket = connect(options);
  socket.write(`GET /robots.txt HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`);
  socket.resume();
  const ended = once(socket, "close");
  const [session] = (await once(socket, "session")) as [Buffer];
  await ended;
  return session;
}

/** True for a connection that was resumed when it should be and only then, and whose request was answered with a redirect. */
async function visit(options: ConnectionOptions, { resume, path, servername }: TlsLoad): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let isGood = false;
  const socket: TLSSocket = connect(options, () => {
    isGood = socket.isSessionReused() === resume;
    if (path === undefined) socket.end();
    else socket.write(`GET ${path} HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`);
  });
  let isFirst = true;
  socket.on("data", (chunk: Buffer) => {
    if (isFirst && chunk.toString("latin1", 9, 12) !== "302") isGood = false;
    isFirst = false;
  });
  socket.on("error", () => {
    isGood = false;
  });
  socket.once("close", () => resolve(isGood && isFirst === (path === undefined)));
  return promise;
}
