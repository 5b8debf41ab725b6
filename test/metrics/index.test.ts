/** The metrics index against a real store: whatever happens to events, what it counts is what counting by hand finds. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import fc from "fast-check";

import { EVENT_TYPES } from "../../src/domain/event.ts";
import type { MessageId } from "../../src/domain/message-id.ts";
import type { WrappedCall } from "../../src/events/message-store.ts";
import { type RecordedEvent, UNCLASSIFIED } from "../../src/events/recorded-event.ts";
import type { MetricAnswer, MetricQuestion, MetricRow } from "../../src/metrics/answer.ts";
import { DIMENSIONS } from "../../src/metrics/columns.ts";
import { METRIC_NAMES } from "../../src/metrics/metric.ts";
import { type MetricsIndex, startMetricsIndex } from "../../src/metrics/metrics-index.ts";
import { openStore, type Store, type StoreLocation } from "../../src/store/open-store.ts";
import { type Database, onBothDatabases } from "../api/harness.ts";
import { FACTS } from "../events/recorded.ts";
import { createTestDatabase } from "../postgres.ts";
import { expectedRows, type Model, shortLabel } from "./model.ts";

const DAY_MS = 86_400_000;
/** The nights around it have the last hour of summer time twice, in Berlin and Beirut. */
const START_MS = Date.UTC(2026, 9, 22);
const DAYS = 6;
const RETENTION_DAYS = 20;
const DEADLINE_MS = 60_000;

/** A store with nothing in it, and an index that follows it. */
class Rig implements AsyncDisposable {
  readonly store: Store;
  readonly location: StoreLocation;
  readonly folder = mkdtempSync(join(tmpdir(), "waypost-metrics-"));
  nowMs = START_MS + DAYS * DAY_MS;
  /** What was logged as a warning. */
  readonly warnings: string[] = [];
  index: MetricsIndex;
  readonly #drop: () => void | Promise<void>;

  private constructor(store: Store, location: StoreLocation, drop: () => void | Promise<void>) {
    this.store = store;
    this.location = location;
    this.#drop = drop;
    this.index = this.#start();
  }

  static async create(database: Database): Promise<Rig> {
    if (database === "postgres") {
      const { url, drop } = await createTestDatabase();
      const location = { kind: "postgres", url } as const;
      return new Rig(await openStore(location), location, drop);
    }
    const location = { kind: "sqlite", dir: mkdtempSync(join(tmpdir(), "waypost-store-")) } as const;
    return new Rig(await openStore(location), location, () => rmSync(location.dir, { recursive: true }));
  }

  /** `meanwhile` may do to the index's folder what it likes. */
  async restart(meanwhile: () => void = () => {}): Promise<void> {
    await this.index.stop();
    meanwhile();
    this.index = this.#start();
  }

  /** Another process follows for as long after it began, until it is killed. */
  async followAndKill(afterMs: number): Promise<void> {
    const program = `${import.meta.dirname}/follow-program.ts`;
    const given = [JSON.stringify(this.location), this.folder, String(this.nowMs)];
    const follower = spawn(process.execPath, [program, ...given], { stdio: ["ignore", "pipe", "inherit"] });
    await once(follower.stdout, "data");
    await sleep(afterMs);
    follower.kill("SIGKILL");
    await once(follower, "exit");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.index.stop();
    await this.store.close();
    await this.#drop();
    rmSync(this.folder, { recursive: true });
  }

  #start(): MetricsIndex {
    return startMetricsIndex({
      folder: this.folder,
      stores: this.store,
      retentionDays: RETENTION_DAYS,
      now: () => this.nowMs,
      log: { info: () => {}, warn: (_fields, message) => this.warnings.push(message) },
      idleMs: 5,
    });
  }
}

/** Asks until the answer is the expected one, or the last one at the deadline. */
async function ask(rig: Rig, question: MetricQuestion, expected: unknown): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const found = await rig.index.ask(question).catch((error: unknown) => ({ error }));
    const rows = "error" in found ? found : shown(found.answer, question);
    try {
      assert.deepEqual(rows, expected);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(5);
  }
}

function shown(answer: MetricAnswer, question: MetricQuestion): readonly MetricRow[] {
  if (answer.kind === "too_many_times") return [];
  return answer.rows.map(({ label, counts }) => ({ label: shortLabel(label, question), counts }));
}

