import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";

import { ThreadError } from "../../threads/worker-link.ts";
import { connectToWorker, openSqlite, type SqliteConnection, type SqliteOptions } from "./connection.ts";

function temporaryFile(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "waypost-sqlite-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return join(dir, "test.db");
}

async function open(t: TestContext, file: string, options?: SqliteOptions): Promise<SqliteConnection> {
  const connection = await openSqlite(file, options);
  t.after(() => connection.close());
  return connection;
}

/** Busy for long enough that what the test does next happens meanwhile. */
const SLOW =
  "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000000) select count(*) as n from n";

test("values come back as they were stored: text, numbers, ids beyond 2^53 as text, nothing as null", async (t) => {
  const db = await open(t, temporaryFile(t));
  await db.run(
    "create table things (id integer primary key, name text, ratio real, yes integer, none text) strict",
  );
  const id = 2n ** 62n + 1n;
  await db.run("insert into things values (?, ?, ?, ?, ?)", [id, "Zoë 🎉", 1.5, true, null]);
  const { rows } = await db.run("select cast(id as text) as id, name, ratio, yes, none from things");
  assert.deepEqual(rows, [{ id: id.toString(), name: "Zoë 🎉", ratio: 1.5, yes: 1, none: null }]);
});

test("an integer that a JavaScript number cannot hold is an error, never another number", async (t) => {
  const db = await open(t, temporaryFile(t));
  await assert.rejects(db.run("select 9007199254740993 as id"), /too large|out of range/i);
});

test("a NUL in a text is stored as the replacement character", async (t) => {
  const db = await open(t, temporaryFile(t));
  assert.deepEqual((await db.run("select ? as text", ["a\0b"])).rows, [{ text: "a\ufffdb" }]);
});

test("what is asked in one turn is answered in the order of asking", async (t) => {
  const db = await open(t, temporaryFile(t));
  await db.run("create table t (n integer)");
  const [, , found] = await Promise.all([
    db.run("insert into t values (1)"),
    db.run("insert into t values (2)"),
    db.run("select n from t order by n"),
  ]);
  assert.deepEqual(found?.rows, [{ n: 1 }, { n: 2 }]);
});

test("a refused statement rejects with SQLite's result code, and the next one works", async (t) => {
  const db = await open(t, temporaryFile(t));
  await db.run("create table t (n integer primary key)");
  await db.run("insert into t values (1)");
  await assert.rejects(db.run("insert into t values (1)"), (error) => {
    assert.ok(error instanceof ThreadError);
    assert.equal(error.errcode, 1555);
    return true;
  });
  assert.equal((await db.run("insert into t values (2)")).changes, 1);
});

test("more different statements than the cache holds all go on working", async (t) => {
  const db = await open(t, temporaryFile(t));
  for (let round = 0; round < 2; round++) {
    const answers = await Promise.all(Array.from({ length: 600 }, (_, n) => db.run(`select ${n} as n`)));
    assert.deepEqual(
      answers.map(({ rows }) => rows[0]?.["n"]),
      Array.from({ length: 600 }, (_, n) => n),
    );
  }
});

test("a prepared statement keeps working after another process has changed the table", async (t) => {
  const file = temporaryFile(t);
  const [one, other] = [await open(t, file), await open(t, file)];
  await one.run("create table t (n integer)");
  await one.run("insert into t values (1)");
  await one.run("select * from t");
  await other.run("alter table t add column m integer");
  assert.deepEqual((await one.run("select * from t")).rows, [{ n: 1, m: null }]);
});

test("a transaction of another process is waited for, and no longer than the time-out", async (t) => {
  const file = temporaryFile(t);
  const holder = await open(t, file);
  const patient = await open(t, file, { busyTimeoutMs: 60_000 });
  const hasty = await open(t, file, { busyTimeoutMs: 1 });
  await holder.run("create table t (n integer)");
  await holder.run("begin immediate");
  await holder.run("insert into t values (1)");
  await assert.rejects(hasty.run("insert into t values (2)"), /database is locked/);
  const waiting = patient.run("insert into t values (3)");
  await holder.run("commit");
  assert.equal((await waiting).changes, 1);
});

test("the files are readable to their owner alone", async (t) => {
  const file = temporaryFile(t);
  const db = await open(t, file);
  await db.run("create table t (n integer)");
  for (const suffix of ["", "-wal", "-shm"]) assert.equal(statSync(`${file}${suffix}`).mode & 0o777, 0o600);
});

test("a file that is no database is refused, with the reason", async (t) => {
  const file = temporaryFile(t);
  writeFileSync(file, "this is a text file, and long enough to be looked at: ".repeat(20));
  await assert.rejects(openSqlite(file), /file is not a database/);
});

test("a folder that is not there is refused, with its name", async (t) => {
  await assert.rejects(openSqlite(join(temporaryFile(t), "nowhere.db")), /ENOENT/);
});

test("closing answers what was asked before, and refuses what is asked after", async (t) => {
  const db = await open(t, temporaryFile(t));
  const before = db.run(SLOW);
  const closing = db.close();
  await assert.rejects(db.run("select 1"), /closed/);
  assert.deepEqual((await before).rows, [{ n: 3_000_000 }]);
  await closing;
  await db.close();
});

const DYING_PROGRAM = `
  const { parentPort } = require("node:worker_threads");
  parentPort.postMessage([]);
  parentPort.on("message", () => { throw new Error("out of everything"); });`;

test("when the thread dies, what was asked of it rejects, and so does whatever is asked later", async () => {
  const db = await connectToWorker(new Worker(DYING_PROGRAM, { eval: true }));
  const asked = [db.run("select 1"), db.run("select 2")];
  for (const result of await Promise.allSettled(asked)) {
    assert.equal(result.status, "rejected");
    assert.match(String(result.reason), /out of everything/);
  }
  await assert.rejects(db.run("select 3"), /out of everything/);
  await db.close();
});

test("when the thread dies, the owner is told once, and why; not when it is closed", async (t) => {
  const deaths: Error[] = [];
  const onFatal = (error: Error) => deaths.push(error);
  const closed = await open(t, temporaryFile(t), { onFatal });
  await closed.close();
  assert.deepEqual(deaths, []);

  const worker = new Worker(DYING_PROGRAM, { eval: true });
  const dying = await connectToWorker(worker, onFatal);
  const ended = new Promise((resolve) => worker.on("exit", resolve));
  await assert.rejects(dying.run("select 1"));
  await ended;
  assert.deepEqual(
    deaths.map(({ message }) => message),
    ["out of everything"],
  );
});

test("a parameter that no message can carry rejects, and the connection goes on", async (t) => {
  const db = await open(t, temporaryFile(t));
  await assert.rejects(db.run("select ?", [(() => {}) as never]), /could not be cloned/);
  assert.deepEqual((await db.run("select 1 as n")).rows, [{ n: 1 }]);
});
