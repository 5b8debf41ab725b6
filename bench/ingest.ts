/**
 * `node bench/ingest.ts [events] [rounds] [facts]`: how fast events move from a real spool into a real store, by the code that
 * `waypost serve` runs. SQLite in a temporary folder, or the database at WAYPOST_TEST_DATABASE_URL, which should be one
 * that syncs to disk. Beside the rate it prints what the API would notice: how long reads of the state take while the
 * spool drains, each beside the same reads while nothing drains, and how long the event loop was held. With `facts` each
 * message was wrapped before, with a campaign, a subject, a sender, metadata and tags. Linux only: memory is read from /proc.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import { newMessageId } from "../src/domain/message-id.ts";
import { openSpool } from "../src/edge/spool.ts";
import { SpoolReader } from "../src/edge/spool-reader.ts";
import type { ObservedEvent } from "../src/edge/spool-record.ts";
import { openEnrichment } from "../src/enrichment.ts";
import { startIngest } from "../src/events/ingest.ts";
import type { WrappedCall } from "../src/events/message-store.ts";
import { PrivacyRules } from "../src/events/privacy-rules.ts";
import { openStore, type Store, type StoreLocation } from "../src/store/open-store.ts";
import { createKeyRing } from "../src/token/key-ring.ts";
import { privacyKeys } from "../src/token/pseudonym.ts";
import { BROWSERS, MAIL_READERS } from "../test/classification/user-agents.ts";
import { createTestDatabase } from "../test/postgres.ts";
import { anonymousMib } from "./memory.ts";

const DAY_MS = 86_400_000;
const READ_EVERY_MS = 5;
const QUIET_MS = 1000;
const SLOT = 7;
const FILL_BATCH = 500;
const SETTINGS = {
  enrichmentDays: 60,
  classificationFile: undefined,
  geoipFile: undefined,
  truncateIps: "false",
} as const;
const LOG = {
  info: () => undefined,
  warn: (fields: object, message: string) => console.error(message, fields),
  error: (fields: object, message: string) => console.error(message, fields),
};

interface Round {
  readonly eventsPerSecond: number;
  /** While nothing drains. */
  readonly quietP50Ms: number;
  readonly quietP99Ms: number;
  /** While the spool drains. */
  readonly readP50Ms: number;
  readonly readP99Ms: number;
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
  /** Without the spool that lmdb maps. */
  readonly anonymousMib: number;
}

let messageId = newMessageId();
const count = Number(process.argv[2] ?? 200_000);
const rounds = Number(process.argv[3] ?? 5);
const isPostgres = (process.env["WAYPOST_TEST_DATABASE_URL"] ?? "") !== "";
const hasFacts = process.argv[4] === "facts";
console.log(
  `${count} events a round, into ${isPostgres ? "PostgreSQL" : "SQLite"}, ${hasFacts ? "all" : "no"} facts known`,
);
const results: Round[] = [];
for (let round = 0; round < rounds; round += 1) {
  const result = await measure();
  results.push(result);
  console.log(format(result));
}
console.log(`medians\n${format(median(results))}`);

async function measure(): Promise<Round> {
  const folder = mkdtempSync(join(tmpdir(), "waypost-bench-ingest-"));
  const database = isPostgres ? await createTestDatabase() : undefined;
  const location: StoreLocation = database
    ? { kind: "postgres", url: database.url }
    : { kind: "sqlite", dir: folder };
  const store = await openStore(location);
  const spool = new SpoolReader(join(folder, "spool"), (slot, error) => console.error(slot, error));
  try {
    await fill(join(folder, "spool"), store);
    return await drain(store, spool);
  } finally {
    await spool.close();
    await store.close();
    await database?.drop();
    rmSync(folder, { recursive: true });
  }
}

/** One event in two hundred is of the day before, as after midnight. */
async function fill(spoolFolder: string, store: Store): Promise<void> {
  const directory = join(spoolFolder, String(SLOT));
  mkdirSync(directory, { recursive: true });
  const spool = openSpool({ directory, slot: SLOT, maxBytes: 2 ** 40 });
  const startMs = Date.now() - count;
  for (let n = 0; n < count; n += FILL_BATCH) {
    const size = Math.min(FILL_BATCH, count - n);
    const events = Array.from({ length: size }, (_, k) => {
      const timestampMs = startMs + n + k;
      return observed(n + k, k % 200 === 100 ? timestampMs - DAY_MS : timestampMs);
    });
    if (hasFacts) await store.messages.record(events.map(wrappedCall));
    await Promise.all(events.map((event) => spool.record(event)));
  }
  await spool.close(10_000);
}

