import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";

import { Kysely, PostgresDialect, sql } from "kysely";

import type { MessageId } from "../../src/domain/message-id.ts";
import { UNCLASSIFIED } from "../../src/events/recorded-event.ts";
import { startRetention } from "../../src/events/retention.ts";
import { POSTGRES_TYPES } from "../../src/store/migrate.ts";
import { openStore } from "../../src/store/open-store.ts";
import { openPool, type PoolLimits } from "../../src/store/postgres/pool.ts";
import { recorded } from "../events/recorded.ts";
import { createTestDatabase } from "../postgres.ts";
import { consoleConformance } from "./console-conformance.ts";
import { eventsConformance } from "./events-conformance.ts";
import { type Ground, NOW_MS, reopen } from "./ground.ts";
import { issuanceConformance } from "./issuance-conformance.ts";
import { messagesConformance } from "./messages-conformance.ts";
import { migrationConformance } from "./migration-conformance.ts";
import { privacyConformance } from "./privacy-conformance.ts";
import { stateConformance } from "./state-conformance.ts";
import { verificationConformance } from "./verification-conformance.ts";
import { webhooksConformance } from "./webhooks-conformance.ts";

const LIMITS: PoolLimits = { maxConnections: 2, statementTimeoutMs: 10_000 };

const postgres: Ground = {
  async createLocation(t) {
    const { url, drop } = await createTestDatabase();
    t.after(drop);
    return { kind: "postgres", url };
  },
  async connect(t, location) {
    assert.equal(location.kind, "postgres");
    return { db: open(t, location.url), types: POSTGRES_TYPES };
  },
};

stateConformance("PostgreSQL", postgres);
verificationConformance("PostgreSQL", postgres);
consoleConformance("PostgreSQL", postgres);
issuanceConformance("PostgreSQL", postgres);
eventsConformance("PostgreSQL", postgres);
messagesConformance("PostgreSQL", postgres);
privacyConformance("PostgreSQL", postgres);
webhooksConformance("PostgreSQL", postgres);
migrationConformance("PostgreSQL", postgres);

function open(t: TestContext, url: string, limits: PoolLimits = LIMITS): Kysely<unknown> {
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: openPool(url, limits) }) });
  t.after(() => db.destroy());
  return db;
}

test("a server that is not there, or that refuses, is told apart from a schema that cannot be migrated", async (t) => {
  const { url, drop } = await createTestDatabase();
  t.after(drop);
  await assert.rejects(
    openStore({ kind: "postgres", url: "postgres://user:secret@127.0.0.1:1/none" }),
    (error: Error) =>
      /cannot be used: .*ECONNREFUSED/.test(error.message) && !error.message.includes("secret"),
  );
  await assert.rejects(
    openStore({ kind: "postgres", url: `${url}_missing` }),
    /cannot be used: .*does not exist/,
  );
});

test("an int8 is a number, and an error where a number cannot hold it", async (t) => {
  const { url, drop } = await createTestDatabase();
  t.after(drop);
  const db = open(t, url);
  const { rows } = await sql`select ${Number.MAX_SAFE_INTEGER}::int8 as n`.execute(db);
  assert.deepEqual(rows, [{ n: Number.MAX_SAFE_INTEGER }]);
  await assert.rejects(sql`select 9007199254740993::int8 as n`.execute(db), /beyond 2\^53/);
  assert.deepEqual((await sql`select 1 as n`.execute(db)).rows, [{ n: 1 }]);
});

test("a statement that takes too long is ended by the server, and its connection goes on", async (t) => {
  const { url, drop } = await createTestDatabase();
  t.after(drop);
  const db = open(t, url, { maxConnections: 1, statementTimeoutMs: 1000 });
  await assert.rejects(sql`select pg_sleep(60)`.execute(db), /statement timeout/);
  assert.deepEqual((await sql`select 1 as n`.execute(db)).rows, [{ n: 1 }]);
});

