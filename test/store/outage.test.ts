import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "pg";

import { isOutage } from "../../src/store/outage.ts";
import { createTestDatabase } from "../postgres.ts";

async function failureOf(url: string, sql = "select 1"): Promise<unknown> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    await client.query(sql);
  } catch (error) {
    return error;
  } finally {
    await client.end().catch(() => undefined);
  }
  return undefined;
}

test("a database that refuses, is gone or takes too long is an outage; a wrong statement is not", async (t) => {
  const database = await createTestDatabase();
  t.after(() => database.drop());
  const elsewhere = new URL(database.url);
  elsewhere.port = "1";
  const gone = new URL(database.url);
  gone.pathname = "/no_such_database";
  assert.ok(isOutage(await failureOf(elsewhere.href)));
  assert.ok(isOutage(await failureOf(gone.href)));
  assert.ok(isOutage(await failureOf(database.url, "set statement_timeout = 1; select pg_sleep(5)")));
  assert.ok(!isOutage(await failureOf(database.url, "select nonsense")));
  assert.ok(!isOutage(new Error("a bug")));
  assert.ok(!isOutage("text"));
});
