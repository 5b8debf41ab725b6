/** The way in: opens the state and the events, in SQLite files or in a PostgreSQL database, with their schemas up to date. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { Kysely, PostgresDialect, sql } from "kysely";

import { AppError } from "../domain/errors.ts";
import type { EventStore } from "../events/event-store.ts";
import type { MessageStore } from "../events/message-store.ts";
import type { VerificationStore } from "../verification/verification-state.ts";
import type { DeliveryStore } from "../webhooks/delivery-store.ts";
import { type AcmeAccounts, createAcmeAccounts } from "./acme-accounts.ts";
import { type ApiKeys, createApiKeys } from "./api-keys.ts";
import { type AuditTrail, createAuditTrail } from "./audit-trail.ts";
import { type Certificates, createCertificates } from "./certificates.ts";
import { createDeepLinks, type DeepLinks } from "./deep-links.ts";
import { createEventPositions, type EventPositions } from "./event-positions.ts";
import { createEventStore } from "./events.ts";
import { createInstallation, type Installation } from "./installation.ts";
import { createIssuances, type Issuances } from "./issuances.ts";
import { createMachines, type Machines } from "./machines.ts";
import { createMessageStore } from "./messages.ts";
import { type Migrations, migrate, POSTGRES_TYPES, requireCurrent, SQLITE_TYPES } from "./migrate.ts";
import {
  postgresEventMigrations,
  sqliteEventMigrations,
  sqliteMessageMigrations,
  stateMigrations,
} from "./migrations/all.ts";
import { createOperationalEvents, type OperationalEvents } from "./operational-events.ts";
import { StoreAway } from "./outage.ts";
import { postgresEvents } from "./postgres/event-database.ts";
import { postgresMessages } from "./postgres/message-database.ts";
import { openPool } from "./postgres/pool.ts";
import { PostgresStateDialect } from "./postgres/state-dialect.ts";
import { createPrivacy, type Privacy } from "./privacy.ts";
import { createSendingDomains, type SendingDomains } from "./sending-domains.ts";
import { createSessions, type Sessions } from "./sessions.ts";
import { openSqlite, openSqliteHere } from "./sqlite/connection.ts";
import { indexFile } from "./sqlite/day-files.ts";
import { openSqliteEvents } from "./sqlite/event-database.ts";
import { sqliteDialect } from "./sqlite/kysely-dialect.ts";
import { openSqliteMessages } from "./sqlite/message-database.ts";
import { postgresState, type StateDatabase, type StateTables, sqliteState } from "./state-database.ts";
import { createSubaccounts, type Subaccounts } from "./subaccounts.ts";
import { createTrackingDomains, type TrackingDomains } from "./tracking-domains.ts";
import { createVerificationStore } from "./verification.ts";
import { createWebhookDeliveries } from "./webhook-deliveries.ts";
import { createWebhookReplays, type WebhookReplays } from "./webhook-replays.ts";
import { createWebhooks, type Webhooks } from "./webhooks.ts";

export interface Store {
  readonly trackingDomains: TrackingDomains;
  readonly sendingDomains: SendingDomains;
  readonly deepLinks: DeepLinks;
  readonly certificates: Certificates;
  readonly acmeAccounts: AcmeAccounts;
  readonly issuances: Issuances;
  readonly machines: Machines;
  readonly subaccounts: Subaccounts;
  readonly privacy: Privacy;
  readonly apiKeys: ApiKeys;
  readonly sessions: Sessions;
  readonly auditTrail: AuditTrail;
  readonly installation: Installation;
  readonly verification: VerificationStore;
  readonly webhooks: Webhooks;
  readonly webhookReplays: WebhookReplays;
  readonly webhookDeliveries: DeliveryStore;
  readonly operationalEvents: OperationalEvents;
  readonly events: EventStore;
  readonly eventPositions: EventPositions;
  readonly messages: MessageStore;
  /** Ends the connections once the statements already sent are done. What is asked of the store from then on rejects. */
  close(): Promise<void>;
}

export type StoreLocation =
  /** A folder, made when it is not there. */
  { readonly kind: "sqlite"; readonly dir: string } | { readonly kind: "postgres"; readonly url: string };

const STATE_MIGRATION_TABLE = "state_migrations";
const EVENT_MIGRATION_TABLE = "event_migrations";

export interface StoreOptions {
  /**
   * Called when the store has stopped for good, though nobody closed it: a thread of SQLite's has died. Whatever is
   * asked of it rejects; only another process can have it again.
   */
  readonly onFatal?: (error: Error) => void;
  /** Only what is there, as it is: nothing is created and no schema changed. Throws `unavailable` when it does not fit. */
  readonly existing?: boolean;
}

/** Of SQLite, in the location's folder. */
export const STATE_FILE = "state.db";
export const EVENTS_FOLDER = "events";
export const MESSAGES_FOLDER = "messages";

const STATE_LIMITS = { maxConnections: 10, statementTimeoutMs: 15_000 };
/** Apart from the state's, so that a slow report never keeps the API waiting for a connection. */
const EVENT_LIMITS = { maxConnections: 5, statementTimeoutMs: 30_000 };
/** Apart from those, which ingest and webhooks need: for each search that may run at once, and the count beside it. */
const SEARCH_LIMITS = { maxConnections: 6, statementTimeoutMs: 30_000 };
/** Apart from all: a call that wraps waits for it, and waits for no report. */
const MESSAGE_LIMITS = { maxConnections: 3, statementTimeoutMs: 15_000 };
const MIGRATION_LIMITS = { maxConnections: 1, statementTimeoutMs: undefined };

