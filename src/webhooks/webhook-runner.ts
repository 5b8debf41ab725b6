/**
 * Delivers one webhook: a request at a time, so that order is kept. The live lane goes first; a replay gets the
 * time in which nothing live is to be sent. While a live batch waits for another attempt, so do the replays: they go to
 * the same receiver.
 */
import { randomUUID } from "node:crypto";

import type { RecordOperationalEvent } from "../domain/operational-event.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import { BatchCollector, bodyOf, type Collected, collectAgain } from "./batch-collector.ts";
import type {
  BatchRange,
  DeliveryStore,
  FailedAttempt,
  HeldWebhook,
  Lane,
  LaneState,
} from "./delivery-store.ts";
import { type EventSource, type EventsAt, FRESH_FOR_MS, type SourceEvent } from "./event-source.ts";
import type { EventWindow } from "./event-window.ts";
import { type AttemptOutcome, judge, LONGEST_RETRY_AFTER_MS, type Verdict } from "./retry-schedule.ts";
import type { Sender, Sent } from "./sender.ts";
import type { SettledEvents } from "./settled-events.ts";
import type { Slots } from "./slots.ts";
import { createFilter, type Interest, type WebhookKind, type WebhookSecrets } from "./webhook.ts";
import type { SecretBox } from "./webhook-secrets.ts";

/** The part of a logger that delivering needs. */
export interface DeliveryLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What is followed: to read anywhere in it, and to read its end together with others. */
export interface EventStream {
  readonly source: EventSource;
  readonly window: EventWindow;
  readonly settled: SettledEvents;
}

/** Who was erased, by the rules of this moment once these are fresh. */
export interface ErasedRecipients {
  /** Rejects while the store does not answer. */
  freshen(): Promise<void>;
  isErased(subaccountId: SubaccountId, rcptTo: string): boolean;
}

export type BatchOutcome = "delivered" | "failed" | "dead";

export interface RunnerDeps {
  readonly workerId: string;
  readonly store: Pick<DeliveryStore, "load" | "advance" | "recordFailure">;
  readonly streams: Readonly<Record<WebhookKind, EventStream>>;
  readonly sender: Sender;
  readonly box: SecretBox;
  readonly slots: Slots;
  /** Events may have been read before their recipient was erased. */
  readonly privacy: ErasedRecipients;
  /** How long a batch waits to become full. */
  readonly batchWaitMs: number;
  readonly now: () => number;
  /** Milliseconds that never go back. */
  readonly clock: () => number;
  readonly random: () => number;
  readonly record: RecordOperationalEvent;
  readonly count: (outcome: BatchOutcome, events: number) => void;
  readonly log: DeliveryLog;
}

/** A batch as it is in memory: with its events until it has failed for the first time. */
interface OwnBatch extends BatchRange {
  readonly attempts: number;
  readonly dueAtMs: number;
  readonly collected: EventsAt | undefined;
}

interface OwnLane {
  readonly id: string;
  readonly kind: Lane["kind"];
  readonly end: number | undefined;
  readonly interest: Interest;
  position: number;
  batch: OwnBatch | undefined;
  collector: BatchCollector;
  isFinished: boolean;
}

interface Loaded {
  readonly webhook: HeldWebhook;
  readonly stream: EventStream;
  readonly secrets: WebhookSecrets;
  readonly live: OwnLane;
  readonly replays: readonly OwnLane[];
}

const REPLAY_PAGE_SIZE = 500;
/** How often a lane looks whether it may pass an event that may still become another one. */
const HELD_LOOK_MS = 1000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

export class WebhookRunner {
  readonly #id: string;
  readonly #deps: RunnerDeps;
  /** Breaks off the request under way. */
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #wakeUp = new AbortController();
  #isStopping = false;
  #isEnded = false;
  #isStale = true;
  #loaded: Loaded | undefined;

