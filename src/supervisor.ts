/**
 * The process tree's root: keeps one control process and the edge workers running, and knows nothing of what
 * they do. It holds no socket and no state, so that there is little in it that could fail.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { AppError } from "./domain/errors.ts";
import { type FileLock, lockFile } from "./edge/file-lock.ts";
import type { ListenAddress } from "./edge/server.ts";
import { type EdgeStatsMessage, isChildMessage } from "./edge/worker-messages.ts";

export type SupervisorLog = (level: "info" | "warn" | "error", fields: object, message: string) => void;

/** What `node` runs as a child: the file, its arguments, and options of Node itself. */
export interface ChildCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly nodeOptions?: readonly string[];
}

export interface SupervisorOptions {
  readonly dataDir: string;
  /** Ports that the children will listen on: tried alone first, since shared ports report no conflict. */
  readonly addresses: readonly ListenAddress[];
  readonly control?: ChildCommand;
  readonly edge?: ChildCommand;
  readonly edgeCount: number;
  readonly log: SupervisorLog;
  readonly timing?: Partial<SupervisorTiming>;
}

export interface SupervisorTiming {
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
  /** A child that ran this long starts again without delay. */
  readonly steadyMs: number;
  /** An edge worker that is silent for so long is hung. */
  readonly heartbeatTimeoutMs: number;
  /** The control process, which may be held up by work: nobody waits for its answer in the meantime but the API's callers. */
  readonly controlHeartbeatTimeoutMs: number;
  /** In addition, until it says something for the first time: on a busy machine Node takes its time to load. */
  readonly startWithinMs: number;
  readonly stopWithinMs: number;
  /** How long a new worker may take until it serves, in a restart without downtime. */
  readonly readyWithinMs: number;
  /** How long to wait for a port: the workers of a supervisor that was killed may still be leaving. */
  readonly portWithinMs: number;
}

export interface Supervisor {
  /** Replaces all children; each new worker serves before its predecessor drains. Also on SIGUSR2. */
  restart(): Promise<void>;
  /** Ends all children, at the latest with SIGKILL. Also on {@link STOP_SIGNALS}. */
  stop(): Promise<void>;
  /** Settles when {@link stop} is done, whoever asked for it. */
  readonly stopped: Promise<void>;
}

const TIMING: SupervisorTiming = {
  firstBackoffMs: 100,
  maxBackoffMs: 5000,
  steadyMs: 30_000,
  heartbeatTimeoutMs: 10_000,
  controlHeartbeatTimeoutMs: 30_000,
  startWithinMs: 20_000,
  // A container that was told to stop is killed as a whole after 10 s.
  stopWithinMs: 9500,
  readyWithinMs: 15_000,
  portWithinMs: 3000,
};
const PORT_RETRY_MS = 100;
/** SIGHUP: the terminal that it was started from is closed. It must drain then as it does else. */
const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Throws `unavailable` when another supervisor has the data directory, or somebody else a port. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const timing = { ...TIMING, ...options.timing };
  const lock = lockDataDirectory(options.dataDir);
  try {
    for (const address of options.addresses) await tryPort(address, timing.portWithinMs);
  } catch (error) {
    lock.release();
    throw error;
  }
  return new ProcessTree(options, timing, lock);
}

class ProcessTree implements Supervisor {
  readonly stopped: Promise<void>;
  readonly #options: SupervisorOptions;
  readonly #timing: SupervisorTiming;
  readonly #lock: FileLock;
  readonly #stopped = Promise.withResolvers<void>();
  #control: KeptChild | undefined;
  #edges: KeptChild[];
  #stopping = false;
  #restarting = false;

