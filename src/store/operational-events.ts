/** What happened to the installation, in the order of storing. */
import { type Selectable, sql } from "kysely";

import { type NewOperationalEvent, type OperationalKind, subjectOf } from "../domain/operational-event.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { StateDatabase, StateTables } from "./state-database.ts";

export interface StoredOperationalEvent {
  /** Also its position: grows in the order of storing. */
  readonly id: number;
  readonly kind: OperationalKind;
  readonly subaccountId: SubaccountId;
  readonly atMs: number;
  readonly fields: Readonly<Record<string, string | number>>;
}

export interface OperationalEvents {
  append(event: NewOperationalEvent, nowMs: number): Promise<void>;
  /** What was last told of the same thing as this event. */
  last(event: NewOperationalEvent): Promise<StoredOperationalEvent | undefined>;
  readAfter(id: number, limit: number): Promise<readonly StoredOperationalEvent[]>;
  /** The position that everything stored so far is at or before. */
  lastPosition(): Promise<number>;
  /** The position before the first event from this time on; `undefined` when there is none. */
  positionSince(timestampMs: number): Promise<number | undefined>;
  find(id: number): Promise<StoredOperationalEvent | undefined>;
  /** Drops those before a time, and all but the newest `keep`. */
  prune(beforeMs: number, keep: number): Promise<void>;
}

export function createOperationalEvents({ db, write }: StateDatabase): OperationalEvents {
  const lastId = async (on: Pick<StateDatabase["db"], "selectFrom">): Promise<number> => {
    const { last } = await on
      .selectFrom("operational_events")
      .select(({ fn }) => fn.max("id").as("last"))
      .executeTakeFirstOrThrow();
    return Number(last ?? 0);
  };
  return {
    append: (event, nowMs) =>
      write(async (transaction) => {
        await transaction
          .insertInto("operational_events")
          .values({
            id: (await lastId(transaction)) + 1,
            kind: event.kind,
            subject: subjectOf(event),
            subaccount_id: event.subaccountId,
            at_ms: nowMs,
            fields: JSON.stringify(event.fields),
          })
          .execute();
      }),

    async last(event) {
      const row = await db
        .selectFrom("operational_events")
        .selectAll()
        .where("subject", "=", subjectOf(event))
        .orderBy("id", "desc")
        .limit(1)
        .executeTakeFirst();
      return row && toEvent(row);
    },

    async readAfter(id, limit) {
      const rows = await db
        .selectFrom("operational_events")
        .selectAll()
        .where("id", ">", id)
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map(toEvent);
    },

    lastPosition: () => lastId(db),

    async positionSince(timestampMs) {
      const { first } = await db
        .selectFrom("operational_events")
        .select(({ fn }) => fn.min("id").as("first"))
        .where("at_ms", ">=", timestampMs)
        .executeTakeFirstOrThrow();
      return first === null ? undefined : Number(first) - 1;
    },

    async find(id) {
      const row = await db
        .selectFrom("operational_events")
        .selectAll()
        .where("id", "=", id)
        .executeTakeFirst();
      return row && toEvent(row);
    },

    async prune(beforeMs, keep) {
      // The newest stays in any case: the next id follows from it.
      await db
        .deleteFrom("operational_events")
        .where(({ or, eb }) => or([eb("at_ms", "<", beforeMs), eb("id", "<=", newestIdLess(keep))]))
        .where("id", "<", newestIdLess(0))
        .execute();
    },
  };
}

function newestIdLess(count: number) {
  return sql<number>`(select max(id) - ${count} from operational_events)`;
}

function toEvent(row: Selectable<StateTables["operational_events"]>): StoredOperationalEvent {
  return {
    id: row.id,
    kind: row.kind,
    subaccountId: row.subaccount_id,
    atMs: row.at_ms,
    // Written by `append`.
    fields: JSON.parse(row.fields) as Record<string, string | number>,
  };
}
