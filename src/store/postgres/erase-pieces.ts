/** Erasing a person: statement by statement, so that each is short and whoever waits for its locks gets their turn. */
import { type RawBuilder, sql } from "kysely";

import type { SubaccountId } from "../../domain/subaccount.ts";

export interface ErasedPiece {
  readonly recipient: string;
  readonly scope: SubaccountId | "all";
  readonly atMost: number;
}

const ERASED_AT_ONCE = 1000;

export async function eraseInPieces(erase: (atMost: number) => Promise<number>): Promise<number> {
  let erased = 0;
  let piece: number;
  do {
    piece = await erase(ERASED_AT_ONCE);
    erased += piece;
  } while (piece === ERASED_AT_ONCE);
  return erased;
}

export function ofPerson(recipient: string, scope: SubaccountId | "all"): RawBuilder<unknown> {
  return scope === "all"
    ? sql`rcpt_to = ${recipient}`
    : sql`rcpt_to = ${recipient} and subaccount_id = ${scope}`;
}