test("connections that the server ends, idle or in a transaction, fail one statement and never the process", async (t) => {
  const { url, drop } = await createTestDatabase();
  t.after(drop);
  const db = open(t, url);
  const killer = open(t, url);
  const pid = async (on: Kysely<unknown>) =>
    (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(on)).rows[0]!.pid;
  const gone = async (backend: number): Promise<void> => {
    await sql`select pg_terminate_backend(${backend}, 10000)`.execute(killer);
  };
  await gone(await pid(db));
  await assert.rejects(
    db.transaction().execute(async (transaction) => {
      await gone(await pid(transaction));
      await sql`select 1`.execute(transaction);
    }),
    /terminat|connection/i,
  );
  await untilItWorks(db);
});

test("a connection that goes silent is given up after its time-out, and replaced", async (t) => {
  const { url, drop } = await createTestDatabase();
  t.after(drop);
  const proxy = await startSilencingProxy(t, url);
  const db = open(t, proxy.url, { maxConnections: 1, statementTimeoutMs: 2000 });
  await sql`select 1`.execute(db);
  proxy.silenceOpenConnections();
  await assert.rejects(sql`select 1`.execute(db), /timeout/i);
  assert.deepEqual((await sql`select 1 as n`.execute(db)).rows, [{ n: 1 }]);
});

test("processes that meet a new day at once make its partition once, and the next day's ahead of time", async (t) => {
  const { url, drop } = await createTestDatabase();
  t.after(drop);
  const stores = await Promise.all(Array.from({ length: 4 }, () => reopen(t, { kind: "postgres", url })));
  const counts = await Promise.all(
    stores.map(({ events }, n) =>
      events.append([
        {
          eventId: BigInt(n),
          type: "open",
          timestampMs: NOW_MS,
          subaccountId: 0,
          messageId: "000443ee14578172be22" as MessageId,
          rcptTo: "recipient@example.com",
          sentAtSeconds: 0,
          trackingDomain: "click.example.com",
          classification: UNCLASSIFIED,
        },
      ]),
    ),
  );
  assert.deepEqual(counts, [1, 1, 1, 1]);
  const { rows } = await sql<{ name: string }>`
    select inhrelid::regclass::text as name from pg_inherits
    where inhparent = 'events'::regclass order by name`.execute(open(t, url));
  assert.deepEqual(
    rows.map(({ name }) => name),
    ["events_2026_11_22", "events_2026_11_23"],
  );
});

test("a day that is past its retention is no table any more", async (t) => {
  const { url, drop } = await createTestDatabase();
  t.after(drop);
  const { events } = await reopen(t, { kind: "postgres", url });
  const day = 86_400_000;
  await events.append([0, 1, 2].map((daysAgo) => recorded(daysAgo, NOW_MS - daysAgo * day)));
  const db = open(t, url);
  const tables = async () => {
    const { rows } = await sql<{ name: string }>`
      select relname as name from pg_class where relkind = 'r' and relname like 'events_2026_%' order by name`.execute(
      db,
    );
    return rows.map(({ name }) => name);
  };
  assert.ok((await tables()).includes("events_2026_11_20"));
  const { promise: dropped, resolve } = Promise.withResolvers<void>();
  const retention = startRetention({
    what: "events",
    dated: events,
    days: 1,
    now: () => NOW_MS,
    log: { info: () => resolve(), warn: (fields) => assert.fail(JSON.stringify(fields)) },
  });
  t.after(() => retention.stop());
  await dropped;
  assert.deepEqual(
    (await tables()).filter((name) => name < "events_2026_11_23"),
    ["events_2026_11_21", "events_2026_11_22"],
  );
});

/** An idle connection's end is noticed a moment after it; until then a statement may still be sent on it. */
async function untilItWorks(db: Kysely<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await sql`select 1`.execute(db);
      return;
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

/** Stands before the server and, when told to, forwards nothing more on the connections there are: a cable pulled. */
async function startSilencingProxy(t: TestContext, target: string) {
  const { hostname, port } = new URL(target);
  const pairs: (readonly [Socket, Socket])[] = [];
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    pairs.push([client, upstream]);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on("error", () => to.destroy());
      from.pipe(to);
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of pairs.flat()) socket.destroy();
  });
  const url = new URL(target);
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  url.port = String(address.port);
  return {
    url: url.href,
    silenceOpenConnections: () => {
      for (const [client, upstream] of pairs.splice(0)) {
        client.unpipe(upstream);
        upstream.unpipe(client);
        t.after(() => {
          client.destroy();
          upstream.destroy();
        });
      }
    },
  };
}
