/**
 * `npm run bench:certificates [-- count]`: an edge worker with so many certificates (10,000): how long it takes to start, what the
 * first handshake of a name costs that nobody asked for before, beside later ones, and what memory it has then. One
 * connection at a time, TLS 1.3, a P-256 certificate for each name. Linux only: memory is read from /proc.
 */
import type { HostEntry } from "../src/edge/snapshot.ts";
import { createAuthority } from "../test/edge/authority.ts";
import { createInstallation, type Installation } from "../test/edge/installation.ts";
import { shakeHands } from "../test/edge/tls-client.ts";
import { freePort } from "../test/free-port.ts";
import { edgeCommand, rssMiB, startContender, stopContenders } from "./contenders.ts";

const WARM_NAMES = 1000;

const authority = createAuthority();
const names = Array.from(
  { length: Number(process.argv[2] ?? 10_000) },
  (_, i) => `click.customer${i}.example`,
);
await run();

async function run(): Promise<void> {
  await using installation = await createInstallation({ publish: false });
  await certifyAll(installation);
  const port = await freePort();
  const startedMs = performance.now();
  const edge = await startContender("waypost edge", (httpPort) =>
    edgeCommand(installation, {
      listen: { host: "127.0.0.1", port: httpPort },
      tls: { ...installation.tls, listen: { host: "127.0.0.1", port } },
    }),
  );
  try {
    console.log(`${names.length} certificates`);
    console.log(
      `ready ${(performance.now() - startedMs).toFixed(0)} ms after its start, ${rssMiB(edge).toFixed(0)} MiB`,
    );
    // Node's own client has its first handshake too.
    await timeOf(port, names[0] ?? "");
    print("first handshake of a name", await timesOf(port, names.slice(1)));
    console.log(`then ${rssMiB(edge).toFixed(0)} MiB`);
    print("a later one", await timesOf(port, names.slice(-WARM_NAMES)));
  } finally {
    await stopContenders([edge]);
  }
}

async function certifyAll(installation: Installation): Promise<void> {
  const hosts = new Map<string, HostEntry>();
  for (const host of names) hosts.set(host, await installation.certify(host, authority.issue(host)));
  await installation.publish(1, hosts);
}

async function timesOf(port: number, some: readonly string[]): Promise<readonly number[]> {
  const times: number[] = [];
  for (const name of some) times.push(await timeOf(port, name));
  return times.sort((a, b) => a - b);
}

/** From connecting to the end of a request over the connection. */
async function timeOf(port: number, servername: string): Promise<number> {
  const startedMs = performance.now();
  const { altNames } = await shakeHands({ port, servername, ca: authority.rootPem });
  if (altNames !== `DNS:${servername}`) throw new Error(`${servername} showed ${altNames}`);
  return performance.now() - startedMs;
}

function print(what: string, sorted: readonly number[]): void {
  const at = (part: number): string =>
    (sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN).toFixed(1);
  console.log(`${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, highest ${at(1)} ms`);
}
