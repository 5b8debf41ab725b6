/**
 * `npm run bench:report -- [--events N] [--days N] [--store sqlite|postgres] [--ingest N]`: what reports take over ten million events of
 * thirty days. First `bench/ingest.ts` and `bench/webhooks.ts` with N events, unless that is 0. Then it loads the ten million through the
 * stores' own append, asks a running API, prints the medians and the slowest of some rounds against their limits, and exports a million
 * events. Linux only: memory is read from /proc. PostgreSQL is the database server at WAYPOST_TEST_DATABASE_URL, else a throwaway
 * cluster that doesn't sync to disk: its rates of loading are then too good, its reports are not.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { findOrInstall } from "../scripts/debian-package.ts";
import { POSTGRES, startThrowawayPostgres } from "../scripts/throwaway-postgres.ts";
import type { WrappedCall } from "../src/events/message-store.ts";
import type { RecordedEvent } from "../src/events/recorded-event.ts";
import { openStore, type Store } from "../src/store/open-store.ts";
import { type Database, FIRST_KEY, startTestApi, type TestApi } from "../test/api/harness.ts";
import { anonymousMib } from "./memory.ts";
import { syntheticEvents } from "./synthetic-events.ts";

const DAY_MS = 86_400_000;
const SEED = 20_261_125;
const APPEND_BATCH = 5000;
const BATCHES_UNDER_WAY = 2;
/** Messages are recorded for one in ten events: what is measured reads few of them. */
const EVENTS_A_MESSAGE = 10;
const SAY_EVERY_MS = 10_000;
const ROUNDS = 9;
const FIRST_PAGE_LIMIT_MS = 100;
const METRICS_LIMIT_MS = 250;
const EXPORTED_EVENTS = 1_000_000;
const LINE_FEED = 10;

/** In words, and as parameters of the Events API over all of the events. What nobody has is the worst case of a filter without an index. */
const SEARCHES: readonly (readonly [string, string])[] = [
  ["no filter", ""],
  ["clicks", "events=click"],
  ["clicks of a large campaign", "events=click&campaigns=campaign-0"],
  ["a small campaign", "campaigns=campaign-199"],
  ["three campaigns", "campaigns=campaign-7,campaign-107,campaign-197"],
  ["a campaign that is not there", "campaigns=nobody"],
  ["a domain with a third of all", "recipient_domains=gmail.com"],
  ["a rare domain", "recipient_domains=mail77.example"],
  ["a recipient", "recipients=recipient.4711@gmail.com"],
  ["a subaccount", "subaccounts=7"],
  ["rare type", "events=link_unsubscribe"],
  ["rare type of a campaign", "events=link_unsubscribe&campaigns=campaign-150"],
  ["bots", "is_bot=true"],
  ["a campaign's bots", "is_bot=true&campaigns=campaign-150"],
  ["prefetched", "is_prefetched=true"],
  ["a template", "templates=template-39"],
  ["a template that is not there", "templates=nobody"],
  ["a sending domain that is not there", "sending_domains=nobody.example"],
  ["a tracking domain", "tracking_domains=click.shop19.example"],
  ["a tracking domain that is not there", "tracking_domains=nobody.example"],
  ["a pool that is not there", "ip_pools=nobody"],
  ["a sender", "from_addresses=news@shop19.example"],
  ["a sender that is not there", "from_addresses=nobody@shop.example"],
  ["a subject", "subjects=199"],
  ["a subject that is not there", "subjects=nobody"],
];

const BY_DAY =
  "metrics=count_targeted,count_clicked,count_unique_clicked,count_unique_confirmed_opened&precision=day";

