/**
 * `node bench/edge.ts [seconds]`: what a click costs. One edge worker (token opened, event durable before the reply)
 * beside a bare node:http server that sends the same 302, and nginx where it is installed; the same load on
 * each in turn, medians of five rounds. Needs wrk (Debian package of that name). Linux only: CPU time is read from /proc.
 */
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { createInstallation, type Installation } from "../test/edge/installation.ts";
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
import { type LoadResult, runWrk, writeLoadScript } from "./wrk.ts";

const ROUNDS = 5;
const CONNECTIONS = 64;

interface Measurement extends LoadResult {
  readonly cpuMicrosPerRequest: number;
}

if (import.meta.main) {
  const [first, second] = process.argv.slice(2);
  if (first === "bare") createServer(redirectAll).listen(Number(second), "127.0.0.1");
  else {
    const seconds = Number(first ?? 3);
    if (!(seconds > 0)) throw new Error("usage: node bench/edge.ts [seconds]");
    await compare(seconds);
  }
}

async function compare(seconds: number): Promise<void> {
  if (!isInstalled("wrk", "--version")) throw new Error("install wrk first");
  await using installation = await createInstallation();
  const contenders = await startContenders(installation);
  try {
    for (const [mode, headers] of [
      ["keep-alive", "{}"],
      ["new connections", `{["Connection"] = "close"}`],
    ] as const) {
      const script = writeLoadScript(installation, headers);
      print(
        mode,
        await measureInTurns(contenders, ROUNDS, (contender) => measure(contender, script, seconds)),
      );
    }
  } finally {
    await stopContenders(contenders);
  }
}

async function startContenders(installation: Installation): Promise<readonly Contender[]> {
  const bare = await startContender("bare node:http", (port) => [
    process.execPath,
    fileURLToPath(import.meta.url),
    "bare",
    String(port),
  ]);
  const edge = await startContender("waypost edge", (port) =>
    edgeCommand(installation, { listen: { host: "127.0.0.1", port } }),
  );
  if (!isInstalled("nginx", "-v")) return [bare, edge];
  const nginx = await startContender("nginx return 302", (port) => {
    const config = join(installation.dataDir, "nginx.conf");
    writeFileSync(config, nginxConfig(installation.dataDir, `listen 127.0.0.1:${port} backlog=4096;`));
    return ["nginx", "-c", config, "-e", "stderr"];
  });
  return [bare, edge, nginx];
}

async function measure(contender: Contender, script: string, seconds: number): Promise<Measurement> {
  const cpuBefore = cpuMicros(contender);
  const load = await runWrk({ port: contender.port, script, connections: CONNECTIONS, seconds });
  return { ...load, cpuMicrosPerRequest: (cpuMicros(contender) - cpuBefore) / load.requests };
}

function print(mode: string, rounds: ReadonlyMap<string, readonly Measurement[]>): void {
  const bare = median(rounds.get("bare node:http") ?? [], "requestsPerSecond");
  console.log(`\n${mode}, ${CONNECTIONS} connections, medians of ${ROUNDS}`);
  console.log("server             requests/s   of bare   p50 ms   p99 ms   CPU µs/request   errors");
  for (const [name, measurements] of rounds) {
    const rate = median(measurements, "requestsPerSecond");
    const cells = [
      rate.toFixed(0).padStart(10),
      (rate / bare).toFixed(2).padStart(9),
      median(measurements, "p50Ms").toFixed(2).padStart(8),
      median(measurements, "p99Ms").toFixed(2).padStart(8),
      median(measurements, "cpuMicrosPerRequest").toFixed(1).padStart(16),
      String(Math.max(...measurements.map(({ errors }) => errors))).padStart(8),
    ];
    console.log(name.padEnd(18), cells.join(" "));
  }
}
