/** A PostgreSQL database for one test. */
import { randomBytes } from "node:crypto";

import { Client } from "pg";

export interface TestDatabase {
  readonly url: string;
  /** Ends whatever is still connected to it. */
  drop(): Promise<void>;
}

/** Creates an empty database on the server that `npm test` provides. Throws when there is none. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = process.env["WAYPOST_TEST_DATABASE_URL"];
  if (server === undefined || server === "") {
    throw new Error("This test needs PostgreSQL: run the tests with `npm test [FILE…]`, which provides one.");
  }
  const name = `waypost_test_${randomBytes(6).toString("hex")}`;
  await runOnServer(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => runOnServer(server, `drop database ${name} with (force)`) };
}

async function runOnServer(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
