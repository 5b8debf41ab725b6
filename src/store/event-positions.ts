/** Where an event is in the order of storing: for those who follow the events, to begin at one. */
import { type RawBuilder, sql } from "kysely";

import type { SubaccountId } from "../domain/subaccount.ts";
import { timeOfEventId } from "../edge/event-id.ts";
import type { EventDatabase } from "./event-database.ts";
import { boundsOf, dayOf, type EventDay, LAST_DAY } from "./event-day.ts";

export interface EventPositions {
  /** Everything stored so far is at or before it. */
  last(): Promise<number>;
  /** `undefined` when there is no such event of these subaccounts. */
  ofEvent(eventId: string, subaccounts: "all" | readonly SubaccountId[]): Promise<number | undefined>;
  /** The position before the first event from this time on; `undefined` when there is none. */
  since(timestampMs: number): Promise<number | undefined>;
}

interface Place {
  readonly position: number;
  readonly subaccount_id: SubaccountId;
}

export function createEventPositions(database: EventDatabase): EventPositions {
  return {
    async last() {
      const [row] = await database.onDays(sql<{ last: number }>`select last from event_positions`);
      return row?.last ?? 0;
    },
    async ofEvent(eventId, subaccounts) {
      const place = await findEvent(database, BigInt(eventId));
      const isTheirs = subaccounts === "all" || (place && subaccounts.includes(place.subaccount_id));
      return isTheirs ? place?.position : undefined;
    },
    since: (timestampMs) => since(database, timestampMs),
  };
}

/** An id has the time of its edge in it: nearly always the event's day, and else every other is looked through. */
async function findEvent(database: EventDatabase, eventId: bigint): Promise<Place | undefined> {
  const likely = dayOf(timeOfEventId(eventId));
  const statement = sql<Place>`select position, subaccount_id from events where event_id = ${eventId} limit 1`;
  return (
    (await firstRow(database, statement, [likely - 1, likely + 1])) ??
    (await firstRow(database, statement, [0, LAST_DAY]))
  );
}

async function firstRow<Row>(
  database: EventDatabase,
  statement: RawBuilder<Row>,
  [first, last]: readonly [EventDay, EventDay],
): Promise<Row | undefined> {
  for (const run of await database.onDaysBetween(first, last)) {
    const [row] = await run(statement);
    if (row !== undefined) return row;
  }
  return undefined;
}

/** Events of a day are stored in any order: the first by position is not the first by time. */
async function since(database: EventDatabase, timestampMs: number): Promise<number | undefined> {
  const day = dayOf(timestampMs);
  const { toMs } = boundsOf(day);
  const before = toMs === undefined ? sql`` : sql`and timestamp_ms < ${toMs}`;
  const [ofDay] = await database.onDay(day)(sql<{ first: number | null }>`
    select min(position) as first from events where timestamp_ms >= ${timestampMs} ${before}`);
  const [later] = await database.onDays(sql<{ first: number | null }>`
    select min(first_position) as first from event_days where day > ${day}`);
  const firsts = [ofDay?.first, later?.first].flatMap((first) => first ?? []);
  return firsts.length === 0 ? undefined : Math.min(...firsts) - 1;
}