  readonly #onStopSignal = (signal: NodeJS.Signals): void => {
    this.#options.log("info", { signal }, "stopping");
    void this.stop();
  };
  readonly #onRestartSignal = (signal: NodeJS.Signals): void => {
    this.#options.log("info", { signal }, "restarting without downtime");
    void this.restart();
  };

  constructor(options: SupervisorOptions, timing: SupervisorTiming, lock: FileLock) {
    this.#options = options;
    this.#timing = timing;
    this.#lock = lock;
    this.stopped = this.#stopped.promise;
    this.#control = options.control && this.#startChild("control", options.control);
    this.#edges = Array.from({ length: options.edge ? options.edgeCount : 0 }, () => this.#startEdge());
    for (const signal of STOP_SIGNALS) process.on(signal, this.#onStopSignal);
    process.on("SIGUSR2", this.#onRestartSignal);
  }

  async restart(): Promise<void> {
    if (this.#stopping || this.#restarting) return;
    this.#restarting = true;
    await Promise.all([this.#restartControl(), this.#restartEdges()]);
    this.#restarting = false;
  }

  async stop(): Promise<void> {
    if (this.#stopping) return this.stopped;
    this.#stopping = true;
    await Promise.all([this.#control?.stop(), ...this.#edges.map((edge) => edge.stop())]);
    for (const signal of STOP_SIGNALS) process.off(signal, this.#onStopSignal);
    process.off("SIGUSR2", this.#onRestartSignal);
    this.#lock.release();
    this.#stopped.resolve();
  }

  // One at a time: the control process holds ports that two can't share.
  async #restartControl(): Promise<void> {
    const { control } = this.#options;
    if (control === undefined) return;
    await this.#control?.stop();
    if (!this.#stopping) this.#control = this.#startChild("control", control);
  }

  async #restartEdges(): Promise<void> {
    const fresh = this.#edges.map(() => this.#startEdge());
    const old = this.#edges;
    this.#edges = [...old, ...fresh];
    const ready = await Promise.all(fresh.map((edge) => edge.readyWithin(this.#timing.readyWithinMs)));
    if (this.#stopping) return;
    const isGood = ready.every(Boolean);
    if (!isGood) this.#options.log("error", {}, "new edge workers don't serve, the old ones stay");
    this.#edges = isGood ? fresh : old;
    await Promise.all((isGood ? old : fresh).map((edge) => edge.stop()));
  }

  #startEdge(): KeptChild {
    const { edge } = this.#options;
    if (edge === undefined) throw new Error("there is no edge to start");
    return this.#startChild("edge", edge);
  }

  #startChild(role: "control" | "edge", command: ChildCommand): KeptChild {
    const { heartbeatTimeoutMs, controlHeartbeatTimeoutMs } = this.#timing;
    return new KeptChild({
      role,
      command,
      log: this.#options.log,
      timing: this.#timing,
      heartbeatTimeoutMs: role === "edge" ? heartbeatTimeoutMs : controlHeartbeatTimeoutMs,
      onStats: (message) => this.#control?.tell(message),
    });
  }
}

interface KeptChildOptions {
  readonly role: "control" | "edge";
  readonly command: ChildCommand;
  readonly log: SupervisorLog;
  readonly timing: SupervisorTiming;
  readonly heartbeatTimeoutMs: number;
  readonly onStats: (message: EdgeStatsMessage) => void;
}

/** One place in the tree: a child that is started again whenever it ends, until it is told to stop. */
class KeptChild {
  readonly #options: KeptChildOptions;
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #child: ChildProcess | undefined;
  #isUnread = false;
  #failures = 0;
  #startedMs = 0;
  #lastHeardMs = 0;
  #stopping = false;
  #backoff: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: KeptChildOptions) {
    this.#options = options;
    this.#start();
    this.#watchHeartbeat(options.heartbeatTimeoutMs);
  }

  tell(message: object): void {
    // One that is just ending misses it, as one that isn't there does. One that hangs doesn't read, and what it is told would
    // fill our memory.
    if (this.#isUnread || !this.#child?.connected) return;
    this.#isUnread = !this.#child.send(message, () => {
      this.#isUnread = false;
    });
  }

  async readyWithin(ms: number): Promise<boolean> {
    const giveUp = new AbortController();
    const late = sleep(ms, false, { signal: giveUp.signal }).catch(() => false);
    const isReady = await Promise.race([this.#ready.promise.then(() => true), late]);
    giveUp.abort();
    return isReady;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#backoff);
    clearInterval(this.#watch);
    if (this.#child === undefined) return;
    this.#child.kill("SIGTERM");
    const kill = setTimeout(() => {
      this.#log("warn", {}, "child didn't stop in time, killing it");
      this.#child?.kill("SIGKILL");
    }, this.#options.timing.stopWithinMs);
    await this.#ended.promise;
    clearTimeout(kill);
  }

  #start(): void {
    const { file, args, nodeOptions } = this.#options.command;
    this.#startedMs = performance.now();
    this.#lastHeardMs = this.#startedMs + this.#options.timing.startWithinMs;
    try {
      this.#follow(fork(file, args, nodeOptions === undefined ? {} : { execArgv: [...nodeOptions] }));
    } catch (error) {
      // Some of the system's refusals (no memory) are thrown, the others are an "error" of the child.
      this.#startAgain({ err: error });
    }
  }

  #follow(child: ChildProcess): void {
    this.#child = child;
    this.#isUnread = false;
    child.on("message", (message) => this.#hear(message));
    // It couldn't be started at all, and then there is no "exit".
    child.on("error", (error) => {
      if (child.pid === undefined) this.#ends(child, { err: error });
    });
    child.once("exit", (code, signal) => this.#ends(child, { code, signal }));
    this.#log("info", { childPid: child.pid }, "child started");
  }

  #ends(child: ChildProcess, reason: object): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.#stopping) this.#ended.resolve();
    else this.#startAgain({ ...reason, childPid: child.pid });
  }

  #startAgain(reason: object): void {
    const { steadyMs, firstBackoffMs, maxBackoffMs } = this.#options.timing;
    if (performance.now() - this.#startedMs >= steadyMs) this.#failures = 0;
    const restartInMs = Math.min(firstBackoffMs * 2 ** this.#failures, maxBackoffMs);
    this.#failures += 1;
    this.#log("error", { ...reason, restartInMs }, "child ended, starting it again");
    this.#backoff = setTimeout(() => this.#start(), restartInMs);
  }

  #hear(message: unknown): void {
    if (!isChildMessage(message)) return;
    this.#lastHeardMs = performance.now();
    if (message.type === "ready") {
      this.#ready.resolve();
      this.#log("info", { childPid: this.#child?.pid }, "child ready");
    } else if (message.stats !== undefined && this.#child?.pid !== undefined) {
      this.#options.onStats({ type: "edge-stats", pid: this.#child.pid, stats: message.stats });
    }
  }

  #watchHeartbeat(timeoutMs: number): void {
    const checkMs = timeoutMs / 10;
    let lastCheckMs = performance.now();
    this.#watch = setInterval(() => {
      const nowMs = performance.now();
      // A late check means that we were suspended ourselves: the children's messages are still to be read.
      const wasSuspended = nowMs - lastCheckMs > timeoutMs / 2;
      lastCheckMs = nowMs;
      if (wasSuspended) this.#lastHeardMs = Math.max(this.#lastHeardMs, nowMs);
      if (this.#child === undefined || nowMs - this.#lastHeardMs <= timeoutMs) return;
      this.#log("error", { childPid: this.#child.pid, timeoutMs }, "child is hung, killing it");
      this.#lastHeardMs = nowMs;
      this.#child.kill("SIGKILL");
    }, checkMs);
  }

  #log(level: "info" | "warn" | "error", fields: object, message: string): void {
    this.#options.log(level, { role: this.#options.role, ...fields }, message);
  }
}

/** Throws `unavailable` while another process has it. */
export function lockDataDirectory(dataDir: string): FileLock {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const lock = lockFile(join(dataDir, "supervisor.lock"));
  if (lock === undefined) throw new AppError("unavailable", `Waypost is already running on ${dataDir}`);
  return lock;
}

async function tryPort(address: ListenAddress, withinMs: number): Promise<void> {
  const giveUpMs = performance.now() + withinMs;
  for (;;) {
    const code = await listenOnce(address);
    if (code === undefined) return;
    if (code !== "EADDRINUSE" || performance.now() >= giveUpMs) {
      throw new AppError("unavailable", `cannot listen on ${address.host}:${address.port}: ${code}`);
    }
    await sleep(PORT_RETRY_MS);
  }
}

/** The error's code, or `undefined` when the port is free. */
async function listenOnce({ host, port }: ListenAddress): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const server = createServer();
  server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  return promise;
}
