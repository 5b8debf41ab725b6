/**
 * Delivers webhooks, as one of any number of processes that share a store. Each holds a share of the webhooks by a
 * lease that it extends all the time; one that no longer can breaks everything off before the lease ends for the
 * others. Which of two clocks is right plays no part: leases end by the database's, and each process measures its own
 * by a clock that never goes back.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import type { DeliveryStore } from "./delivery-store.ts";
import type { EventSource } from "./event-source.ts";
import { EventWindow } from "./event-window.ts";
import { SettledEvents } from "./settled-events.ts";
import { Slots } from "./slots.ts";
import type { WebhookKind } from "./webhook.ts";
import { type EventStream, type RunnerDeps, WebhookRunner } from "./webhook-runner.ts";

export interface DelivererOptions extends Omit<RunnerDeps, "workerId" | "store" | "streams" | "slots"> {
  readonly store: DeliveryStore;
  readonly sources: Readonly<Record<WebhookKind, EventSource>>;
  /** How long after it was stored an event may become what its `mayBecome` says. */
  readonly settleMs: number;
  /** Names the machine: a new process of it takes the place of the one before. */
  readonly machine: string;
  readonly timing?: Partial<DelivererTiming>;
}

export interface DelivererTiming {
  /** How often changes of webhooks are looked for. */
  readonly pollMs: number;
  readonly holdMs: number;
  readonly leaseMs: number;
  readonly pruneMs: number;
  /** What a request under way is given when the process stops. */
  readonly stopGraceMs: number;
}

export interface Deliverer {
  stop(): Promise<void>;
}

const TIMING: DelivererTiming = {
  pollMs: 1000,
  holdMs: 5000,
  leaseMs: 30_000,
  pruneMs: 3_600_000,
  stopGraceMs: 4000,
};
/** How often the end of a stream is looked at while somebody waits there. */
const EVENTS_POLL_MS = 250;
const OPERATIONAL_POLL_MS = 1000;
/** Before the lease ends for the others, all of this process's requests have ended. */
const LEASE_MARGIN_MS = 2000;

export function startDeliverer(options: DelivererOptions): Deliverer {
  return new LeasedDeliverer(options);
}

class LeasedDeliverer implements Deliverer {
  readonly #options: DelivererOptions;
  readonly #timing: DelivererTiming;
  readonly #workerId = randomUUID();
  readonly #streams: Readonly<Record<WebhookKind, EventStream>>;
  readonly #runnerDeps: RunnerDeps;
  readonly #runners = new Map<string, WebhookRunner>();
  /** Webhooks that are being given back. */
  readonly #leaving = new Set<string>();
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  #isJoined = false;
  #version = -1;
  #heldAtMs = Number.NEGATIVE_INFINITY;
  #prunedAtMs = Number.NEGATIVE_INFINITY;
  #leaseTimer: NodeJS.Timeout | undefined;
  #hasFailed = false;

  constructor(options: DelivererOptions) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#streams = {
      events: this.#toStream(options.sources.events, EVENTS_POLL_MS),
      // Rare, and read where the API's own state is.
      operational: this.#toStream(options.sources.operational, OPERATIONAL_POLL_MS),
    };
    this.#runnerDeps = {
      ...options,
      workerId: this.#workerId,
      streams: this.#streams,
      slots: new Slots(),
    };
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#stopRunners(this.#timing.stopGraceMs);
    await this.#done;
    // The last look may have started some.
    await this.#stopRunners(0);
    clearTimeout(this.#leaseTimer);
    for (const { window } of Object.values(this.#streams)) window.close();
    // Others need not wait for the lease to end; without a store they have to.
    if (this.#isJoined) await this.#options.store.leave(this.#workerId).catch(() => undefined);
  }

  #toStream(source: EventSource, pollMs: number): EventStream {
    const { log, clock, settleMs } = this.#options;
    const onError = (error: unknown): void =>
      log.warn({ err: error }, "events for webhooks cannot be read for now");
    const window = new EventWindow({ source, pollMs, clock, onError });
    return { source, window, settled: new SettledEvents({ source, settleMs, clock }) };
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#look();
        this.#hasFailed = false;
      } catch (error) {
        if (!this.#hasFailed)
          this.#options.log.warn({ err: error }, "webhooks cannot be looked after for now");
        this.#hasFailed = true;
      }
      // Rejects only when stopped, which the loop's condition sees.
      await sleep(this.#timing.pollMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { store, clock } = this.#options;
    const { version, isUsed } = await store.version();
    // An installation without webhooks writes nothing.
    if (!isUsed && this.#runners.size === 0) return;
    const isChanged = version !== this.#version;
    if (isChanged || clock() - this.#heldAtMs >= this.#timing.holdMs) await this.#hold();
    if (isChanged) for (const id of await store.changedSince(this.#version)) this.#runners.get(id)?.changed();
    this.#version = version;
    if (clock() - this.#prunedAtMs < this.#timing.pruneMs) return;
    this.#prunedAtMs = clock();
    await store.prune();
  }

  async #hold(): Promise<void> {
    const { store, clock, machine, log } = this.#options;
    const { leaseMs } = this.#timing;
    const askedAtMs = clock();
    if (!this.#isJoined) {
      await store.join({ id: this.#workerId, machine }, leaseMs);
      this.#isJoined = true;
    }
    const held = await store.hold(this.#workerId, leaseMs);
    this.#heldAtMs = askedAtMs;
    if (held === undefined) {
      log.warn({}, "another process of this machine delivers the webhooks now");
      this.#isJoined = false;
      await this.#stopRunners(0);
      // If that was a mistake, it is mended: but two of them must not take turns.
      await sleep(leaseMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      return;
    }
    clearTimeout(this.#leaseTimer);
    const leftMs = askedAtMs + leaseMs - LEASE_MARGIN_MS - clock();
    // Not held for sure any more.
    this.#leaseTimer = setTimeout(() => void this.#stopRunners(0), leftMs);
    await this.#reconcile(held.webhookIds, held.share);
  }

  async #stopRunners(graceMs: number): Promise<void> {
    const stopped = [...this.#runners.values()];
    this.#runners.clear();
    await Promise.all(stopped.map((runner) => runner.stop(graceMs)));
  }

  async #reconcile(webhookIds: readonly string[], share: number): Promise<void> {
    const held = new Set(webhookIds);
    for (const [id, runner] of [...this.#runners]) {
      if (held.has(id) && !runner.isEnded) continue;
      this.#runners.delete(id);
      void runner.stop(0);
    }
    const kept = webhookIds.filter((id) => !this.#leaving.has(id));
    for (const id of kept.slice(0, share))
      if (!this.#runners.has(id)) this.#runners.set(id, new WebhookRunner(id, this.#runnerDeps));
    for (const id of kept.slice(share)) void this.#giveBack(id);
  }

  /** For a process that has come later: what is under way is finished first. */
  async #giveBack(id: string): Promise<void> {
    const runner = this.#runners.get(id);
    this.#leaving.add(id);
    this.#runners.delete(id);
    await runner?.stop(this.#timing.stopGraceMs);
    // If it fails, the next look finds it still held.
    await this.#options.store.release(this.#workerId, [id]).catch(() => undefined);
    this.#leaving.delete(id);
  }
}