const REPORTS: readonly (readonly [string, string])[] = [
  ["by day", `/time-series?${BY_DAY}`],
  [
    "by day, people only",
    "/time-series?metrics=count_human_unique_clicked,count_human_unique_confirmed_opened",
  ],
  ["by day in Berlin", `/time-series?${BY_DAY}&timezone=Europe/Berlin`],
  ["by day of a campaign", `/time-series?${BY_DAY}&campaigns=campaign-0`],
  ["by hour", `/time-series?${BY_DAY.replace("=day", "=hour")}`],
  ["in one", `?${BY_DAY}`],
  ["by campaign", `/campaign?${BY_DAY}`],
  ["by recipient domain", `/domain?${BY_DAY}`],
  ["by link", "/link-name?metrics=count_clicked,count_raw_clicked"],
];

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "10000000" },
    days: { type: "string", default: "30" },
    store: { type: "string" },
    ingest: { type: "string", default: "200000" },
  },
});
const count = Number(values.events);
const days = Number(values.days);
console.log(
  `${count} events of ${days} days; ${cpus().length} × ${cpus()[0]?.model}, Node.js ${process.version}`,
);
for (const database of ["sqlite", "postgres"] as const) {
  if (values.store !== undefined && values.store !== database) continue;
  await using _server = database === "postgres" ? await startPostgres() : undefined;
  console.log(`\n${database}`);
  if (Number(values.ingest) > 0) {
    await runBench(database, "ingest.ts", values.ingest, "3", "facts");
    await runBench(database, "webhooks.ts", values.ingest);
  }
  await measureReports(database);
}

async function startPostgres(): Promise<AsyncDisposable | undefined> {
  if ((process.env["WAYPOST_TEST_DATABASE_URL"] ?? "") !== "") return undefined;
  // Ten million events are more than fits into memory.
  const { url, stop } = await startThrowawayPostgres(findOrInstall(POSTGRES, console.log), tmpdir());
  process.env["WAYPOST_TEST_DATABASE_URL"] = url;
  return { [Symbol.asyncDispose]: stop };
}

async function runBench(database: Database, file: string, ...args: readonly string[]): Promise<void> {
  const { WAYPOST_TEST_DATABASE_URL, ...env } = process.env;
  const program = spawn(process.execPath, [join(import.meta.dirname, file), ...args], {
    stdio: "inherit",
    env: database === "postgres" ? { ...env, WAYPOST_TEST_DATABASE_URL } : env,
  });
  const [code] = await once(program, "exit");
  if (code !== 0) throw new Error(`bench/${file} failed`);
}

async function measureReports(database: Database): Promise<void> {
  await using api = await startTestApi(database);
  const store = await openStore(api.location);
  try {
    const untilMs = Date.now() - 1000;
    const fromMs = untilMs - days * DAY_MS;
    await load(store, untilMs);
    await untilFollowed(api, fromMs);
    const range = `from=${new Date(fromMs).toISOString()}&to=${new Date(untilMs).toISOString()}`;
    for (const [what, filter] of SEARCHES) await search(api, what, `${range}&${filter}`);
    for (const [what, path] of REPORTS)
      await report(api, what, `${path}&${range.replaceAll(/\.\d+Z/g, "Z")}`);
    const exported = `from=${new Date(untilMs - Math.min(1, EXPORTED_EVENTS / count) * days * DAY_MS).toISOString()}`;
    for (const format of ["ndjson", "csv", "ndjson"]) await exportEvents(api, format, exported);
  } finally {
    await store.close();
  }
}

/** The next batches are made while one is stored. */
async function load(store: Store, untilMs: number): Promise<void> {
  const startedMs = performance.now();
  let saidMs = startedMs;
  let loaded = 0;
  const append = async (batch: readonly RecordedEvent[]): Promise<void> => {
    await store.messages.record(wrappedCalls(batch));
    const stored = await store.events.append(batch);
    loaded += stored;
    if (performance.now() - saidMs < SAY_EVERY_MS) return;
    saidMs = performance.now();
    console.log(`  loaded ${loaded}, ${perSecond(loaded, startedMs)} events/s`);
  };
  const underWay: Promise<void>[] = [];
  for (const batch of batches(syntheticEvents({ count, days, untilMs, seed: SEED }))) {
    underWay.push(append(batch));
    if (underWay.length === BATCHES_UNDER_WAY) await underWay.shift();
  }
  await Promise.all(underWay);
  console.log(`  loaded ${loaded} events, ${perSecond(loaded, startedMs)} events/s`);
}

