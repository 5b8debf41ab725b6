/** Servers that are measured beside each other: started as processes of their own, loaded in turns, compared by medians. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import type { EdgeOptions } from "../src/edge/worker.ts";
import { EDGE_NODE_OPTIONS } from "../src/edge-process.ts";
import { type Installation, TARGET } from "../test/edge/installation.ts";
import { TREE_PROGRAM, treeArguments } from "../test/edge/tree-program.ts";
import { freePort } from "../test/free-port.ts";

export interface Contender {
  readonly name: string;
  readonly port: number;
  readonly process: ChildProcess;
}

const COMMIT_DEADLINE_MS = 25;
const CLOCK_TICKS_PER_SECOND = 100;

/** Starts the command that is made for a free port, and waits until it listens there. */
export async function startContender(
  name: string,
  command: (port: number) => readonly string[],
): Promise<Contender> {
  const port = await freePort();
  const [file = "", ...args] = command(port);
  const child = spawn(file, args, { stdio: ["ignore", "ignore", "inherit"] });
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`${name} ended before it listened`);
    await sleep(50);
  }
  return { name, port, process: child };
}

export async function stopContenders(contenders: readonly Contender[]): Promise<void> {
  for (const contender of contenders) contender.process.kill("SIGTERM");
  await Promise.all(contenders.map(({ process: child }) => once(child, "exit")));
}

/** So many rounds in which each contender has its turn, after one that doesn't count. */
export async function measureInTurns<Measurement>(
  contenders: readonly Contender[],
  rounds: number,
  measure: (contender: Contender) => Promise<Measurement>,
): Promise<ReadonlyMap<string, readonly Measurement[]>> {
  const measurements = new Map(contenders.map(({ name }): [string, Measurement[]] => [name, []]));
  for (const contender of contenders) await measure(contender);
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of contenders) measurements.get(contender.name)?.push(await measure(contender));
  }
  return measurements;
}

export function isInstalled(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args).error === undefined;
}

/** What a process has used so far, by all of its threads. Linux only. */
export function cpuMicros({ process: { pid } }: Contender): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND) * 1e6;
}

/** Its resident memory. Linux only. */
export function rssMiB({ process: { pid } }: Contender): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN) / 1024;
}

export function median<Key extends string>(
  measurements: readonly Readonly<Record<Key, number>>[],
  key: Key,
): number {
  const sorted = measurements.map((measurement) => measurement[key]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** One edge worker, as `serve` starts it. */
export function edgeCommand(
  installation: Installation,
  over: Partial<EdgeOptions>,
  nodeOptions: readonly string[] = EDGE_NODE_OPTIONS,
): readonly string[] {
  const { log: _, ...edgeOptions } = { ...installation.edgeOptions, ...over };
  const edge = { ...edgeOptions, commitDeadlineMs: COMMIT_DEADLINE_MS, maxSpoolBytes: 2 ** 34 };
  const settings = { dataDir: installation.dataDir, edge, edgeCount: 1 };
  return [process.execPath, ...nodeOptions, TREE_PROGRAM, ...treeArguments("edge", settings)];
}

/** The reply to a click, without anything behind it. */
export const redirectAll: RequestListener = (_request, response) => {
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
};

/** The same reply from nginx. One process that serves, so that its CPU time is the server's. */
export function nginxConfig(folder: string, server: string): string {
  return `daemon off; master_process off; pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000; server_tokens off;
  client_body_temp_path ${folder}/n1; proxy_temp_path ${folder}/n2; fastcgi_temp_path ${folder}/n3;
  uwsgi_temp_path ${folder}/n4; scgi_temp_path ${folder}/n5;
  server { ${server} location / { return 302 "${TARGET}"; } }
}`;
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
