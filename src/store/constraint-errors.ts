/** Constraint errors, told apart the same way on both databases. */
import { DatabaseError } from "pg";

import { ThreadError } from "../threads/worker-link.ts";

/** SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE and _ROWID (https://sqlite.org/rescode.html). */
const SQLITE_UNIQUE: readonly (number | undefined)[] = [1555, 2067, 2579];
/** `unique_violation` (PostgreSQL manual, appendix A). */
const POSTGRES_UNIQUE = "23505";

/** Whether a write failed because a row with the same key, or the same unique value, exists already. */
export function isUniqueViolation(error: unknown): boolean {
  if (error instanceof ThreadError) return SQLITE_UNIQUE.includes(error.errcode);
  return error instanceof DatabaseError && error.code === POSTGRES_UNIQUE;
}
