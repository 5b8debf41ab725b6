/**
 * The metrics index of this machine: kept up to date from the event store, and asked. It has two threads, one that
 * writes and one that reads; what fails in one of them ends both, and they are started again with what is on the disk.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import { AppError } from "../domain/errors.ts";
import { startThread, ThreadError, WorkerLink } from "../threads/worker-link.ts";
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
const STEP_SIZE = 5000;
/** While much is to be read, what many steps added is brought to the disk at once. */
const STEPS_A_COMMIT = 4;
const DROP_EVERY_MS = 3_600_000;
const REPORT_EVERY_MS = 10_000;
const RETRY_DELAYS_MS = [250, 1000, 5000, 15_000] as const;
const DAY_MS = 86_400_000;

interface Threads {
  readonly writer: WorkerLink<WriterRequest>;
  readonly reader: WorkerLink<MetricQuestion>;
  readonly state: IndexState;
  /** Aborted when one of them ends by itself, with the reason. */
  readonly ended: AbortSignal;
}

export function startMetricsIndex(options: MetricsIndexOptions): MetricsIndex {
  const index = new FollowingIndex(options);
  return { ask: (question) => index.ask(question), stop: () => index.stop() };
}

/** Result codes of SQLite that say a file is damaged: corrupt, not a database. */
const SQLITE_DAMAGE: ReadonlySet<number> = new Set([11, 26]);

class FollowingIndex {
  readonly #options: MetricsIndexOptions;
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  #threads: Threads | undefined;
  /** `undefined` while the index has what the stores have. */
  #progress: number | undefined;
  #isDamaged = false;

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
      let threads: Threads | undefined;
      let retryInMs = 0;
      try {
        const opened = await this.#open();
        threads = opened;
        await this.#follow(opened, () => {
          failures = 0;
          this.#threads = opened;
        });
      } catch (error) {
        this.#isDamaged = error instanceof ThreadError && SQLITE_DAMAGE.has((error.errcode ?? 0) & 0xff);
        retryInMs = RETRY_DELAYS_MS[Math.min(failures, RETRY_DELAYS_MS.length - 1)] ?? IDLE_MS;
        failures += 1;
        log.warn({ err: error, failures, retryInMs }, "the metrics index could not follow the events");
      } finally {
        this.#threads = undefined;
        await Promise.allSettled([threads?.reader.close(), threads?.writer.close()]);
      }
      await pause(retryInMs, this.#stopping.signal);
    }
  }

  async #open(): Promise<Threads> {
    const data: WriterThreadData & ReaderThreadData = { folder: this.#options.folder };
    const ended = new AbortController();
    const onFatal = (error: Error) => ended.abort(error);
    const writer = new WorkerLink<WriterRequest>(
      startThread(import.meta.url, "writer-thread", data),
      onFatal,
    );
    try {
      await writer.opened;
      const state = await this.#openIndex(writer);
      const reader = new WorkerLink<MetricQuestion>(
        startThread(import.meta.url, "reader-thread", data),
        onFatal,
      );
      await reader.opened;
      return { writer, reader, state, ended: ended.signal };
    } catch (error) {
      await writer.close().catch(() => undefined);
      throw error;
    }
  }

  /** What the index has of these stores: nothing when it was damaged, or is of others. */
  async #openIndex(writer: Threads["writer"]): Promise<IndexState> {
    const { stores, log } = this.#options;
    const opened = await writer.send<OpenedIndex>({ kind: "open" });
    const isDamaged = this.#isDamaged || opened.discarded !== undefined;
    if (isDamaged) {
      log.warn({ reason: opened.discarded }, "the metrics index was damaged, it is built anew");
      if (opened.discarded !== undefined) return opened.state;
    } else {
      if (await isOfStores(opened.state, stores)) return opened.state;
      log.warn({}, "the metrics index is of another event store, it is built anew");
    }
    await writer.send({ kind: "discard" });
    return (await writer.send<OpenedIndex>({ kind: "open" })).state;
  }

  async #follow({ writer, state, ended }: Threads, succeeded: () => void): Promise<void> {
    const { stores, now, retentionDays, idleMs = IDLE_MS } = this.#options;
    const signal = AbortSignal.any([this.#stopping.signal, ended]);
    let { positions } = state;
    let dropAtMs = 0;
    let uncommitted = 0;
    const report = this.#createReport();
    while (!signal.aborted) {
      const { batch, isLast } = await readStep(stores, positions, STEP_SIZE);
      if (uncommitted > 0 || !isDeepStrictEqual(batch.positions, positions)) {
        const commits = isLast || uncommitted + 1 === STEPS_A_COMMIT;
        await writer.send({ kind: "append", batch, commits });
        uncommitted = commits ? 0 : uncommitted + 1;
      }
      positions = batch.positions;
      await report(positions, isLast);
      succeeded();
      if (!isLast) continue;
      const nowMs = now();
      if (nowMs >= dropAtMs) {
        await writer.send({ kind: "drop_before", timestampMs: nowMs - retentionDays * DAY_MS });
        dropAtMs = nowMs + DROP_EVERY_MS;
      }
      await pause(idleMs, signal);
    }
    if (ended.aborted) throw ended.reason;
  }

  /** Keeps the progress, and says now and then how far building has come. What is behind for moments only is not. */
  #createReport(): (positions: IndexState["positions"], isLast: boolean) => Promise<void> {
    const { stores, log } = this.#options;
    let upToDateAt = Number.NEGATIVE_INFINITY;
    let saidAt: number | undefined;
    return async (positions, isLast) => {
      const now = performance.now();
      if (isLast) {
        if (saidAt !== undefined) log.info({}, "the metrics index is up to date");
        upToDateAt = now;
        saidAt = undefined;
        this.#progress = undefined;
      } else if (now - (saidAt ?? upToDateAt) >= REPORT_EVERY_MS) {
        const [events, messages] = await Promise.all([
          stores.events.lastPosition(),
          stores.messages.lastPosition(),
        ]);
        const done = (positions.events + positions.sent) / Math.max(events + messages, 1);
        this.#progress = Number(Math.min(done, 1).toFixed(3));
        log.info({ progress: this.#progress }, "the metrics index is behind the events");
        saidAt = now;
      }
    };
  }
}

/** Ends early, and doesn't reject, when the signal is aborted: its callers look for that. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