function* batches(events: Iterable<RecordedEvent>): Generator<readonly RecordedEvent[]> {
  let batch: RecordedEvent[] = [];
  for (const event of events) {
    batch.push(event);
    if (batch.length < APPEND_BATCH) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}

/** Some of the messages that the events are of. Those that are there already stay. */
function wrappedCalls(events: readonly RecordedEvent[]): readonly WrappedCall[] {
  return events.flatMap(({ facts, messageId, rcptTo, ...event }, n) =>
    facts === undefined || n % EVENTS_A_MESSAGE !== 0
      ? []
      : [{ ...event, facts, messages: [{ messageId, rcptTo }] }],
  );
}

/** Waits until the metrics index has all that was loaded. */
async function untilFollowed(api: TestApi, fromMs: number): Promise<void> {
  const startedMs = performance.now();
  const from = new Date(fromMs - DAY_MS).toISOString().slice(0, 16);
  const names = ["count_clicked", "count_rendered", "count_initial_rendered", "count_unsubscribe"];
  for (let counted = 0; counted < count; await sleep(500)) {
    const { json } = await api.call("GET", `/api/v1/metrics/deliverability?metrics=${names}&from=${from}`);
    const [row = {}] = json.results ?? [];
    counted = names.reduce((sum, name) => sum + Number(row[name] ?? 0), 0);
    if (counted === count) break;
  }
  const folder = join(api.dataDir, "metrics");
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).blocks * 512, 0);
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(
    `  the metrics index had it ${seconds.toFixed(1)} s later, with ${(bytes / count).toFixed(0)} bytes an event`,
  );
}

async function search(api: TestApi, what: string, query: string): Promise<void> {
  const path = `/api/v1/events/message?${query}`;
  const first = await time(() => api.call("GET", path));
  const { json } = await api.call("GET", path);
  const next = json.links.next as string | undefined;
  const second = next === undefined ? undefined : await time(() => api.call("GET", next));
  const found = `${json.results.length} of ${json.total_count}${json.total_count_is_lower_bound ? "+" : ""}`;
  print(what, { first, second, limitMs: FIRST_PAGE_LIMIT_MS, found });
}

async function report(api: TestApi, what: string, path: string): Promise<void> {
  const url = `/api/v1/metrics/deliverability${path}`;
  const first = await time(() => api.call("GET", url));
  const { json } = await api.call("GET", url);
  print(what, { first, second: undefined, limitMs: METRICS_LIMIT_MS, found: `${json.results.length} rows` });
}

/** To a reader as fast as it comes. The API is in this process: what it takes in memory is this process's. */
async function exportEvents(api: TestApi, format: string, range: string): Promise<void> {
  const startedMs = performance.now();
  const before = anonymousMib();
  const url = `http://127.0.0.1:${api.control.apiAddress?.port}/api/v1/events/message.${format}?${range}`;
  const { body } = await fetch(url, { headers: { authorization: FIRST_KEY } });
  let [rows, highest] = [0, before];
  for await (const chunk of body ?? []) {
    for (const byte of chunk) if (byte === LINE_FEED) rows += 1;
    highest = Math.max(highest, anonymousMib());
  }
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(
    `  ${rows} rows as ${format} in ${seconds.toFixed(1)} s, ${before.toFixed(0)} MiB before, ${highest.toFixed(0)} at most`,
  );
}

interface Timing {
  readonly medianMs: number;
  readonly slowestMs: number;
}

async function time(ask: () => Promise<{ readonly status: number; readonly text: string }>): Promise<Timing> {
  const tookMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedMs = performance.now();
    const { status, text } = await ask();
    if (status !== 200) throw new Error(text);
    tookMs.push(performance.now() - startedMs);
    if (round === 0 && (tookMs[0] ?? 0) > 5000) break;
  }
  const sorted = tookMs.sort((a, b) => a - b);
  return { medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0, slowestMs: sorted.at(-1) ?? 0 };
}

function print(
  what: string,
  result: {
    readonly first: Timing;
    readonly second: Timing | undefined;
    readonly limitMs: number;
    readonly found: string;
  },
): void {
  const { first, second, limitMs, found } = result;
  const show = ({ medianMs, slowestMs }: Timing) =>
    `${medianMs.toFixed(0).padStart(6)} ms (slowest${slowestMs.toFixed(0).padStart(6)})`;
  const next = second === undefined ? "" : `   next page ${show(second)}`;
  const verdict = Math.max(first.medianMs, second?.medianMs ?? 0) < limitMs ? "" : `   OVER ${limitMs} ms`;
  console.log(`  ${what.padEnd(38)} ${show(first)}${next}   ${found}${verdict}`);
}

function perSecond(events: number, startedMs: number): string {
  return (events / ((performance.now() - startedMs) / 1000)).toFixed(0);
}
