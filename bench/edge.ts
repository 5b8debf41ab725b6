/**
 * `node bench/edge.ts [seconds]`: what a click costs. One edge worker (token opened, event durable before the reply)
 * beside a bare node:http server that sends the same 302, and nginx where it is installed; the same load on
 * each in turn, medians of five rounds. Needs wrk (Debian package of that name). Linux only: CPU time is read from /proc.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { EDGE_NODE_OPTIONS } from "../src/edge-process.ts";
import { createInstallation, type Installation, TARGET } from "../test/edge/installation.ts";
import { TREE_PROGRAM, treeArguments } from "../test/edge/tree-program.ts";
import { freePort } from "../test/free-port.ts";

const ROUNDS = 5;
const CONNECTIONS = 64;
const PATHS = 2000;
const COMMIT_DEADLINE_MS = 25;
const CLOCK_TICKS_PER_SECOND = 100;

interface Contender {
  readonly name: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** Whose CPU time counts. */
  readonly pid: () => number;
}

interface Measurement {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicrosPerRequest: number;
  readonly errors: number;
}

if (import.meta.main) {
  const [first, second] = process.argv.slice(2);
  if (first === "bare") serveBare(Number(second));
  else await compare(Number(first ?? 3));
}

async function compare(seconds: number): Promise<void> {
  if (spawnSync("wrk", ["--version"]).error !== undefined) throw new Error("install wrk first");
  await using installation = await createInstallation();
  const contenders = await startContenders(installation);
  try {
    for (const [mode, headers] of [
      ["keep-alive", "{}"],
      ["new connections", `{["Connection"] = "close"}`],
    ] as const) {
      const script = writeLoadScript(installation, headers);
      const rounds = new Map(contenders.map(({ name }): [string, Measurement[]] => [name, []]));
      for (const contender of contenders) await measure(contender, script, 1);
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const contender of contenders) {
          rounds.get(contender.name)?.push(await measure(contender, script, seconds));
        }
      }
      print(mode, rounds);
    }
  } finally {
    for (const contender of contenders) contender.process.kill("SIGTERM");
    await Promise.all(contenders.map(({ process: child }) => once(child, "exit")));
  }
}

async function startContenders(installation: Installation): Promise<readonly Contender[]> {
  const bare = await startContender("bare node:http", (port) => [
    process.execPath,
    fileURLToPath(import.meta.url),
    "bare",
    String(port),
  ]);
  const { log: _, ...edgeOptions } = installation.edgeOptions;
  const edge = await startContender("waypost edge", (port) => {
    const listen = { host: "127.0.0.1", port };
    const edgeSettings = {
      ...edgeOptions,
      listen,
      commitDeadlineMs: COMMIT_DEADLINE_MS,
      maxSpoolBytes: 2 ** 34,
    };
    const settings = { dataDir: installation.dataDir, edge: edgeSettings, edgeCount: 1 };
    return [process.execPath, ...EDGE_NODE_OPTIONS, TREE_PROGRAM, ...treeArguments("edge", settings)];
  });
  if (spawnSync("nginx", ["-v"]).error !== undefined) return [bare, edge];
  const nginx = await startContender("nginx return 302", (port) => {
    const config = join(installation.dataDir, "nginx.conf");
    writeFileSync(config, nginxConfig(port, installation.dataDir));
    return ["nginx", "-c", config, "-e", "stderr"];
  });
  return [bare, edge, nginx];
}

async function startContender(
  name: string,
  command: (port: number) => readonly string[],
): Promise<Contender> {
  const port = await freePort();
  const [file = "", ...args] = command(port);
  const child = spawn(file, args, { stdio: ["ignore", "ignore", "inherit"] });
  while (!(await accepts(port))) await sleep(50);
  return { name, port, process: child, pid: () => child.pid ?? 0 };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    // Not yet: the caller asks again.
    return false;
  } finally {
    socket.destroy();
  }
}

function serveBare(port: number): void {
  createServer((_request, response) => {
    response.writeHead(302, [
      "Server",
      "waypost",
      "Content-Type",
      "text/plain",
      "Location",
      TARGET,
      "X-Robots-Tag",
      "noindex",
      "Content-Length",
      "0",
    ]);
    response.end();
  }).listen(port, "127.0.0.1");
}

/** One process that serves, so that its CPU time is the server's. */
function nginxConfig(port: number, folder: string): string {
  return `daemon off; master_process off; pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000; server_tokens off;
  client_body_temp_path ${folder}/n1; proxy_temp_path ${folder}/n2; fastcgi_temp_path ${folder}/n3;
  uwsgi_temp_path ${folder}/n4; scgi_temp_path ${folder}/n5;
  server { listen 127.0.0.1:${port} backlog=4096; location / { return 302 "${TARGET}"; } }
}`;
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
  const cpuBefore = cpuMicros(contender.pid());
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
    cpuMicrosPerRequest: (cpuMicros(contender.pid()) - cpuBefore) / requests,
    errors,
  };
}

function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND) * 1e6;
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

function median(measurements: readonly Measurement[], key: keyof Measurement): number {
  const sorted = measurements.map((measurement) => measurement[key]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
