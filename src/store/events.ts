/** Engagement events, in SQL written by hand: on this path the databases' own ways are worth their difference. */
import { type RawBuilder, sql } from "kysely";

import type { EngagementEvent } from "../domain/event.ts";
import type { EventQuery, EventStore, StoredEvent } from "../events/event-store.ts";
import type { DayBatch, EventDatabase } from "./event-database.ts";
import { boundsOf, dayOf, type EventDay, type TimeRange } from "./event-day.ts";
import { type SelectedEvent, toEvent, toRow } from "./event-row.ts";

const SELECTED = sql`cast(event_id as text) as event_id, timestamp_ms, type, subaccount_id, message_id, rcpt_to, raw_rcpt_to,
  sent_at_seconds, tracking_domain, target_link_url, target_link_name, ip_address, user_agent, accept_language`;

interface AppendedDay {
  readonly day: EventDay;
  readonly first_position: number;
  readonly last_position: number;
}

export function createEventStore(database: EventDatabase): EventStore {
  return {
    append: async (events) => (events.length === 0 ? 0 : database.append(byDay(events))),
    search: (query) => search(database, query),
    count: (query, atMost) => count(database, query, atMost),
    readAfter: (position, limit) => readAfter(database, position, limit),
    dropBefore: (timestampMs) => database.dropBefore(dayOf(timestampMs)),
  };
}

/** The days in order, and in each the events in the order of time: that keeps all indexes but the random ones growing at their end. */
function byDay(events: readonly EngagementEvent[]): readonly DayBatch[] {
  const days = Map.groupBy(events.toSorted(byTimeAndId), (event) => dayOf(event.timestampMs));
  return [...days]
    .sort(([one], [other]) => one - other)
    .map(([day, ofDay]) => ({ day, rows: ofDay.map(toRow) }));
}

function byTimeAndId(one: EngagementEvent, other: EngagementEvent): number {
  return one.timestampMs - other.timestampMs || (one.eventId < other.eventId ? -1 : 1);
}

async function search(database: EventDatabase, query: EventQuery): Promise<readonly EngagementEvent[]> {
  const range = boundedBy(query);
  const conditions = conditionsOf({ ...query, ...range }, database);
  const { after, limit } = query;
  if (after !== undefined) {
    conditions.push(sql`(timestamp_ms, event_id) < (${after.timestampMs}, ${after.eventId})`);
  }
  const where = sql.join(conditions, sql` and `);
  const found: SelectedEvent[] = [];
  for (const run of await tablesOf(database, range)) {
    if (found.length >= limit) break;
    const rows = await run(sql<SelectedEvent>`
      select ${SELECTED} from events where ${where}
      order by events.timestamp_ms desc, events.event_id desc limit ${limit - found.length}`);
    found.push(...rows);
  }
  return found.map(toEvent);
}

async function count(
  database: EventDatabase,
  query: Omit<EventQuery, "after" | "limit">,
  atMost: number,
): Promise<number> {
  const where = sql.join(conditionsOf(query, database), sql` and `);
  let found = 0;
  for (const run of await tablesOf(database, query)) {
    if (found >= atMost) break;
    const [row] = await run(sql<{ found: number }>`
      select count(*) as found from (select 1 as one from events where ${where} limit ${atMost - found}) as matches`);
    found += row?.found ?? 0;
  }
  return found;
}

/**
 * Only up to the last positions that the list of days knows, all read at once: a batch that comes while its days are
 * read one by one is then seen on none of them, and not on some.
 */
async function readAfter(
  database: EventDatabase,
  position: number,
  limit: number,
): Promise<readonly StoredEvent[]> {
  const days = await database.onDays(sql<AppendedDay>`
    select day, first_position, last_position from event_days
    where last_position > ${position} order by first_position`);
  let found: StoredEvent[] = [];
  for (const { day, first_position: first, last_position: last } of days) {
    if (found.length >= limit && first > (found.at(-1)?.position ?? 0)) break;
    const where = sql.join(
      [...within(boundsOf(day)), sql`position > ${position}`, sql`position <= ${last}`],
      sql` and `,
    );
    const rows = await database.onDay(day)(sql<SelectedEvent & { readonly position: number }>`
      select position, ${SELECTED} from events where ${where} order by position limit ${limit}`);
    found = [...found, ...rows.map((row) => ({ position: row.position, event: toEvent(row) }))]
      .sort((one, other) => one.position - other.position)
      .slice(0, limit);
  }
  return found;
}

/** SQLite starts the index at `timestamp_ms` alone: without this, every page would read all the pages before it again. */
function boundedBy({ fromMs, toMs, after }: EventQuery): TimeRange {
  return { fromMs, toMs: after === undefined ? toMs : Math.min(toMs, after.timestampMs + 1) };
}

async function tablesOf(database: EventDatabase, { fromMs, toMs }: TimeRange) {
  return fromMs < toMs ? database.onDaysBetween(dayOf(fromMs), dayOf(toMs - 1)) : [];
}

function conditionsOf(
  query: Omit<EventQuery, "after" | "limit">,
  { amongIntegers, amongTexts, hasRandomText }: EventDatabase,
): RawBuilder<unknown>[] {
  const { subaccounts, types, eventIds, messageIds, recipients, recipientDomains } = query;
  const conditions = within(query);
  if (subaccounts !== "all") conditions.push(sql`subaccount_id ${amongIntegers(subaccounts)}`);
  if (types !== undefined) conditions.push(sql`type ${amongTexts(types)}`);
  if (eventIds !== undefined) conditions.push(sql`event_id ${amongIntegers(eventIds)}`);
  if (messageIds !== undefined) conditions.push(hasRandomText("message_id", messageIds));
  if (recipients !== undefined) conditions.push(hasRandomText("rcpt_to", recipients));
  if (recipientDomains !== undefined) conditions.push(sql`recipient_domain ${amongTexts(recipientDomains)}`);
  return conditions;
}

function within({ fromMs, toMs }: { [Bound in keyof TimeRange]: number | undefined }): RawBuilder<unknown>[] {
  return [
    ...(fromMs === undefined ? [] : [sql`timestamp_ms >= ${fromMs}`]),
    ...(toMs === undefined ? [] : [sql`timestamp_ms < ${toMs}`]),
  ];
}