  constructor(id: string, deps: RunnerDeps) {
    this.#id = id;
    this.#deps = deps;
    this.#done = this.#run().finally(() => {
      this.#isEnded = true;
    });
  }

  /** The webhook was gone, or somebody else's. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Somebody has changed the webhook: it is read again before the next step. */
  changed(): void {
    this.#isStale = true;
    this.#wakeUp.abort();
  }

  /** Takes no further step; the request under way has so long to end, and is then broken off, as if it never was. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#wakeUp.abort();
    const timer = setTimeout(() => this.#abort.abort(), graceMs);
    await this.#done;
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#isStopping) {
      try {
        const loaded = this.#isStale ? await this.#load() : this.#loaded;
        if (loaded === undefined) return;
        await this.#step(loaded);
        failures = 0;
      } catch (error) {
        // The store does not answer, most likely; whatever it was, what is stored is what counts.
        if (failures === 0)
          this.#deps.log.warn({ err: error, webhookId: this.#id }, "a webhook cannot be delivered for now");
        this.#isStale = true;
        await this.#sleep({ ms: Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS) });
        failures += 1;
      }
    }
  }

  /** `undefined`: the webhook is gone, or somebody else's. */
  async #load(): Promise<Loaded | undefined> {
    this.#isStale = false;
    const webhook = await this.#deps.store.load(this.#deps.workerId, this.#id);
    const before = this.#loaded;
    this.#loaded = undefined;
    if (webhook === undefined) return undefined;
    const isSame = before?.webhook.version === webhook.version;
    const lanes = webhook.lanes.map((lane) => this.#toOwnLane(lane, webhook));
    const [live, ...replays] = lanes;
    if (live?.kind !== "live") return undefined;
    // What was collected for the next batch is still good when it goes on from the same place.
    if (isSame && before.live.collector.position === live.collector.position)
      live.collector = before.live.collector;
    const secrets = isSame ? before.secrets : this.#deps.box.open(webhook.id, webhook.sealedSecrets);
    this.#loaded = { webhook, stream: this.#deps.streams[webhook.kind], secrets, live, replays };
    return this.#loaded;
  }

  #toOwnLane(lane: Lane, webhook: HeldWebhook): OwnLane {
    const { clock, streams } = this.#deps;
    const { source, window, settled } = streams[webhook.kind];
    const { sinceMs, batch } = lane;
    const interest = sinceMs === undefined ? webhook.interest : { ...webhook.interest, sinceMs };
    const read =
      lane.kind === "live"
        ? (position: number) => window.after(position)
        : async (position: number) => ({
            readAtMs: clock(),
            events: await source.readAfter(position, REPLAY_PAGE_SIZE),
          });
    const isSettled = (at: number) => settled.has(at);
    const position = batch?.last ?? lane.position;
    return {
      id: lane.id,
      kind: lane.kind,
      end: lane.end,
      interest,
      position: lane.position,
      // No longer than any: the time may have been written under a clock that was ahead.
      batch: batch && {
        ...batch,
        dueAtMs: clock() + Math.min(batch.dueInMs, LONGEST_RETRY_AFTER_MS),
        collected: undefined,
      },
      collector: new BatchCollector({ read, isSettled, interest, position, end: lane.end, clock }),
      isFinished: false,
    };
  }

  async #step(loaded: Loaded): Promise<void> {
    const { live, webhook } = loaded;
    if (!webhook.active) return this.#wait(undefined);
    if (live.batch !== undefined) return this.#tryWhenDue(live, loaded);
    await live.collector.collect();
    if (live.collector.isInVain) return this.#skip(live);
    if (this.#isReady(live.collector)) return this.#start(live);
    const replay = loaded.replays.find(({ isFinished, batch }) => !isFinished && this.#dueInMs(batch) <= 0);
    if (replay !== undefined) return this.#replay(replay, loaded);
    return this.#waitForMore(loaded);
  }

  #isReady(collector: BatchCollector): boolean {
    return collector.isFull || (!collector.isEmpty && collector.waitedMs >= this.#deps.batchWaitMs);
  }

  async #replay(lane: OwnLane, loaded: Loaded): Promise<void> {
    if (lane.batch !== undefined) return this.#tryWhenDue(lane, loaded);
    await lane.collector.collect();
    if (lane.collector.isInVain) return this.#skip(lane);
    if (!lane.collector.isEmpty) return this.#start(lane);
    if (lane.collector.isHeld) return this.#wait(HELD_LOOK_MS);
    lane.isFinished = true;
    await this.#advance(lane, { position: lane.end ?? lane.position, isFinished: true });
  }

  async #tryWhenDue(lane: OwnLane, loaded: Loaded): Promise<void> {
    const { batch } = lane;
    if (batch === undefined) return;
    const dueInMs = this.#dueInMs(batch);
    if (dueInMs > 0) return this.#wait(dueInMs);
    // With the target and the secrets of now, and not at all when it was removed meanwhile.
    if (batch.attempts > 0 && !this.#isStale) {
      const fresh = await this.#load();
      const again = [fresh?.live, ...(fresh?.replays ?? [])].find((other) => other?.id === lane.id);
      if (fresh === undefined || again?.batch?.id !== batch.id || !fresh.webhook.active) return;
      return this.#attempt(again, again.batch, fresh);
    }
    return this.#attempt(lane, batch, loaded);
  }

  #dueInMs(batch: OwnBatch | undefined): number {
    return batch === undefined ? 0 : batch.dueAtMs - this.#deps.clock();
  }

  async #attempt(lane: OwnLane, batch: OwnBatch, loaded: Loaded): Promise<void> {
    const { sender, slots } = this.#deps;
    const { webhook, secrets, stream } = loaded;
    const destination = { id: webhook.id, version: webhook.version, target: webhook.target, secrets };
    const sending: { events?: readonly SourceEvent[] } = {};
    const sent = await slots.run({ tenant: webhook.subaccountId, isFailing: batch.attempts > 0 }, () =>
      sender.send(destination, {
        batchId: batch.id,
        body: async () => {
          const range = { ...batch, position: lane.position };
          const events = await this.#withoutErased(await this.#readNow(stream.source, range));
          sending.events = events;
          return events.length === 0 ? undefined : bodyOf(events);
        },
        replay: lane.kind === "replay" ? lane.id : undefined,
        signal: this.#abort.signal,
      }),
    );
    // Erased meanwhile, or past their retention.
    if (sending.events?.length === 0) return this.#advance(lane, { position: batch.last, isEmptied: true });
    // Nobody knows what became of it: whoever is next sends it again.
    if (this.#abort.signal.aborted && sent.posted.kind === "unanswered") return;
    const { source } = stream;
    await this.#settle(lane, { batch, events: sending.events?.length ?? 0, sent, source });
  }

  /** The batch's events as they are right before they are sent. */
  async #readNow(
    source: EventSource,
    batch: OwnBatch & { readonly position: number },
  ): Promise<readonly SourceEvent[]> {
    const { collected } = batch;
    if (collected === undefined) return collectAgain(source, batch);
    if (this.#deps.clock() - collected.readAtMs <= FRESH_FOR_MS) return collected.events;
    return (await source.readAgain(collected.events)).filter(createFilter(batch.interest));
  }

  /** What of them may be sent now. Rejects while the store does not say who was erased. */
  async #withoutErased(events: readonly SourceEvent[]): Promise<readonly SourceEvent[]> {
    const { privacy } = this.#deps;
    await privacy.freshen();
    return events.filter(({ subaccountId, rcptTo }) => !privacy.isErased(subaccountId, rcptTo));
  }

  async #settle(
    lane: OwnLane,
    {
      batch,
      events,
      sent,
      source,
    }: {
      readonly batch: OwnBatch;
      readonly events: number;
      readonly sent: Sent;
      readonly source: EventSource;
    },
  ): Promise<void> {
    const { now, random, count } = this.#deps;
    const attempts = batch.attempts + 1;
    const verdict = judge({ outcome: outcomeOf(sent), attempts, nowMs: now(), random: random() });
    if (verdict.kind !== "delivered") {
      const end = await endOf(verdict, { lane, batch, source });
      return this.#fail(lane, { batch, attempts, sent, end });
    }
    count("delivered", events);
    if (batch.attempts > 0)
      this.#deps.log.info({ webhookId: this.#id, attempts }, "a webhook's receiver answers again");
    const next = lane.kind === "live" ? await this.#nextIfReady(lane.collector) : undefined;
    await this.#advance(lane, {
      position: batch.last,
      delivered: {
        events,
        attempts,
        status: sent.posted.kind === "answered" ? sent.posted.reply.status : 0,
        latencyMs: sent.latencyMs,
        mayBeListed: batch.attempts > 0 || lane.kind === "replay",
      },
      next,
      isFinished: lane.end !== undefined && batch.last >= lane.end,
    });
  }

  /** What was sent is noted whether or not the store can be read on. */
  async #nextIfReady(collector: BatchCollector): Promise<Collected | undefined> {
    const isRead = await collector.collect().then(
      () => true,
      () => false,
    );
    return isRead && !this.#isStopping && !this.#isStale && this.#isReady(collector)
      ? collector.take()
      : undefined;
  }

  async #fail(
    lane: OwnLane,
    failed: {
      readonly batch: OwnBatch;
      readonly attempts: number;
      readonly sent: Sent;
      readonly end: FailedAttempt["end"];
    },
  ): Promise<void> {
    const { batch, attempts, sent, end } = failed;
    const failure = failureOf(sent);
    const status = sent.posted.kind === "answered" ? sent.posted.reply.status : undefined;
    const { id, last, interest } = batch;
    const isStored = await this.#deps.store.recordFailure(this.#stateOf(lane), {
      webhookId: this.#id,
      batch: { id, last, interest },
      attempts,
      status: sent.from === "target" ? status : undefined,
      failure,
      latencyMs: sent.latencyMs,
      end,
    });
    this.#isStale = true;
    if (!isStored) return;
    this.#deps.count(end.kind === "retry" ? "failed" : "dead", 0);
    this.#tell(lane, { batchId: id, attempts, failure, end });
  }

  #tell(
    lane: OwnLane,
    told: {
      readonly batchId: string;
      readonly attempts: number;
      readonly failure: string;
      readonly end: FailedAttempt["end"];
    },
  ): void {
    const { batchId, attempts, failure, end } = told;
    const fields = { webhookId: this.#id, batchId, lane: lane.kind, attempts, failure };
    if (end.kind === "retry") {
      // Once when it begins: the batch status has the rest.
      if (attempts === 1)
        this.#deps.log.warn({ ...fields, retryInMs: end.delayMs }, "a webhook could not be delivered");
      return;
    }
    this.#deps.record({
      kind: "webhook_dead",
      subaccountId: this.#loaded?.webhook.subaccountId ?? 0,
      fields: { webhookId: this.#id, reason: end.kind, batchId },
    });
  }

  /** Stores the batch that was collected: only then is it sent. */
  async #start(lane: OwnLane): Promise<void> {
    await this.#advance(lane, { position: lane.position, next: lane.collector.take() });
  }

  /** Nothing in a long stretch: it is not looked at again. */
  async #skip(lane: OwnLane): Promise<void> {
    await this.#advance(lane, { position: lane.collector.take().last });
  }

  async #advance(
    lane: OwnLane,
    to: {
      readonly position: number;
      readonly delivered?: Parameters<DeliveryStore["advance"]>[1]["delivered"];
      readonly isEmptied?: boolean;
      readonly next?: Collected | undefined;
      readonly isFinished?: boolean;
    },
  ): Promise<void> {
    const { position, next, isFinished = false } = to;
    const range = next && { id: randomUUID(), last: next.last, interest: lane.interest };
    const state = this.#stateOf(lane);
    const stands = await this.#deps.store.advance(state, { ...to, next: range });
    if (!stands) {
      this.#isStale = true;
      return;
    }
    lane.position = position;
    lane.isFinished = isFinished;
    lane.batch = range && { ...range, attempts: 0, dueAtMs: this.#deps.clock(), collected: next };
  }

  #stateOf(lane: OwnLane): LaneState {
    return {
      workerId: this.#deps.workerId,
      laneId: lane.id,
      position: lane.position,
      batchId: lane.batch?.id,
    };
  }

  async #waitForMore({ live, replays, stream }: Loaded): Promise<void> {
    const waits = replays.flatMap(({ batch, isFinished }) =>
      batch === undefined || isFinished ? [] : [this.#dueInMs(batch)],
    );
    if (!live.collector.isEmpty) waits.push(this.#deps.batchWaitMs - live.collector.waitedMs);
    if (live.collector.isHeld) waits.push(HELD_LOOK_MS);
    const ms = waits.length === 0 ? undefined : Math.max(0, Math.min(...waits));
    if (this.#isStale) return;
    // There is more behind what holds it.
    if (live.collector.isHeld) return this.#sleep({ ms });
    await this.#sleep({
      ms,
      until: (signal) => stream.window.waitFor(live.collector.scanned, signal),
    });
  }

  /** For so long, or until somebody changes the webhook. */
  async #wait(ms: number | undefined): Promise<void> {
    if (!this.#isStale) await this.#sleep({ ms });
  }

  async #sleep({
    ms,
    until = aborted,
  }: {
    readonly ms: number | undefined;
    readonly until?: (signal: AbortSignal) => Promise<void>;
  }): Promise<void> {
    if (this.#isStopping) return;
    const wakeUp = new AbortController();
    this.#wakeUp = wakeUp;
    const timer = ms === undefined ? undefined : setTimeout(() => wakeUp.abort(), ms);
    await until(wakeUp.signal);
    clearTimeout(timer);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function endOf(
  verdict: Exclude<Verdict, { readonly kind: "delivered" }>,
  { lane, batch, source }: { readonly lane: OwnLane; readonly batch: OwnBatch; readonly source: EventSource },
): Promise<FailedAttempt["end"]> {
  if (verdict.kind === "retry") return verdict;
  const isFinished = lane.end !== undefined && batch.last >= lane.end;
  if (verdict.kind === "given_up") return { kind: "given_up", isFinished };
  return { kind: "gone", isFinished, streamEnd: await source.last() };
}

function outcomeOf({ from, posted }: Sent): AttemptOutcome {
  if (from === "tokens") return { kind: "unanswered", reason: failureOf({ from, posted }) };
  if (posted.kind === "unanswered") return posted;
  return {
    kind: "answered",
    status: posted.reply.status,
    retryAfter: posted.reply.headers["retry-after"],
  };
}

/** As the batch status shows it. */
function failureOf({ from, posted }: Pick<Sent, "from" | "posted">): string {
  const code = posted.kind === "answered" ? String(posted.reply.status) : posted.reason;
  return from === "tokens" ? `tokens_url_${code}` : code;
}
