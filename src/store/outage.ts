/** Tells a store that does not answer from a bug: the first passes by itself, and its callers may try again. */
import { DatabaseError } from "pg";

import { AppError } from "../domain/errors.ts";
import { ThreadError } from "../threads/worker-link.ts";

/** A store that could not be reached when it was opened, whatever the reason: it may be there the next time. */
export class StoreAway extends AppError {}

/** Result codes of SQLite that say "not now": busy, locked, I/O error, full. */
const SQLITE_OUTAGES: ReadonlySet<unknown> = new Set([5, 6, 10, 13]);
/** Classes of SQLSTATE: connection exception, authorization, no such database, insufficient resources, operator intervention (a stopped server, a time-out). */
const POSTGRES_OUTAGES = /^(08|28|3D|53|57)/;
const NETWORK_OUTAGES: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "ETIMEDOUT",
]);
/** What `pg` throws without a code. */
const POSTGRES_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout)/;

export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof DatabaseError) return POSTGRES_OUTAGES.test(error.code ?? "");
  if (error instanceof ThreadError) return SQLITE_OUTAGES.has((error.errcode ?? 0) & 0xff);
  if (error instanceof AggregateError) return error.errors.some(isOutage);
  return ("code" in error && NETWORK_OUTAGES.has(error.code)) || POSTGRES_MESSAGES.test(error.message);
}