/** Few, so that many events are of the same. */
const DIFFERENT = Array.from({ length: 12 }, (_, number) => ({
  messageId: number.toString(16).padStart(20, "0") as MessageId,
  sentAtSeconds: START_MS / 1000 + (number - 4) * 40_000,
  subaccountId: number % 3,
  rcptTo: `${number % 2 === 0 ? "Ann" : "bob"}@${["example.com", "Example.ORG"][number % 2]}`,
  trackingDomain: ["click.example.com", "go.example.net"][number % 2]!,
  facts: {
    ...FACTS,
    openTracking: number % 4 !== 1,
    clickTracking: number % 4 < 2,
    ...(number % 3 === 0 ? {} : { campaignId: ["spring", "Übergrößen 🎈"][number % 2]!, templateId: "t" }),
    ...(number % 5 === 0 ? {} : { sendingDomain: "example.com" }),
  },
}));

/** Callers choose ids: one is another tenant's too. */
const MESSAGES = [...DIFFERENT, { ...DIFFERENT[4]!, subaccountId: 2, rcptTo: "eve@example.com" }];

const anyMessage = fc.constantFrom(...MESSAGES);

const anyClassification = fc
  .record({ isPrefetched: fc.boolean(), isProxy: fc.boolean(), isBot: fc.boolean() })
  .map((marks) => ({ ...marks, reasons: [] }));

const anyEvent: fc.Arbitrary<Omit<RecordedEvent, "eventId">> = fc
  .record({
    message: anyMessage,
    type: fc.constantFrom(...EVENT_TYPES),
    timestampMs: fc.integer({ min: START_MS - DAY_MS, max: START_MS + DAYS * DAY_MS }),
    link: fc.constantFrom(
      { targetLinkUrl: "https://example.com/a" },
      { targetLinkUrl: "https://example.com/b" },
      { targetLinkUrl: "https://example.com/a", targetLinkName: "top" },
      { targetLinkUrl: "https://example.com/b", targetLinkName: "top" },
    ),
    hasFacts: fc.boolean(),
    classification: anyClassification,
  })
  .map(({ message: { facts, ...message }, link, hasFacts, ...event }) => ({
    ...message,
    ...event,
    ...(/click|unsubscribe/.test(event.type) ? link : {}),
    ...(hasFacts ? { facts } : {}),
  }));

type Step =
  | { readonly kind: "events"; readonly events: readonly Omit<RecordedEvent, "eventId">[] }
  | { readonly kind: "sent"; readonly messages: readonly (typeof MESSAGES)[number][] }
  | {
      readonly kind: "reclassify";
      readonly places: readonly number[];
      readonly classification: RecordedEvent["classification"];
    }
  | { readonly kind: "erase"; readonly recipient: string }
  | { readonly kind: "restart" }
  | { readonly kind: "days_pass"; readonly days: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("events"), events: fc.array(anyEvent) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("sent"), messages: fc.uniqueArray(anyMessage) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("reclassify"),
      places: fc.array(fc.nat()),
      classification: anyClassification,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("erase"),
      recipient: fc.constantFrom("ann@example.com", "bob@example.org"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("restart") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("days_pass"), days: fc.constantFrom(14, 16) }) },
) as fc.Arbitrary<Step>;

const anyQuestion: fc.Arbitrary<Omit<MetricQuestion, "nowMs">> = fc
  .record({
    metrics: fc.shuffledSubarray([...METRIC_NAMES], { minLength: 1 }),
    from: fc.integer({ min: -3 * DAY_MS, max: DAYS * DAY_MS }),
    length: fc.integer({ min: 1, max: 9 * DAY_MS }),
    precision: fc.constantFrom("hour" as const, "day" as const, "month" as const),
    timeZone: fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Asia/Beirut"),
    by: fc.constantFrom("all" as const, "time" as const, ...DIMENSIONS),
    filters: fc.array(
      fc.constantFrom(
        { dimension: "campaign" as const, texts: ["spring", "nobody's"] },
        { dimension: "subaccount" as const, texts: ["0", "2"] },
        { dimension: "recipientDomain" as const, texts: ["example.org"] },
        { dimension: "trackingDomain" as const, texts: ["click.example.com"] },
        { dimension: "template" as const, texts: [] },
        { dimension: "linkName" as const, texts: ["top"] },
      ),
      { maxLength: 1 },
    ),
  })
  .map(({ from, length, metrics, ...question }) => {
    // Of a link's name nothing is known of messages: they are not asked by it.
    const isOfLinks = question.by === "linkName" || question.filters[0]?.dimension === "linkName";
    const asked = isOfLinks ? ["count_clicked", "count_human_raw_clicked"] : metrics;
    const range = { fromMs: START_MS + from, toMs: START_MS + from + length };
    return { ...question, ...range, metrics: asked, orderBy: asked[0]!, limit: 100 };
  });

