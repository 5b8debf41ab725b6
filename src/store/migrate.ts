/**
 * Brings a schema up to date, all of it or none: the Migrator runs whatever is missing in one transaction, on
 * SQLite under BEGIN IMMEDIATE and on PostgreSQL under an advisory lock, so that two processes may start at once.
 */
import { type Kysely, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";

import { AppError } from "../domain/errors.ts";

/** Migrations by name. Names sort in the order the migrations run, and neither ever changes once released. */
export type Migrations = Readonly<Record<string, Migration>>;

/** The column types of a migration, as each database calls them. */
export interface ColumnTypes {
  /** Text that compares and sorts by its bytes, whatever the database's locale. */
  readonly text: ReturnType<typeof sql>;
  readonly boolean: ReturnType<typeof sql>;
  /** 64 bits. */
  readonly integer: ReturnType<typeof sql>;
  /** For a primary key that numbers its rows by itself. */
  readonly counter: ReturnType<typeof sql>;
  /** What stands behind the closing parenthesis of `create table`. */
  readonly tableOptions: ReturnType<typeof sql>;
}

/** STRICT: like PostgreSQL, SQLite then refuses a value of another type. */
export const SQLITE_TYPES: ColumnTypes = {
  text: sql`text`,
  boolean: sql`integer`,
  integer: sql`integer`,
  counter: sql`integer`,
  tableOptions: sql`strict`,
};

export const POSTGRES_TYPES: ColumnTypes = {
  text: sql`text collate "C"`,
  boolean: sql`boolean`,
  integer: sql`bigint`,
  counter: sql`bigserial`,
  tableOptions: sql``,
};

/** `table` keeps the names of the migrations that have run. Throws, and changes nothing, when one fails or the schema is a newer version's. */
export async function migrate<Tables>(
  db: Kysely<Tables>,
  migrations: Migrations,
  table: string,
): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations }) },
    migrationTableName: table,
    migrationLockTableName: `${table}_lock`,
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) return;
  refuseNewer(await finishedMigrations(db, table), migrations);
  const failed = results?.find(({ status }) => status === "Error")?.migrationName;
  throw new Error(
    `The database could not be brought up to date${failed === undefined ? "" : ` (${failed})`}; it is as it was.`,
    {
      cause: error,
    },
  );
}

/** Throws `unavailable` unless the schema is exactly this version's, and changes nothing. */
export async function requireCurrent<Tables>(
  db: Kysely<Tables>,
  migrations: Migrations,
  table: string,
): Promise<void> {
  const done = await finishedMigrations(db, table);
  const missing = Object.keys(migrations).some((name) => !done.includes(name));
  if (missing) {
    throw new AppError(
      "unavailable",
      "There is no store here, or one of an older version: `waypost serve` or `waypost migrate` brings it up to date",
    );
  }
  refuseNewer(done, migrations);
}

/** Passes when this machine is upgraded, or the database restored: who can, waits for it. */
export class NewerSchema extends AppError {}

function refuseNewer(done: readonly string[], migrations: Migrations): void {
  const unknown = done.filter((name) => !Object.hasOwn(migrations, name));
  if (unknown.length === 0) return;
  throw new NewerSchema(
    "unavailable",
    `The database was set up by a newer version of Waypost (it has ${unknown.join(", ")}). Start that version or a newer one; this one would damage it.`,
  );
}

async function finishedMigrations<Tables>(db: Kysely<Tables>, table: string): Promise<readonly string[]> {
  try {
    const { rows } = await sql<{ name: string }>`select name from ${sql.table(table)} order by name`.execute(
      db,
    );
    return rows.map(({ name }) => name);
  } catch {
    // No table to ask: nothing has run yet, or whatever is wrong shows at the next statement.
    return [];
  }
}
