/**
 * `npm run bench:tls [-- seconds [version…]]`: what a TLS connection costs. One edge worker that finds each host's certificate by
 * its name, beside a bare node:https server with a single one, and nginx where it is installed; the same load on each in turn,
 * medians of five rounds. P-256 certificates with an intermediate one for all. Linux only: CPU time is read from /proc.
 *
 * The load comes from Node itself (`tls-load.ts`): among ready-made tools ab never resumes, wrk cannot be kept from it and takes
 * a ticket of TLS 1.3 once only, s_time sends no server name. But a client's handshake costs as much as a server's, so
 * what counts is the server's CPU time per connection, whether or not the clients keep it busy: the last column but one
 * is what a core can take, and the ratio is made of it.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { createInstallation, type Installation } from "../test/edge/installation.ts";
import { type Certificate, issueCertificate } from "../test/verification/certificates.ts";
import {
  type Contender,
  cpuMicros,
  edgeCommand,
  isInstalled,
  measureInTurns,
  median,
  nginxConfig,
  redirectAll,
  startContender,
  stopContenders,
} from "./contenders.ts";
import type { TlsLoad, TlsLoadResult, TlsVersion } from "./tls-load.ts";

const ROUNDS = 5;
const CLIENTS = 2;
const CONNECTIONS_PER_CLIENT = 16;
const HOST = "click.acme.com";
const LOAD_PROGRAM = fileURLToPath(new URL("tls-load.ts", import.meta.url));
const MODES: readonly (readonly [string, { readonly resume: boolean; readonly click: boolean }])[] = [
  ["full handshakes", { resume: false, click: false }],
  ["full handshakes, a click over each", { resume: false, click: true }],
  ["resumed handshakes", { resume: true, click: false }],
  ["resumed handshakes, a click over each", { resume: true, click: true }],
];

interface Measurement {
  readonly connectionsPerSecond: number;
  readonly cpuMicrosPerConnection: number;
  /** Part of the time that the server ran on a core. */
  readonly busy: number;
  readonly errors: number;
}

if (import.meta.main) {
  const [first, ...rest] = process.argv.slice(2);
  if (first === "bare") serveBare(Number(rest[0]), rest[1] ?? "");
  else
    await compare(Number(first ?? 1.5), rest.length === 0 ? ["TLSv1.3", "TLSv1.2"] : (rest as TlsVersion[]));
}

async function compare(seconds: number, versions: readonly TlsVersion[]): Promise<void> {
  await using installation = await createInstallation({ publish: false });
  const root = issueCertificate({ commonName: "Bench root", isCa: true });
  const issuer = issueCertificate({ commonName: "Bench issuer", isCa: true, issuer: root });
  const leaf = issueCertificate({ commonName: HOST, dnsNames: [HOST], issuer });
  const contenders = await startContenders(installation, { ...leaf, cert: leaf.cert + issuer.cert });
  const clients = Array.from({ length: CLIENTS }, () => fork(LOAD_PROGRAM));
  try {
    for (const version of versions) {
      for (const [mode, { resume, click }] of MODES) {
        const request = click ? { path: installation.clickPath() } : {};
        const load = {
          servername: HOST,
          version,
          resume,
          connections: CONNECTIONS_PER_CLIENT,
          seconds,
          ...request,
        };
        const measurements = await measureInTurns(contenders, ROUNDS, (contender) =>
          measure(contender, clients, { ...load, port: contender.port }),
        );
        print(`${version}, ${mode}`, measurements);
      }
    }
  } finally {
    for (const client of clients) client.disconnect();
    await stopContenders(contenders);
  }
}

async function startContenders(
  installation: Installation,
  { cert, key }: Pick<Certificate, "cert" | "key">,
): Promise<readonly Contender[]> {
  const pairPath = join(installation.dataDir, "pair.pem");
  writeFileSync(pairPath, cert + key);
  const bare = await startContender("bare node:https", (port) => [
    process.execPath,
    fileURLToPath(import.meta.url),
    "bare",
    String(port),
    pairPath,
  ]);
  await installation.publish(1, new Map([[HOST, await installation.certify(HOST, { cert, key })]]));
  const edge = await startContender("waypost edge", (port) =>
    edgeCommand(installation, { tls: { ...installation.tls, listen: { host: "127.0.0.1", port } } }),
  );
  if (!isInstalled("nginx", "-v")) return [bare, edge];
  const nginx = await startContender("nginx return 302", (port) => {
    const config = join(installation.dataDir, "nginx.conf");
    const files = `ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate ${pairPath}; ssl_certificate_key ${pairPath};`;
    writeFileSync(
      config,
      nginxConfig(installation.dataDir, `listen 127.0.0.1:${port} ssl backlog=4096; ${files}`),
    );
    return ["nginx", "-c", config, "-e", "stderr"];
  });
  return [bare, edge, nginx];
}

function serveBare(port: number, pairPath: string): void {
  const pair = readFileSync(pairPath);
  createServer({ cert: pair, key: pair }, redirectAll).listen(port, "127.0.0.1");
}

async function measure(
  contender: Contender,
  clients: readonly ChildProcess[],
  load: TlsLoad,
): Promise<Measurement> {
  const cpuBefore = cpuMicros(contender);
  const results = await Promise.all(clients.map((client) => runLoad(client, load)));
  const cpu = cpuMicros(contender) - cpuBefore;
  const connections = results.reduce((sum, result) => sum + result.connections, 0);
  return {
    connectionsPerSecond: connections / load.seconds,
    cpuMicrosPerConnection: cpu / connections,
    busy: cpu / (load.seconds * 1e6),
    errors: results.reduce((sum, result) => sum + result.errors, 0),
  };
}

async function runLoad(client: ChildProcess, load: TlsLoad): Promise<TlsLoadResult> {
  client.send(load);
  const [result] = (await once(client, "message")) as [TlsLoadResult];
  return result;
}

function print(mode: string, rounds: ReadonlyMap<string, readonly Measurement[]>): void {
  const bare = median(rounds.get("bare node:https") ?? [], "cpuMicrosPerConnection");
  console.log(`\n${mode}, ${CLIENTS * CONNECTIONS_PER_CLIENT} at a time, medians of ${ROUNDS}`);
  console.log("server             connections/s   busy   CPU µs each   a core's/s   of bare   errors");
  for (const [name, measurements] of rounds) {
    const cpu = median(measurements, "cpuMicrosPerConnection");
    const cells = [
      median(measurements, "connectionsPerSecond").toFixed(0).padStart(13),
      median(measurements, "busy").toFixed(2).padStart(6),
      cpu.toFixed(0).padStart(13),
      (1e6 / cpu).toFixed(0).padStart(12),
      (bare / cpu).toFixed(2).padStart(9),
      String(Math.max(...measurements.map(({ errors }) => errors))).padStart(8),
    ];
    console.log(name.padEnd(18), cells.join(" "));
  }
}
