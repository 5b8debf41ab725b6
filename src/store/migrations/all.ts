/** Every migration there is. Append only: a released one never changes its name or its work. */
import type { ColumnTypes, Migrations } from "../migrate.ts";
import { createEventTables } from "./events-001-initial.ts";
import { createStateTables } from "./state-001-initial.ts";

export function stateMigrations(types: ColumnTypes): Migrations {
  return { "001-initial": createStateTables(types) };
}

export function eventMigrations(types: ColumnTypes): Migrations {
  return { "001-initial": createEventTables(types) };
}
