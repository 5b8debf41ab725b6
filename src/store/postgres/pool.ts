/** Connections to PostgreSQL: bounded in number and in time, and thrown away when they stop answering. */
import type { PostgresPool, PostgresPoolClient } from "kysely";
import { DatabaseError, Pool, type PoolClient, types } from "pg";

import { storableText } from "../storable-text.ts";

export interface PoolLimits {
  readonly maxConnections: number;
  /** After this the server ends a statement. `undefined`: never, for migrations. */
  readonly statementTimeoutMs: number | undefined;
}

const CONNECT_TIMEOUT_MS = 5000;
const IDLE_CONNECTION_MS = 30_000;
// Transactions here wait for nothing but the database: one that is idle this long belongs to a stopped process, and holds locks.
const IDLE_IN_TRANSACTION_MS = 15_000;
// How much later than the server's own time-out we give up on a connection that has gone silent.
const SILENCE_GRACE_MS = 2000;
const NOTHING = { command: "ROLLBACK", rowCount: 0, rows: [] };
/** pg_type.oid of int8, which `pg` gives as text. */
const INT8 = 20;

/** Opens no connection yet. Values are as on SQLite: int8 is a number, and an error where a number cannot hold it. */
export function openPool(url: string, { maxConnections, statementTimeoutMs }: PoolLimits): PostgresPool {
  const pool = new Pool({
    connectionString: url,
    application_name: "waypost",
    max: maxConnections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    keepAlive: true,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    ...(statementTimeoutMs !== undefined && {
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + SILENCE_GRACE_MS,
    }),
    types: { getTypeParser },
  });
  // A connection that breaks between two statements says so here, and would end the process if nobody listened.
  // There is nothing to do: the pool has dropped it, and whoever holds it sees the next statement fail.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return {
    options: pool.options,
    connect: async () => discardingWhenBroken(await pool.connect()),
    end: () => pool.end(),
  };
}

/**
 * Back into the pool goes only a connection whose last failure the server itself reported. After a read time-out
 * `pg` would lend the same silent connection again and again.
 */
function discardingWhenBroken(client: PoolClient): PostgresPoolClient {
  let isBroken = false;
  const query = async (sql: string, parameters: readonly unknown[]): Promise<unknown> => {
    // The server has rolled back, or will: asking for it would take another time-out and hide the failure behind its own.
    if (isBroken && sql === "rollback") return NOTHING;
    try {
      return await client.query(sql, parameters.map(toBindable));
    } catch (error) {
      isBroken ||= !(error instanceof DatabaseError);
      throw error;
    }
  };
  return {
    query: query as PostgresPoolClient["query"],
    release: (destroy) => client.release(isBroken || destroy === true),
  };
}

function toBindable(value: unknown): unknown {
  if (typeof value === "string") return storableText(value);
  return Array.isArray(value) ? value.map(toBindable) : value;
}

function getTypeParser(oid: number, format?: "text" | "binary"): (value: string) => unknown {
  return oid === INT8 ? parseInt8 : types.getTypeParser(oid, format ?? "text");
}

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError("an integer beyond 2^53: read it as text");
  return value;
}
