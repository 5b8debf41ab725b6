/** TLS as a test wants it: what a server shows, whether a session is taken up, and OpenSSL's own client for what Node's refuses to send. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { type ConnectionOptions, connect, type PeerCertificate, type TLSSocket } from "node:tls";

export interface Shown {
  /** The chain as the server sent it, its own certificate first. */
  readonly chain: readonly string[];
  readonly altNames: string;
  readonly protocol: string;
  readonly cipher: string;
  readonly isResumed: boolean;
  /** To come again with. */
  readonly session: Buffer;
  /** Of a click, where one was asked for. */
  readonly status: number;
}

export interface Handshake extends Pick<ConnectionOptions, "servername" | "ca" | "session" | "ciphers"> {
  readonly port: number;
  /** Default: both that the edge speaks. */
  readonly version?: NonNullable<ConnectionOptions["minVersion"]>;
  readonly path?: string;
}

/** Makes a connection, asks for a path over it, and ends it. Rejects with what the server or the check of its chain said. */
export async function shakeHands({ version, path = "/robots.txt", ...options }: Handshake): Promise<Shown> {
  const versions = version === undefined ? {} : { minVersion: version, maxVersion: version };
  const socket = connect({ host: "127.0.0.1", ...options, ...versions });
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  socket.once("error", reject);
  socket.once("close", () => resolve());
  let session: Buffer | undefined;
  socket.on("session", (fresh) => {
    session = fresh;
  });
  let facts: Omit<Shown, "session" | "status"> | undefined;
  socket.once("secureConnect", () => {
    facts = factsOf(socket);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${options.servername}\r\nConnection: close\r\n\r\n`);
  });
  let reply = "";
  socket.on("data", (chunk: Buffer) => {
    reply += chunk.toString("latin1");
  });
  await ended;
  if (facts === undefined) throw new Error("the connection ended before the handshake did");
  return { ...facts, session: session ?? Buffer.alloc(0), status: Number(reply.slice(9, 12)) };
}

function factsOf(socket: TLSSocket): Omit<Shown, "session" | "status"> {
  return {
    chain: chainOf(socket),
    altNames: socket.getPeerCertificate().subjectaltname ?? "",
    protocol: socket.getProtocol() ?? "",
    cipher: socket.getCipher().standardName,
    isResumed: socket.isSessionReused(),
  };
}

/** The error's code: an alert's as OpenSSL names it, `ECONNRESET` for a connection that ended without one. */
export async function refusalOf(handshake: Handshake): Promise<string> {
  try {
    const { altNames } = await shakeHands(handshake);
    return `none: ${altNames}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

function chainOf(socket: TLSSocket): string[] {
  const chain: string[] = [];
  let next: PeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next !== undefined && !chain.includes(next.fingerprint256)) {
    chain.push(next.fingerprint256);
    next = (next as { issuerCertificate?: PeerCertificate }).issuerCertificate;
  }
  return chain;
}

export interface OpensslRun {
  /** Both of its outputs. */
  readonly said: string;
  readonly code: number;
}

/** `openssl s_client` to this port, given these lines when it is connected. */
export async function openssl(port: number, args: readonly string[], lines = ""): Promise<OpensslRun> {
  const child = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...args]);
  let said = "";
  for (const output of [child.stdout, child.stderr]) {
    output.on("data", (chunk: Buffer) => {
      said += chunk;
    });
  }
  // It may have ended before it reads.
  child.stdin.on("error", () => undefined);
  child.stdin.end(lines);
  const [code] = (await once(child, "close")) as [number];
  return { said, code };
}

/** The first bytes that a TLS 1.3 client sends for a name. */
export async function clientHello(servername: string): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const client = connect({ host: "127.0.0.1", port, servername });
  client.on("error", () => undefined);
  const [accepted] = await once(server, "connection");
  const [bytes] = await once(accepted, "data");
  client.destroy();
  accepted.destroy();
  server.close();
  return bytes as Buffer;
}