/** Throws when the database cannot be reached, cannot be brought up to date, or is a newer version's. */
export function openStore(
  location: StoreLocation,
  { onFatal = () => {}, existing = false }: StoreOptions = {},
): Promise<Store> {
  const prepare = existing ? requireCurrent : migrate;
  if (location.kind === "postgres") return openPostgresStore(location.url, prepare);
  if (existing && !existsSync(join(location.dir, STATE_FILE))) return Promise.reject(noStoreIn(location.dir));
  return openSqliteStore(location.dir, { onFatal, prepare });
}

function noStoreIn(dir: string): AppError {
  return new AppError("unavailable", `There is no store in ${dir}: is that the right WAYPOST_DATA_DIR?`);
}

type Prepare = typeof migrate;

async function openSqliteStore(
  dir: string,
  { onFatal, prepare }: { readonly onFatal: (error: Error) => void; readonly prepare: Prepare },
): Promise<Store> {
  const [eventsFolder, messagesFolder] = [join(dir, EVENTS_FOLDER), join(dir, MESSAGES_FOLDER)];
  for (const folder of [eventsFolder, messagesFolder]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const state = await openSqlite(join(dir, STATE_FILE), { onFatal });
  try {
    const stateDb = new Kysely<StateTables>({ dialect: sqliteDialect(state) });
    await prepare(stateDb, stateMigrations(SQLITE_TYPES), STATE_MIGRATION_TABLE);
    await prepareIndex(indexFile(eventsFolder), sqliteEventMigrations(), prepare);
    await prepareIndex(indexFile(messagesFolder), sqliteMessageMigrations(), prepare);
    const events = openSqliteEvents(eventsFolder, onFatal);
    const messages = openSqliteMessages(messagesFolder, onFatal);
    return {
      ...stateStores(sqliteState(stateDb)),
      events: createEventStore(events),
      eventPositions: createEventPositions(events),
      messages: createMessageStore(messages),
      close: async () => {
        await Promise.all([state, events, messages].map((part) => part.close()));
      },
    };
  } catch (error) {
    await state.close();
    throw error;
  }
}

/** In this thread: starting another would take longer than all that is done here. */
async function prepareIndex(file: string, migrations: Migrations, prepare: Prepare): Promise<void> {
  const index = openSqliteHere(file);
  try {
    const db = new Kysely<unknown>({ dialect: sqliteDialect(index) });
    await prepare(db, migrations, EVENT_MIGRATION_TABLE);
  } finally {
    await index.close();
  }
}

async function openPostgresStore(url: string, prepare: Prepare): Promise<Store> {
  const migrating = new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: openPool(url, MIGRATION_LIMITS) }),
  });
  try {
    await reach(migrating);
    await prepare(migrating, stateMigrations(POSTGRES_TYPES), STATE_MIGRATION_TABLE);
    await prepare(migrating, postgresEventMigrations(), EVENT_MIGRATION_TABLE);
  } finally {
    await migrating.destroy();
  }
  const stateDb = new Kysely<StateTables>({
    dialect: new PostgresStateDialect({ pool: openPool(url, STATE_LIMITS) }),
  });
  const [eventsDb, searchesDb, messagesDb] = [EVENT_LIMITS, SEARCH_LIMITS, MESSAGE_LIMITS].map(
    (limits) => new Kysely<unknown>({ dialect: new PostgresDialect({ pool: openPool(url, limits) }) }),
  ) as [Kysely<unknown>, Kysely<unknown>, Kysely<unknown>];
  const events = postgresEvents(eventsDb, searchesDb);
  return {
    ...stateStores(postgresState(stateDb)),
    events: createEventStore(events),
    eventPositions: createEventPositions(events),
    messages: createMessageStore(postgresMessages(messagesDb)),
    close: async () => {
      await Promise.all([stateDb, eventsDb, searchesDb, messagesDb].map((db) => db.destroy()));
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
    throw new StoreAway("unavailable", `PostgreSQL cannot be used: ${reasons}`, { cause: error });
  }
}

function stateStores(state: StateDatabase): Omit<Store, "events" | "eventPositions" | "messages" | "close"> {
  return {
    trackingDomains: createTrackingDomains(state),
    sendingDomains: createSendingDomains(state),
    deepLinks: createDeepLinks(state),
    certificates: createCertificates(state),
    acmeAccounts: createAcmeAccounts(state),
    issuances: createIssuances(state),
    machines: createMachines(state),
    subaccounts: createSubaccounts(state),
    privacy: createPrivacy(state),
    apiKeys: createApiKeys(state),
    sessions: createSessions(state),
    auditTrail: createAuditTrail(state),
    installation: createInstallation(state),
    verification: createVerificationStore(state),
    webhooks: createWebhooks(state),
    webhookReplays: createWebhookReplays(state),
    webhookDeliveries: createWebhookDeliveries(state),
    operationalEvents: createOperationalEvents(state),
  };
}
