/** Where an event is in the order of storing: for those who follow the events, to begin at one. */
import { sql } from "kysely";

import type { SubaccountId } from "../domain/subaccount.ts";
import { timeOfEventId } from "../edge/event-id.ts";
import { type EventDatabase, within } from "./event-database.ts";
import { boundsOf, dayOf, type EventDay } from "./event-day.ts";

export interface EventPositions {
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
    async ofEvent(eventId, subaccounts) {
      const place = await findEvent(database, BigInt(eventId));
      const isTheirs = subaccounts === "all" || (place && subaccounts.includes(place.subaccount_id));
      return isTheirs ? place?.position : undefined;
    },
    since: (timestampMs) => since(database, timestampMs),
  };
}

/** An id has the time of its edge in it: that is nearly always the event's day, and else one beside it. */
async function findEvent(database: EventDatabase, eventId: bigint): Promise<Place | undefined> {
  const likely = dayOf(timeOfEventId(eventId));
  const days = await database.onDays(sql<{ day: EventDay }>`
    select day from event_days order by abs(day - ${sql.lit(likely)})`);
  for (const { day } of days) {
    const { fromMs, toMs } = boundsOf(day);
    const [place] = await database.onDay(day)(sql<Place>`
      select position, subaccount_id from events
      where ${sql.join([sql`event_id = ${eventId}`, ...within(fromMs, toMs)], sql` and `)} limit 1`);
    if (place !== undefined) return place;
  }
  return undefined;
}

/** Events of a day are stored in any order: the first by position is not the first by time. */
async function since(database: EventDatabase, timestampMs: number): Promise<number | undefined> {
  const day = dayOf(timestampMs);
  const isOfDay = sql.join(within(timestampMs, boundsOf(day).toMs), sql` and `);
  const [ofDay] = await database.onDay(day)(sql<{ first: number | null }>`
    select min(position) as first from events where ${isOfDay}`);
  const [later] = await database.onDays(sql<{ first: number | null }>`
    select min(first_position) as first from event_days where day > ${day}`);
  const firsts = [ofDay?.first, later?.first].flatMap((first) => first ?? []);
  return firsts.length === 0 ? undefined : Math.min(...firsts) - 1;
}
