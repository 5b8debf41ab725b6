/**
 * The metrics index of this machine: kept up to date from the event store, and asked. It has two threads, one that
 * writes and one that reads; what fails in one of them ends both, and they are started again with what is on the disk.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { AppError } from "../domain/errors.ts";
import { startThread, WorkerLink } from "../threads/worker-link.ts";
import type { MetricAnswer, MetricQuestion } from "./answer.ts";
import { type FollowedStores, isOfStores, readStep } from "./follow.ts";
import type { IndexState } from "./index-database.ts";
import type { ReaderThreadData } from "./reader-thread.ts";
import type { OpenedIndex, WriterRequest, WriterThreadData } from "./writer-thread.ts";

export interface MetricsLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface MetricsIndexOptions {
  readonly folder: string;
  readonly stores: FollowedStores;
  /** How long events are kept: their days are dropped from the index as from the store. */
  readonly retentionDays: number;
  readonly now: () => number;
  readonly log: MetricsLog;
  /** How long the stores are left alone when there was nothing new. */
  readonly idleMs?: number;
}

export interface AnsweredQuestion {
  readonly answer: MetricAnswer;
  /** How much of what is stored is in the index, when that is not all: from 0 to 1. */
  readonly progress: number | undefined;
}

export interface MetricsIndex {
  /** Throws `unavailable` while the index can't be read: shortly after a start, and after a failure. */
  ask(question: MetricQuestion): Promise<AnsweredQuestion>;
  stop(): Promise<void>;
}

const IDLE_MS = 500;
const STEP_SIZE = 2000;
/** While much is to be read, what many steps added is brought to the disk at once. */
const STEPS_A_COMMIT = 10;
const DROP_EVERY_MS = 3_600_000;
const LOG_EVERY_MS = 10_000;
const RETRY_DELAYS_MS = [250, 1000, 5000, 15_000] as const;
const DAY_MS = 86_400_000;

interface Threads {
  readonly writer: WorkerLink<WriterRequest>;
  readonly reader: WorkerLink<MetricQuestion>;
  readonly state: IndexState;
}

export function startMetricsIndex(options: MetricsIndexOptions): MetricsIndex {
  const index = new FollowingIndex(options);
  return { ask: (question) => index.ask(question), stop: () => index.stop() };
}

class FollowingIndex {
  readonly #options: MetricsIndexOptions;
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  #threads: Threads | undefined;
  /** `undefined` once the index has what the stores had. */
  #progress: number | undefined = 0;

  constructor(options: MetricsIndexOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  async ask(question: MetricQuestion): Promise<AnsweredQuestion> {
    const threads = this.#threads;
    if (threads === undefined) {
      throw new AppError("unavailable", "the metrics are being opened, try again in a moment");
    }
    const progress = this.#progress;
    return { answer: await threads.reader.send<MetricAnswer>(question), progress };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      try {
        this.#threads ??= await this.#open();
        await this.#follow(this.#threads, () => {
          failures = 0;
        });
      } catch (error) {
        await this.#closeThreads();
        const retryInMs = RETRY_DELAYS_MS[Math.min(failures, RETRY_DELAYS_MS.length - 1)] ?? IDLE_MS;
        failures += 1;
        log.warn({ err: error, failures, retryInMs }, "the metrics index could not follow the events");
        await this.#pause(retryInMs);
      }
    }
    await this.#closeThreads();
  }

  async #open(): Promise<Threads> {
    const { folder, stores, log } = this.#options;
    const data: WriterThreadData & ReaderThreadData = { folder };
    const writer = new WorkerLink<WriterRequest>(
      startThread(import.meta.url, "writer-thread", data),
      () => undefined,
    );
    try {
      await writer.opened;
      let opened = await writer.send<OpenedIndex>({ kind: "open" });
      if (opened.discarded !== undefined) {
        log.warn({ reason: opened.discarded }, "the metrics index was damaged, it is built anew");
      } else if (!(await isOfStores(opened.state, stores))) {
        log.warn({}, "the metrics index is of another event store, it is built anew");
        await writer.send({ kind: "discard" });
        opened = await writer.send<OpenedIndex>({ kind: "open" });
      }
      const reader = new WorkerLink<MetricQuestion>(
        startThread(import.meta.url, "reader-thread", data),
        () => undefined,
      );
      await reader.opened;
      return { writer, reader, state: opened.state };
    } catch (error) {
      await writer.close().catch(() => undefined);
      throw error;
    }
  }

  async #follow({ writer, state }: Threads, succeeded: () => void): Promise<void> {
    const { stores, now, idleMs = IDLE_MS } = this.#options;
    let { positions } = state;
    let dropAtMs = 0;
    let steps = 0;
    const report = this.#createReport();
    while (!this.#stopping.signal.aborted) {
      const { batch, isLast } = await readStep(stores, positions, STEP_SIZE);
      steps += 1;
      await writer.send({ kind: "append", batch, commits: isLast || steps % STEPS_A_COMMIT === 0 });
      positions = batch.positions;
      succeeded();
      await report(positions, isLast);
      if (!isLast) continue;
      if (now() >= dropAtMs) {
        await writer.send({ kind: "drop_before", timestampMs: now() - this.#options.retentionDays * DAY_MS });
        dropAtMs = now() + DROP_EVERY_MS;
      }
      await this.#pause(idleMs);
    }
  }

  /** Keeps the progress, and says now and then how far building has come. */
  #createReport(): (positions: IndexState["positions"], isLast: boolean) => Promise<void> {
    const { stores, log } = this.#options;
    let saidAt = performance.now();
    let hasSaid = false;
    return async (positions, isLast) => {
      if (isLast) {
        this.#progress = undefined;
        if (hasSaid) log.info({}, "the metrics index is up to date");
        hasSaid = false;
        saidAt = performance.now();
        return;
      }
      if (this.#progress === undefined || performance.now() - saidAt < LOG_EVERY_MS) return;
      const [events, messages] = await Promise.all([
        stores.events.lastPosition(),
        stores.messages.lastPosition(),
      ]);
      this.#progress = Math.min((positions.events + positions.sent) / Math.max(events + messages, 1), 1);
      log.info({ progress: Number(this.#progress.toFixed(3)) }, "the metrics index is being built");
      hasSaid = true;
      saidAt = performance.now();
    };
  }

  async #closeThreads(): Promise<void> {
    const threads = this.#threads;
    this.#threads = undefined;
    this.#progress = 0;
    await Promise.allSettled([threads?.reader.close(), threads?.writer.close()]);
  }

  async #pause(ms: number): Promise<void> {
    // Rejects only when stopped, which the loops' conditions see.
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}
