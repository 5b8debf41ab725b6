/**
 * `node bench/edge.ts [seconds]`: what a click costs. One edge worker (token opened, event durable before the reply)
 * beside a bare node:http server that sends the same 302, and nginx where it is installed; the same load on
 * each in turn, medians of five rounds. Needs wrk (Debian package of that name). Linux only: CPU time is read from /proc.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
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

const ROUNDS = 5;
const CONNECTIONS = 64;
const PATHS = 2000;

interface Measurement {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicrosPerRequest: number;
  readonly errors: number;
}

if (import.meta.main) {
  const [first, second] = process.argv.slice(2);
  if (first === "bare") createServer(redirectAll).listen(Number(second), "127.0.0.1");
  else await compare(Number(first ?? 3));
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

function writeLoadScript(installation: Installation, headers: string): string {
  const path = join(installation.dataDir, "load.lua");
  const paths = Array.from({ length: PATHS }, () => JSON.stringify(installation.clickPath()));
  writeFileSync(
    path,
    `local paths = {${paths.join(",")}}
     local headers = ${headers}
     headers["Host"] = "click.acme.com"
     headers["User-Agent"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15"
     headers["Accept-Language"] = "en-GB,en;q=0.9"
     local requests = {}
     function init() for i, path in ipairs(paths) do requests[i] = wrk.format("GET", path, headers) end end
     local n = 0
     function request() n = n % #requests + 1; return requests[n] end
     function done(summary, latency)
       local e = summary.errors
       print(string.format("RESULT %d %d %d %d %d", summary.requests, summary.duration,
         latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
     end`,
  );
  return path;
}

async function measure(contender: Contender, script: string, seconds: number): Promise<Measurement> {
  const cpuBefore = cpuMicros(contender);
  const wrk = spawn(
    "wrk",
    ["-t1", `-c${CONNECTIONS}`, `-d${seconds}s`, "-s", script, `http://127.0.0.1:${contender.port}/`],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  wrk.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  await once(wrk, "close");
  const [requests = 0, durationMicros = 0, p50 = 0, p99 = 0, errors = 0] =
    /RESULT (.*)/.exec(output)?.[1]?.split(" ").map(Number) ?? [];
  return {
    requestsPerSecond: (requests / durationMicros) * 1e6,
    p50Ms: p50 / 1000,
    p99Ms: p99 / 1000,
    cpuMicrosPerRequest: (cpuMicros(contender) - cpuBefore) / requests,
    errors,
  };
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
