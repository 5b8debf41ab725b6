import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";

import { Kysely } from "kysely";

import { newMessageId } from "../../src/domain/message-id.ts";
import { SQLITE_TYPES } from "../../src/store/migrate.ts";
import { openSqlite } from "../../src/store/sqlite/connection.ts";
import { sqliteDialect } from "../../src/store/sqlite/kysely-dialect.ts";
import { FACTS, recorded } from "../events/recorded.ts";
import { filesWith } from "../files-with.ts";
import { consoleConformance } from "./console-conformance.ts";
import { eventsConformance } from "./events-conformance.ts";
import { type Ground, NOW_MS, reopen, startProgram } from "./ground.ts";
import { issuanceConformance } from "./issuance-conformance.ts";
import { messagesConformance } from "./messages-conformance.ts";
import { migrationConformance } from "./migration-conformance.ts";
import { privacyConformance } from "./privacy-conformance.ts";
import { stateConformance } from "./state-conformance.ts";
import { verificationConformance } from "./verification-conformance.ts";
import { webhooksConformance } from "./webhooks-conformance.ts";

const sqlite: Ground = {
  async createLocation(t) {
    const dir = mkdtempSync(join(tmpdir(), "waypost-store-"));
    t.after(() => rmSync(dir, { recursive: true }));
    return { kind: "sqlite", dir };
  },
  async connect(t, location) {
    assert.equal(location.kind, "sqlite");
    const connection = await openSqlite(join(location.dir, "state.db"));
    t.after(() => connection.close());
    return { db: new Kysely({ dialect: sqliteDialect(connection) }), types: SQLITE_TYPES };
  },
};

stateConformance("SQLite", sqlite);
verificationConformance("SQLite", sqlite);
consoleConformance("SQLite", sqlite);
issuanceConformance("SQLite", sqlite);
eventsConformance("SQLite", sqlite);
messagesConformance("SQLite", sqlite);
privacyConformance("SQLite", sqlite);
webhooksConformance("SQLite", sqlite);
migrationConformance("SQLite", sqlite);

test("of an erased person nothing is left in SQLite's files, in whatever order rows made their pages split", async (t) => {
  const location = await sqlite.createLocation(t);
  assert.equal(location.kind, "sqlite");
  const store = await reopen(t, location);
  const BATCH = 500;
  for (let first = 0; first < 6000; first += BATCH) {
    const events = Array.from({ length: BATCH }, (_, n) => {
      const id = first + n;
      // In the order of a hash: the index by recipient grows anywhere.
      const name = createHash("sha256").update(String(id)).digest("hex").slice(0, 12);
      const rcptTo = id % 50 === 0 ? `${name}-gone@example.com` : `${name}@example.org`;
      return recorded(id, NOW_MS, { rcptTo, messageId: newMessageId() });
    });
    await store.events.append(events);
    const messages = events.map(({ messageId, rcptTo }) => ({ messageId, rcptTo }));
    const sent = { subaccountId: 0, sentAtSeconds: NOW_MS / 1000, trackingDomain: "click.example.com" };
    await store.messages.record([{ ...sent, facts: FACTS, messages }]);
  }
  const all = await store.messages.readAfter(0, 10_000);
  const gone = all.map(({ message }) => message.rcptTo).filter((rcptTo) => rcptTo.includes("-gone@"));
  assert.equal(gone.length, 120);
  assert.notDeepEqual(filesWith(location.dir, "-gone@example.com"), []);
  for (const recipient of gone) {
    assert.equal(await store.events.erase(recipient, "all"), 1);
    assert.equal(await store.messages.erase(recipient, "all"), 1);
  }
  assert.deepEqual(filesWith(location.dir, "-gone@example.com"), []);
});

test("after kill -9 of a writing process, every write it acknowledged is in SQLite", async (t) => {
  const location = await sqlite.createLocation(t);
  let acknowledged = -1;
  const program = startProgram(t, "write-program.ts", location);
  for await (const line of createInterface({ input: program.stdout! })) {
    acknowledged = Number(line);
    if (acknowledged === 100) program.kill("SIGKILL");
  }
  if (program.signalCode === null) await once(program, "exit");
  assert.equal(program.signalCode, "SIGKILL");

  const store = await reopen(t, location);
  const domains = new Set(
    (await store.trackingDomains.list({ subaccounts: "all" })).map(({ domain }) => domain as string),
  );
  const events = await store.events.search({
    subaccounts: "all",
    fromMs: 0,
    toMs: NOW_MS * 2,
    limit: 100_000,
  });
  // The last one may be in its day and not yet in the list of days: ingest would store it again, which gives it its position.
  await store.events.append(events);
  const followed = await store.events.readAfter(0, 100_000);
  assert.deepEqual(
    new Set(followed.map(({ event }) => event.eventId)),
    new Set(events.map(({ eventId }) => eventId)),
  );
  const eventIds = new Set(events.map(({ eventId }) => Number(eventId)));
  for (let n = 0; n <= acknowledged; n++) {
    assert.ok(domains.has(`d${n}.example.com`), `domain ${n} of ${acknowledged}`);
    assert.ok(eventIds.has(n), `event ${n} of ${acknowledged}`);
  }
});