class Story {
  readonly #rig: Rig;
  #events: RecordedEvent[] = [];
  #sent: WrappedCall[] = [];
  #keptFromMs: number;
  #lastId = 0n;

  constructor(rig: Rig) {
    this.#rig = rig;
    this.#keptFromMs = this.#keptFrom();
  }

  get model(): Model {
    return { events: this.#events, sent: this.#sent, keptFromMs: this.#keptFromMs };
  }

  async perform(step: Step): Promise<void> {
    const { store } = this.#rig;
    switch (step.kind) {
      case "events": {
        const events = step.events.map((event) => ({ ...event, eventId: ++this.#lastId }));
        await store.events.append(events);
        this.#events.push(...events);
        this.#forgetOld();
        return;
      }
      case "sent":
        await this.#record(step.messages);
        return;
      case "reclassify": {
        const places = new Set(step.places.map((place) => place % Math.max(this.#events.length, 1)));
        const changed = [...places].flatMap((place) => this.#events[place] ?? []);
        await store.events.reclassify(
          changed.map(({ eventId, timestampMs, type }) => {
            return { eventId, timestampMs, type, classification: step.classification };
          }),
        );
        const ids = new Set(changed.map(({ eventId }) => eventId));
        this.#events = this.#events.map((event) =>
          ids.has(event.eventId) ? { ...event, classification: step.classification } : event,
        );
        return;
      }
      case "erase":
        await store.events.erase(step.recipient, "all");
        this.#events = this.#events.filter(({ rcptTo }) => rcptTo.toLowerCase() !== step.recipient);
        return;
      case "restart":
        return this.#rig.restart();
      case "days_pass":
        this.#rig.nowMs += step.days * DAY_MS;
        await store.events.dropBefore(this.#rig.nowMs - RETENTION_DAYS * DAY_MS);
        this.#keptFromMs = this.#keptFrom();
        this.#forgetOld();
    }
  }

  async #record(messages: readonly (typeof MESSAGES)[number][]): Promise<void> {
    const isKnown = (id: MessageId) => this.#sent.some((call) => call.messages[0]?.messageId === id);
    const calls = messages
      .filter(
        ({ messageId, sentAtSeconds }) => !isKnown(messageId) && sentAtSeconds * 1000 >= this.#keptFromMs,
      )
      .map(({ messageId, rcptTo, ...call }) => ({ ...call, messages: [{ messageId, rcptTo }] }));
    await this.#rig.store.messages.record(calls);
    this.#sent.push(...calls);
  }

  #keptFrom(): number {
    return Math.floor(this.#rig.nowMs / DAY_MS - RETENTION_DAYS) * DAY_MS;
  }

  #forgetOld(): void {
    this.#events = this.#events.filter(({ timestampMs }) => timestampMs >= this.#keptFromMs);
    this.#sent = this.#sent.filter(({ sentAtSeconds }) => sentAtSeconds * 1000 >= this.#keptFromMs);
  }
}

onBothDatabases("the metrics index", (database) => {
  test("after events, corrections, erasures, restarts and dropped days it counts what counting by hand finds", async () => {
    const anyStory = fc.array(fc.tuple(anyStep, fc.array(anyQuestion, { minLength: 1, maxLength: 3 })), {
      minLength: 4,
      maxLength: 12,
      size: "max",
    });
    await fc.assert(
      fc.asyncProperty(anyStory, async (steps) => {
        await using rig = await Rig.create(database);
        const story = new Story(rig);
        // Older than all events: from the start all messages are known.
        await story.perform({ kind: "sent", messages: MESSAGES.slice(0, 1) });
        for (const [step, questions] of steps) {
          await story.perform(step);
          for (const asked of questions) {
            const question = { ...asked, nowMs: rig.nowMs };
            await ask(rig, question, expectedRows(story.model, question));
          }
        }
        assert.deepEqual(rig.warnings, []);
      }),
      { numRuns: 8, endOnFailure: true },
    );
  });

  test("an index that is lost, cut short or another store's is built anew", async () => {
    await using rig = await Rig.create(database);
    const story = new Story(rig);
    await story.perform({ kind: "events", events: SOME_EVENTS });
    const question = { ...EVERYTHING, nowMs: rig.nowMs };
    const expected = expectedRows(story.model, question);
    await ask(rig, question, expected);
    await rig.restart(() => rmSync(rig.folder, { recursive: true }));
    await ask(rig, question, expected);
    assert.deepEqual(rig.warnings.splice(0), []);

    const isEvents = (name: string) => name.startsWith("events-");
    await rig.restart(() => {
      for (const name of readdirSync(rig.folder).filter(isEvents)) truncateSync(join(rig.folder, name), 20);
    });
    await ask(rig, question, expected);
    assert.deepEqual(rig.warnings.splice(0), ["the metrics index was damaged, it is built anew"]);
    await rig.restart(() => {
      // Its log would mend it.
      for (const log of ["index.db-wal", "index.db-shm"]) rmSync(join(rig.folder, log), { force: true });
      writeFileSync(join(rig.folder, "index.db"), "no database ".repeat(1000));
    });
    await ask(rig, question, expected);
    assert.deepEqual(rig.warnings.splice(0), ["the metrics index was damaged, it is built anew"]);

    await using other = await Rig.create(database);
    await other.store.events.append([{ ...SOME_EVENTS[0]!, eventId: 99n }]);
    await ask(other, question, [{ label: "", counts: [1, 1] }]);
    await other.restart(() => {
      rmSync(other.folder, { recursive: true });
      cpSync(rig.folder, other.folder, { recursive: true });
    });
    await ask(other, question, [{ label: "", counts: [1, 1] }]);
    assert.deepEqual(other.warnings, ["the metrics index is of another event store, it is built anew"]);
  });

  test("all of many events are counted, however they divide into what is read at a time", async () => {
    await using rig = await Rig.create(database);
    for (let count = 0; count < 60_000; count += 20_000) {
      const some = Array.from({ length: 20_000 }, (_, n) => ({
        ...SOME_EVENTS[0]!,
        eventId: BigInt(count + n),
      }));
      await rig.store.events.append(some);
      const question = { ...EVERYTHING, nowMs: rig.nowMs };
      await ask(rig, question, [{ label: "", counts: [count + 20_000, 1] }]);
    }
  });

  test("killed at any moment, it goes on from there: nothing is counted twice, and nothing is left out", async () => {
    await using rig = await Rig.create(database);
    const story = new Story(rig);
    await rig.index.stop();
    const days = Array.from({ length: DAYS }, (_, day) => START_MS + day * DAY_MS);
    for (let round = 0; round < 5; round += 1) {
      const events = Array.from({ length: 6000 }, (_, n) => ({
        ...SOME_EVENTS[n % 2]!,
        timestampMs: days[n % DAYS]! + n,
      }));
      await story.perform({ kind: "events", events });
      const places = Array.from({ length: 200 }, (_, n) => n * 31);
      await story.perform({ kind: "reclassify", places, classification: { ...UNCLASSIFIED, isBot: true } });
      await rig.followAndKill(40 + round * 70);
    }
    await rig.restart();
    const question = {
      ...EVERYTHING,
      by: "time",
      metrics: ["count_clicked", "count_nonbot_clicked", "count_nonbot_unique_clicked"],
      nowMs: rig.nowMs,
    } as const;
    await ask(rig, question, expectedRows(story.model, question));
    assert.deepEqual(rig.warnings, []);
  });

  test("messages are not counted for a time of which only some are known", async () => {
    await using rig = await Rig.create(database);
    const story = new Story(rig);
    const days = { ...EVERYTHING, by: "time", nowMs: rig.nowMs } as const;
    const question = { ...days, metrics: ["count_clicked", "count_targeted"], toMs: START_MS + 3 * DAY_MS };
    await story.perform({ kind: "events", events: SOME_EVENTS });
    await ask(rig, question, [
      { label: "2026-10-22", counts: [3, null] },
      { label: "2026-10-23", counts: [0, null] },
      { label: "2026-10-24", counts: [0, null] },
    ]);
    // Sent on the 23rd: of the messages of that day, others may have been before.
    await story.perform({ kind: "sent", messages: MESSAGES.slice(7, 8) });
    await ask(rig, question, [
      { label: "2026-10-22", counts: [3, null] },
      { label: "2026-10-23", counts: [0, null] },
      { label: "2026-10-24", counts: [0, 0] },
    ]);
    // All are known of the 24th, but the row is the whole month's.
    const month = { ...question, precision: "month", fromMs: START_MS + 2 * DAY_MS } as const;
    await ask(rig, month, [{ label: "2026-10", counts: [3, null] }]);
  });
});

const SOME_EVENTS = [1, 2, 2].map((number) => {
  const { facts, ...message } = MESSAGES[number]!;
  return { ...message, type: "click" as const, timestampMs: START_MS + number, classification: UNCLASSIFIED };
});

const EVERYTHING = {
  metrics: ["count_clicked", "count_unique_clicked"],
  fromMs: START_MS,
  toMs: START_MS + DAYS * DAY_MS,
  precision: "day",
  timeZone: "UTC",
  by: "all",
  filters: [],
  orderBy: "count_clicked",
  limit: 10,
} as const;