/** One in twenty-five is of a scanner that follows eight links of a message at once. */
function observed(n: number, timestampMs: number): ObservedEvent {
  const isScanner = n % 200 < 8;
  const isClick = isScanner || n % 3 === 0;
  const message = isScanner ? n - (n % 200) : n;
  if (n === message) messageId = newMessageId();
  return {
    type: isClick ? "click" : "open",
    timestampMs,
    subaccountId: message % 20,
    messageId,
    rcptTo: `recipient.${(message * 7919) % 1_000_003}@mail${message % 97}.example.com`,
    sentAtSeconds: Math.floor((timestampMs - (n - message)) / 1000) - (message % 90_000),
    trackingDomain: `click.customer${n % 50}.example`,
    targetLinkUrl: isClick
      ? `https://www.shop.example/products/${n % 1000}?utm_source=newsletter&utm_medium=email&utm_campaign=november`
      : undefined,
    targetLinkName: isClick ? "Shop now" : undefined,
    ipAddress: `198.51.${(n >> 8) % 256}.${n % 256}`,
    userAgent: isClick ? BROWSERS[n % BROWSERS.length] : MAIL_READERS[n % MAIL_READERS.length],
    acceptLanguage: "en-GB,en;q=0.9",
    purpose: undefined,
  };
}

function wrappedCall(event: ObservedEvent, n: number): WrappedCall {
  const { subaccountId, sentAtSeconds, trackingDomain, messageId, rcptTo } = event;
  return {
    subaccountId,
    sentAtSeconds,
    trackingDomain,
    facts: {
      transmissionId: "101234567890123456",
      campaignId: `campaign-${subaccountId}`,
      templateId: `template-${n % 40}`,
      subject: `What is new in week ${subaccountId}`,
      friendlyFrom: "News <news@shop.example>",
      msgFrom: "bounces@shop.example",
      sendingDomain: "shop.example",
      msgSize: 20_480,
      rcptMeta: { customer: n, plan: "basic" },
      rcptTags: ["newsletter", "november"],
      openTracking: true,
      clickTracking: true,
      initialOpen: false,
      ampEnabled: false,
    },
    messages: [{ messageId, rcptTo }],
  };
}

async function drain(store: Store, spool: SpoolReader): Promise<Round> {
  const quietMs = await readUntil(store, sleep(QUIET_MS));
  const loop = monitorEventLoopDelay({ resolution: 2 });
  loop.enable();
  const keys = privacyKeys(createKeyRing());
  const privacy = new PrivacyRules({ store: store.privacy, keys, installation: "full" });
  const enrichment = await openEnrichment({ config: SETTINGS, store, privacy, log: LOG });
  const startedMs = performance.now();
  const ingest = startIngest({ spool, events: store.events, steps: enrichment.steps, log: LOG });
  const drained = untilEmpty(spool);
  const readMs = await readUntil(store, drained);
  const seconds = ((await drained) - startedMs) / 1000;
  loop.disable();
  await ingest.stop();
  await enrichment.stop();
  return {
    eventsPerSecond: count / seconds,
    quietP50Ms: percentile(quietMs, 0.5),
    quietP99Ms: percentile(quietMs, 0.99),
    readP50Ms: percentile(readMs, 0.5),
    readP99Ms: percentile(readMs, 0.99),
    loopP99Ms: loop.percentile(99) / 1e6,
    loopMaxMs: loop.max / 1e6,
    anonymousMib: anonymousMib(),
  };
}

async function untilEmpty(spool: SpoolReader): Promise<number> {
  while (spool.depth() > 0) await sleep(20);
  return performance.now();
}

/** How long each read took, from when it was due: what the loop holds up counts. */
async function readUntil(store: Store, end: Promise<unknown>): Promise<readonly number[]> {
  let isOver = false;
  void end.then(() => {
    isOver = true;
  });
  const tookMs: number[] = [];
  while (!isOver) {
    const dueMs = performance.now() + READ_EVERY_MS;
    await sleep(READ_EVERY_MS);
    await store.trackingDomains.list({ subaccounts: "all" });
    tookMs.push(performance.now() - dueMs);
  }
  return tookMs;
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? Number.NaN;
}

function median(measured: readonly Round[]): Round {
  const keys = Object.keys(measured[0] ?? {}) as (keyof Round)[];
  const entries = keys.map((key) => [
    key,
    percentile(
      measured.map((round) => round[key]),
      0.5,
    ),
  ]);
  return Object.fromEntries(entries) as Round;
}

function format(round: Round): string {
  const ms = (value: number) => value.toFixed(1).padStart(6);
  return [
    `${round.eventsPerSecond.toFixed(0).padStart(7)} events/s`,
    `reads p50${ms(round.readP50Ms)} p99${ms(round.readP99Ms)} ms`,
    `(quiet${ms(round.quietP50Ms)}${ms(round.quietP99Ms)})`,
    `loop p99${ms(round.loopP99Ms)} max${ms(round.loopMaxMs)} ms`,
    `memory ${round.anonymousMib.toFixed(0)} MiB`,
  ].join("   ");
}
