/**
 * Waypost under load while something is done to it, and the account at the end: every click that was answered is an
 * event, and none is there twice. Each link is clicked once, so that its message id stands for the click.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { send } from "../api/harness.ts";
import { createInstallation, type Installation, type WaypostProcess } from "../e2e/waypost-process.ts";
import { type Load, startLoad } from "../edge/client.ts";

const KEY = "crash-key-that-is-long-enough-for-us";
const DOMAIN = "click.localhost";
const CONNECTIONS = 16;
/** Some hundred clicks a second: what is to be shown doesn't depend on the rate, and other tests run beside this one. */
const PAUSE_MS = 20;
const RECIPIENTS_PER_CALL = 500;
const LINKS_IN_STOCK = 1500;
const WITHIN_MS = 60_000;

export type Role = "edge" | "control";

export interface CrashRun {
  readonly installation: Installation;
  waypost: WaypostProcess;
  readonly load: Load;
  /** Wraps more links, when there are few left. */
  refill(): Promise<void>;
  /** Process ids of one kind. */
  pids(role: Role): readonly number[];
  /** Waits for so many more answered clicks. */
  answered(more: number): Promise<void>;
  isReady(): Promise<boolean>;
  /** Ends the load and compares what was answered with what was stored. */
  settle(): Promise<Account>;
}

export interface Account {
  readonly answered: number;
  readonly failed: number;
  readonly stored: number;
}

export interface CrashRunOptions {
  /** Called before the first start. */
  readonly prepare?: (dataDir: string) => void;
  readonly userAgent?: string;
  /** What {@link CrashRun.refill} fills up to. */
  readonly linksInStock?: number;
}

/** Starts `serve` with the settings, a verified domain and the load. Links answer after the commit, however long it takes. */
export async function startCrashRun(
  t: TestContext,
  settings: Readonly<Record<string, string>> = {},
  options: CrashRunOptions = {},
): Promise<CrashRun> {
  const installation = await createInstallation(t, {
    WAYPOST_API_KEY: KEY,
    WAYPOST_SECRET: "crash-secret-that-is-long-enough-for-us",
    WAYPOST_EDGE_COMMIT_DEADLINE_MS: "10000",
    ...settings,
  });
  const { ports } = installation;
  options.prepare?.(installation.dataDir);
  const stock: { key: string; path: string }[] = [];
  const run: CrashRun = {
    installation,
    waypost: await installation.serve(),
    load: startLoad({
      port: ports.edge,
      connections: CONNECTIONS,
      next: () => stock.shift(),
      headers: { host: DOMAIN, "user-agent": options.userAgent ?? "crash test" },
      pauseMs: PAUSE_MS,
    }),
    refill: async () => {
      while (stock.length < (options.linksInStock ?? LINKS_IN_STOCK))
        stock.push(...(await wrapLinks(run.waypost)));
    },
    pids: (role) => run.waypost.processes().filter((pid) => roleOf(pid) === role),
    answered: async (more) => {
      const goal = run.load.answered.length + more;
      await until(async () => run.load.answered.length >= goal, `${more} more clicks are answered`);
    },
    isReady: async () => {
      const answer = await send(ports.ops, "GET", "/readyz", { key: null }).catch(() => undefined);
      return answer?.status === 200;
    },
    settle: () => settle(run),
  };
  t.after(() => run.load.stop());
  await run.waypost.call("POST", "/api/v1/tracking-domains", { key: KEY, body: { domain: DOMAIN } });
  const verified = await run.waypost.call("POST", `/api/v1/tracking-domains/${DOMAIN}/verify`, { key: KEY });
  assert.equal(verified.json.results.verified, true);
  await run.refill();
  return run;
}

/** Asks again and again; fails after a minute. */
export async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = performance.now() + WITHIN_MS;
  while (performance.now() < giveUpAt) {
    if (await condition()) return;
    await sleep(20);
  }
  throw new Error(`never happened: ${what}`);
}

async function settle(run: CrashRun): Promise<Account> {
  await run.load.stop();
  const { load, installation } = run;
  const failed = load.failures.length;
  await until(async () => (await spoolDepth(installation.ports.ops)) === 0, "the spool is empty");
  const events = await completeClicks(run);
  assert.equal(new Set(events.map(({ event_id }) => event_id)).size, events.length, "an id is there twice");
  const messages = new Set(events.map(({ message_id }) => message_id));
  assert.equal(messages.size, events.length, "a click is there twice");
  const lost = load.answered.filter((key) => !messages.has(key));
  assert.deepEqual(lost, [], `${lost.length} of ${load.answered.length} answered clicks are not stored`);
  return { answered: load.answered.length, failed, stored: events.length };
}

/**
 * What is stored once all that was answered is. An empty spool does not say so: after a full disk a worker still holds
 * events in memory, and tries again every quarter of a second. What never comes is missing from the result.
 */
async function completeClicks({ load, waypost }: CrashRun): Promise<readonly StoredClick[]> {
  let events: readonly StoredClick[] = [];
  const giveUpAt = performance.now() + WITHIN_MS;
  do {
    events = await storedClicks(waypost);
    const messages = new Set(events.map(({ message_id }) => message_id));
    if (load.answered.every((key) => messages.has(key))) break;
    await sleep(100);
  } while (performance.now() < giveUpAt);
  return events;
}

async function wrapLinks(waypost: WaypostProcess): Promise<readonly { key: string; path: string }[]> {
  const { json } = await waypost.call("POST", "/api/v1/wrap", {
    key: KEY,
    body: {
      content: { html: '<a href="https://www.example.com/">x</a>' },
      recipients: Array.from({ length: RECIPIENTS_PER_CALL }, (_, index) => ({
        address: `ann${index}@example.com`,
      })),
      tracking_domain: DOMAIN,
    },
  });
  return json.results.messages.map((message: { message_id: string; content: { html: string } }) => ({
    key: message.message_id,
    path: new URL(/href="([^"]+)"/.exec(message.content.html)?.[1] ?? "").pathname,
  }));
}

async function spoolDepth(opsPort: number): Promise<number> {
  const answer = await send(opsPort, "GET", "/metrics", { key: null }).catch(() => undefined);
  return Number(/^waypost_spool_events (\d+)/m.exec(answer?.text ?? "")?.[1] ?? Number.NaN);
}

interface StoredClick {
  readonly event_id: string;
  readonly message_id: string;
}

async function storedClicks(waypost: WaypostProcess): Promise<readonly StoredClick[]> {
  const clicks: StoredClick[] = [];
  let path: string | undefined = "/api/v1/events/message?events=click&per_page=10000";
  while (path !== undefined) {
    const { json } = await waypost.call("GET", path, { key: KEY });
    clicks.push(...json.results);
    path = json.links?.next;
  }
  return clicks;
}

/** What a process of the tree does: children run the same command line as the supervisor, with their role behind it. */
function roleOf(pid: number): string | undefined {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return words.find((word) => word === "edge" || word === "control");
  } catch {
    // It ended while we looked.
    return undefined;
  }
}
