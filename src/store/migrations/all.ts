/** Every migration there is. Append only: a released one never changes its name or its work. */
import { type ColumnTypes, type Migrations, POSTGRES_TYPES, SQLITE_TYPES } from "../migrate.ts";
import { createEventDays, createPartitionedEvents } from "./events-001-initial.ts";
import { addMessageFacts, createMessageDays, eventDaysHaveChanged } from "./events-002-message-facts.ts";
import { indexPositionsWithTimes } from "./events-003-positions.ts";
import { indexMoreFilters } from "./events-004-more-filters.ts";
import { indexKnownFacts } from "./events-005-known-facts.ts";
import { keyMessagesByTenant, messageDaysHaveChanged } from "./events-006-messages-of-tenants.ts";
import { createStateTables } from "./state-001-initial.ts";
import { createCertificateTable } from "./state-002-certificates.ts";
import { createAcmeTables } from "./state-003-acme.ts";
import { createPrivacyTables } from "./state-004-privacy.ts";
import { createWebhookTables } from "./state-005-webhooks.ts";
import { createConsoleTables } from "./state-006-console.ts";
import { rememberLastDeliveries } from "./state-007-last-deliveries.ts";

export function stateMigrations(types: ColumnTypes): Migrations {
  return {
    "001-initial": createStateTables(types),
    "002-certificates": createCertificateTable(types),
    "003-acme": createAcmeTables(types),
    "004-privacy": createPrivacyTables(types),
    "005-webhooks": createWebhookTables(types),
    "006-console": createConsoleTables(types),
    "007-last-deliveries": rememberLastDeliveries(types),
  };
}

/** Of the file that lists the days of events. The days' own: `sqlite/event-day-schema.ts`. */
export function sqliteEventMigrations(): Migrations {
  return {
    "001-initial": createEventDays(SQLITE_TYPES),
    "002-message-facts": eventDaysHaveChanged,
    "004-more-filters": eventDaysHaveChanged,
    "005-known-facts": eventDaysHaveChanged,
  };
}

/** Of the file that lists the days of messages. The days' own: `sqlite/message-files.ts`. */
export function sqliteMessageMigrations(): Migrations {
  return {
    "002-message-facts": createMessageDays(SQLITE_TYPES),
    "006-messages-of-tenants": messageDaysHaveChanged,
  };
}

export function postgresEventMigrations(): Migrations {
  return {
    "001-initial": createPartitionedEvents(POSTGRES_TYPES),
    "002-message-facts": addMessageFacts(POSTGRES_TYPES),
    "003-positions": indexPositionsWithTimes,
    "004-more-filters": indexMoreFilters,
    "005-known-facts": indexKnownFacts,
    "006-messages-of-tenants": keyMessagesByTenant,
  };
}
