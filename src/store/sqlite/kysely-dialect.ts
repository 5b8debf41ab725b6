/** Kysely on a {@link SqliteConnection}: one connection, one transaction at a time, each of them BEGIN IMMEDIATE. */
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";

import { Turns } from "../turns.ts";
import type { SqliteConnection } from "./connection.ts";
import type { SqliteValue } from "./database.ts";

/** The connection stays the caller's: closing it is not Kysely's. */
export function sqliteDialect(connection: SqliteConnection): Dialect {
  return {
    createAdapter: () => new WaypostSqliteAdapter(),
    createDriver: () => new SqliteDriver(connection),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

class WaypostSqliteAdapter extends SqliteAdapter {
  /** Not so, but the driver hands out its one connection in turns itself: Kysely wakes every waiter at every release. */
  override get supportsMultipleConnections(): boolean {
    return true;
  }

  /** It does; saying so makes the Migrator read and write its state in one transaction. */
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class SqliteDriver implements Driver {
  readonly #connection: DatabaseConnection;
  readonly #turns = new Turns();
  #endTurn = (): void => {};

  constructor(connection: SqliteConnection) {
    this.#connection = new KyselyConnection(connection);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    this.#endTurn = await this.#turns.take();
    return this.#connection;
  }

  /**
   * IMMEDIATE: what a transaction reads stays true until it writes. A deferred one fails with SQLITE_BUSY, without
   * waiting, when another process has written in between (https://sqlite.org/lang_transaction.html).
   */
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("commit"));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("rollback"));
  }

  async releaseConnection(): Promise<void> {
    this.#endTurn();
  }

  async destroy(): Promise<void> {}
}

class KyselyConnection implements DatabaseConnection {
  readonly #connection: SqliteConnection;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    // The tables' types allow no other parameters, and a wrong one is refused when it is bound.
    const { rows, changes } = await this.#connection.run(sql, parameters as readonly SqliteValue[]);
    return { rows: rows as R[], numAffectedRows: BigInt(changes) };
  }

  // biome-ignore lint/correctness/useYield: results are bounded; nothing streams.
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("the SQLite dialect does not stream");
  }
}
