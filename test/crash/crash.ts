/**
 * `node test/crash/crash.ts [--rounds 20] [--database postgres://… [--outage SECONDS]]`: under load, `kill -9` of an edge worker, the
 * control process, the supervisor or everything, or SIGTERM, so many times; then the account. `npm run test:e2e` runs a few rounds.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { type Account, type CrashRun, startCrashRun, until } from "./crash-run.ts";
import { startTcpProxy } from "./tcp-proxy.ts";

/** What is done: `kill -9` of one of these, or SIGTERM for the whole. */
const BLOWS = ["edge", "control", "supervisor", "everything", "SIGTERM"] as const;
type Blow = (typeof BLOWS)[number];

const CLICKS_BEFORE_AND_AFTER = 150;
const EDGE_WORKERS = 2;
const STOPS_WITHIN_MS = 10_000;
const MANY_ROUNDS_TIMEOUT_MS = 1_800_000;
/** 16 connections that pause for 20 ms. */
const MOST_CLICKS_PER_MS = 0.8;

/** Every blow comes once in so many rounds as there are, in another order each time. */
export async function crashRounds(
  t: TestContext,
  rounds: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<Account> {
  const run = await startCrashRun(t, settings);
  let order: Blow[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    if (order.length === 0) order = shuffled(BLOWS);
    const blow = order.pop() ?? "everything";
    await run.refill();
    await run.answered(CLICKS_BEFORE_AND_AFTER);
    const failedBefore = run.load.failures.length;
    await STRIKE[blow](run);
    // Clicks that failed have used up links.
    await run.refill();
    await run.answered(CLICKS_BEFORE_AND_AFTER);
    t.diagnostic(`round ${round}: ${blow}, ${run.load.failures.length - failedBefore} clicks without answer`);
  }
  const account = await run.settle();
  t.diagnostic(JSON.stringify(account));
  return account;
}

/** Waypost reaches its database through a proxy that is down for so long. */
export async function databaseOutage(
  t: TestContext,
  databaseUrl: string,
  outageMs: number,
): Promise<Account> {
  const url = new URL(databaseUrl);
  await using proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  url.host = `127.0.0.1:${proxy.port}`;
  // Nobody can wrap meanwhile: the links must last.
  const linksInStock = 2000 + Math.ceil(outageMs * MOST_CLICKS_PER_MS);
  const run = await startCrashRun(t, { WAYPOST_DATABASE_URL: url.href }, { linksInStock });
  await run.refill();
  await run.answered(100);
  await proxy.goDown();
  // A slow machine takes longer for so many, and the outage with it.
  await Promise.all([sleep(outageMs), run.answered(100)]);
  await proxy.comeBack();
  await run.answered(100);
  const account = await run.settle();
  t.diagnostic(JSON.stringify(account));
  return account;
}

const STRIKE: Readonly<Record<Blow, (run: CrashRun) => Promise<void>>> = {
  edge: async (run) => {
    const workers = run.pids("edge");
    const victim = workers[Math.floor(Math.random() * workers.length)];
    assert.ok(victim !== undefined);
    process.kill(victim, "SIGKILL");
    await until(async () => {
      const now = run.pids("edge");
      return now.length === EDGE_WORKERS && !now.includes(victim);
    }, "the worker is replaced");
  },
  control: async (run) => {
    const [control] = run.pids("control");
    assert.ok(control !== undefined);
    const failedBefore = run.load.failures.length;
    process.kill(control, "SIGKILL");
    await until(async () => !run.pids("control").includes(control), "the control process is dead");
    await until(() => run.isReady(), "the control process is back");
    assert.equal(run.load.failures.length, failedBefore, "the edge missed a request");
  },
  supervisor: async (run) => {
    const old = run.waypost.processes();
    process.kill(run.waypost.child.pid ?? 0, "SIGKILL");
    run.waypost = await run.installation.serve();
    // Until they have left, it may be they who answer.
    await until(async () => !old.some(isAlive), "the children of the dead supervisor leave");
    await until(() => run.isReady(), "the next one is ready");
  },
  everything: async (run) => {
    await run.waypost.killAll();
    run.waypost = await run.installation.serve();
  },
  SIGTERM: async (run) => {
    const started = performance.now();
    assert.equal(await run.waypost.stop(), 0);
    assert.ok(performance.now() - started < STOPS_WITHIN_MS);
    run.waypost = await run.installation.serve();
  },
};

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ value }) => value);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "20" },
      outage: { type: "string", default: "0" },
      database: { type: "string" },
    },
  });
  const settings = values.database === undefined ? {} : { WAYPOST_DATABASE_URL: values.database };
  const { database, outage } = values;
  if (database !== undefined && outage !== "0") {
    test(`the database is down for ${outage} s`, { timeout: MANY_ROUNDS_TIMEOUT_MS }, async (t) => {
      assert.equal((await databaseOutage(t, database, Number(outage) * 1000)).failed, 0);
    });
  }
  test(`${values.rounds} rounds`, { timeout: MANY_ROUNDS_TIMEOUT_MS }, async (t) => {
    await crashRounds(t, Number(values.rounds), settings);
  });
}
