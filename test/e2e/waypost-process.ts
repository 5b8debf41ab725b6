/** `waypost …` as a user runs it: real processes, real ports, a data directory of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { type Answer, type CallOptions, send } from "../api/harness.ts";
import { freePort } from "../free-port.ts";

export const CLI = resolve(import.meta.dirname, "../../src/cli.ts");
const READY_WITHIN_MS = 60_000;

export interface Ports {
  readonly api: number;
  readonly edge: number;
  readonly ops: number;
}

export interface WaypostProcess {
  readonly child: ChildProcess;
  /** What it has written so far. */
  output(): string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  visit(url: string): Promise<Answer>;
  /** The process ids of the whole tree, the supervisor first. */
  processes(): readonly number[];
  /** The control process's, when there is one just now. */
  controlProcess(): number | undefined;
  /** Ends every process at once, as a power cut does. */
  killAll(): Promise<void>;
  stop(): Promise<number | null>;
}

export interface Installation {
  readonly dataDir: string;
  readonly ports: Ports;
  /** What its processes see: the settings, and the search path. */
  readonly environment: Readonly<Record<string, string>>;
  /** Starts `serve` and waits until it is ready. */
  serve(settings?: Readonly<Record<string, string>>): Promise<WaypostProcess>;
  /** Runs a command to its end. */
  run(...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** A test, or a file of tests. */
export interface Scope {
  /** Has this done when it is over. */
  after(end: () => unknown): void;
}

export async function createInstallation(
  t: Scope,
  settings: Readonly<Record<string, string>> = {},
): Promise<Installation> {
  const dataDir = mkdtempSync(join(tmpdir(), "waypost-e2e-"));
  const [api, edge, ops] = [await freePort(), await freePort(), await freePort()];
  const environment = {
    PATH: process.env["PATH"] ?? "",
    NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? "",
    WAYPOST_DATA_DIR: dataDir,
    WAYPOST_API_LISTEN: `127.0.0.1:${api}`,
    WAYPOST_EDGE_HTTP_LISTEN: `127.0.0.1:${edge}`,
    WAYPOST_OPS_LISTEN: `127.0.0.1:${ops}`,
    WAYPOST_EDGE_WORKERS: "2",
    ...settings,
  };
  const running = new Set<WaypostProcess>();
  t.after(async () => {
    for (const waypost of running) await waypost.killAll();
    // Those that were killed may still be leaving.
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
  });
  return {
    dataDir,
    ports: { api, edge, ops },
    environment,
    serve: async (more = {}) => {
      const waypost = startProcess(["serve"], { ...environment, ...more }, { api, edge, ops });
      running.add(waypost);
      await ready(waypost, ops);
      return waypost;
    },
    run: (...args) => runToEnd(args, environment),
  };
}

function startProcess(args: readonly string[], env: NodeJS.ProcessEnv, ports: Ports): WaypostProcess {
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = once(child, "exit");
  const processes = () => (child.pid === undefined ? [] : [child.pid, ...descendants(child.pid)]);
  return {
    child,
    output: () => Buffer.concat(chunks).toString(),
    call: (method, path, options) => send(ports.api, method, path, options ?? {}),
    visit: (url) => {
      const { host, pathname, search } = new URL(url);
      return send(ports.edge, "GET", `${pathname}${search}`, { key: null, headers: { host } });
    },
    processes,
    controlProcess: () => processes().find((pid) => commandOf(pid).includes("\0control")),
    killAll: async () => {
      for (const pid of processes()) kill(pid);
      if (child.exitCode === null && child.signalCode === null) await ended;
    },
    stop: async () => {
      child.kill("SIGTERM");
      const [code] = await ended;
      return code;
    },
  };
}

async function ready(waypost: WaypostProcess, opsPort: number): Promise<void> {
  const giveUpAt = Date.now() + READY_WITHIN_MS;
  while (Date.now() < giveUpAt) {
    if (waypost.child.exitCode !== null) break;
    const answer = await send(opsPort, "GET", "/readyz", { key: null }).catch(() => undefined);
    if (answer?.status === 200) return;
    await sleep(25);
  }
  throw new Error(`waypost is not ready:\n${waypost.output()}`);
}

async function runToEnd(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => stream.setEncoding("utf8").toArray());
  const [code] = await once(child, "close");
  return { code, stdout: (await stdout)?.join("") ?? "", stderr: (await stderr)?.join("") ?? "" };
}

/** All processes below one, from /proc: these tests run where Waypost runs, on Linux. */
function descendants(pid: number): readonly number[] {
  const children = readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    // It ended while we looked.
    return undefined;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It ended while we looked.
    return "";
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}
