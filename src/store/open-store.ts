/** The way in: opens the state and the events, in SQLite files or in a PostgreSQL database, with their schemas up to date. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { Kysely, PostgresDialect, sql } from "kysely";

import type { EventStore } from "../events/event-store.ts";
import type { VerificationStore } from "../verification/verification-state.ts";
import { type ApiKeys, createApiKeys } from "./api-keys.ts";
import { createEventStore } from "./events.ts";
import { createInstallation, type Installation } from "./installation.ts";
import { migrate, POSTGRES_TYPES, SQLITE_TYPES } from "./migrate.ts";
import { eventMigrations, stateMigrations } from "./migrations/all.ts";
import { postgresEventDialect } from "./postgres/event-dialect.ts";
import { openPool } from "./postgres/pool.ts";
import { createSendingDomains, type SendingDomains } from "./sending-domains.ts";
import { openSqlite, type SqliteConnection } from "./sqlite/connection.ts";
import { sqliteEventDialect } from "./sqlite/event-dialect.ts";
import { sqliteDialect } from "./sqlite/kysely-dialect.ts";
import { postgresState, type StateDatabase, type StateTables, sqliteState } from "./state-database.ts";
import { createSubaccounts, type Subaccounts } from "./subaccounts.ts";
import { createTrackingDomains, type TrackingDomains } from "./tracking-domains.ts";
import { createVerificationStore } from "./verification.ts";

export interface Store {
  readonly trackingDomains: TrackingDomains;
  readonly sendingDomains: SendingDomains;
  readonly subaccounts: Subaccounts;
  readonly apiKeys: ApiKeys;
  readonly installation: Installation;
  readonly verification: VerificationStore;
  readonly events: EventStore;
  /** Ends the connections once the statements already sent are done. What is asked of the store from then on rejects. */
  close(): Promise<void>;
}

export type StoreLocation =
  /** A folder, made when it is not there. */
  { readonly kind: "sqlite"; readonly dir: string } | { readonly kind: "postgres"; readonly url: string };

const STATE_MIGRATION_TABLE = "state_migrations";
const EVENT_MIGRATION_TABLE = "event_migrations";

/**
 * With SQLite's defaults a stream of events spends most of its time copying the log back into the database (4 MiB at
 * a time) and reading the pages of its indexes again.
 */
const EVENTS_FILE = { walAutocheckpointPages: 16_384, cacheKib: 16_384 };

const STATE_LIMITS = { maxConnections: 10, statementTimeoutMs: 15_000 };
/** Apart from the state's, so that a slow report never keeps the API waiting for a connection. */
const EVENT_LIMITS = { maxConnections: 5, statementTimeoutMs: 30_000 };
const MIGRATION_LIMITS = { maxConnections: 1, statementTimeoutMs: undefined };

/** Throws when the database cannot be reached, cannot be brought up to date, or is a newer version's. */
export function openStore(location: StoreLocation): Promise<Store> {
  return location.kind === "sqlite" ? openSqliteStore(location.dir) : openPostgresStore(location.url);
}

async function openSqliteStore(dir: string): Promise<Store> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const open: SqliteConnection[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(open.map((connection) => connection.close()));
  };
  try {
    const state = await openSqlite(join(dir, "state.db"));
    open.push(state);
    const events = await openSqlite(join(dir, "events.db"), EVENTS_FILE);
    open.push(events);

    const stateDb = new Kysely<StateTables>({ dialect: sqliteDialect(state) });
    const eventsDb = new Kysely<unknown>({ dialect: sqliteDialect(events) });
    await migrate(stateDb, stateMigrations(SQLITE_TYPES), STATE_MIGRATION_TABLE);
    await migrate(eventsDb, eventMigrations(SQLITE_TYPES), EVENT_MIGRATION_TABLE);
    const eventStore = createEventStore(eventsDb, sqliteEventDialect(events));
    return { ...stateStores(sqliteState(stateDb)), events: eventStore, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openPostgresStore(url: string): Promise<Store> {
  const migrating = new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: openPool(url, MIGRATION_LIMITS) }),
  });
  try {
    await reach(migrating);
    await migrate(migrating, stateMigrations(POSTGRES_TYPES), STATE_MIGRATION_TABLE);
    await migrate(migrating, eventMigrations(POSTGRES_TYPES), EVENT_MIGRATION_TABLE);
  } finally {
    await migrating.destroy();
  }
  const stateDb = new Kysely<StateTables>({
    dialect: new PostgresDialect({ pool: openPool(url, STATE_LIMITS) }),
  });
  const eventsDb = new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: openPool(url, EVENT_LIMITS) }),
  });
  return {
    ...stateStores(postgresState(stateDb)),
    events: createEventStore(eventsDb, postgresEventDialect(eventsDb)),
    close: async () => {
      await Promise.all([stateDb.destroy(), eventsDb.destroy()]);
    },
  };
}

/** Tells a database that is not there from one that cannot be brought up to date. */
async function reach(db: Kysely<unknown>): Promise<void> {
  try {
    await sql`select 1`.execute(db);
  } catch (error) {
    // Several addresses, several failures: an AggregateError has no message of its own.
    const reasons = error instanceof AggregateError ? error.errors.join(", ") : String(error);
    throw new Error(`PostgreSQL cannot be used: ${reasons}`, { cause: error });
  }
}

function stateStores(state: StateDatabase): Omit<Store, "events" | "close"> {
  return {
    trackingDomains: createTrackingDomains(state),
    sendingDomains: createSendingDomains(state),
    subaccounts: createSubaccounts(state),
    apiKeys: createApiKeys(state),
    installation: createInstallation(state),
    verification: createVerificationStore(state),
  };
}
