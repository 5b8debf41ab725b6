/** Engagement events, in SQL written by hand: on this path the databases' own ways are worth their difference. */
import { type RawBuilder, sql } from "kysely";

import type { EventChange, EventQuery, EventStore, Reclassification } from "../events/event-store.ts";
import type { RecordedEvent } from "../events/recorded-event.ts";
import { EVENT_COLUMNS } from "./event-columns.ts";
import { type DayBatch, type DayChanges, EVENT_TABLES, type EventDatabase } from "./event-database.ts";
import { dayOf, type TimeRange } from "./event-day.ts";
import { classificationToRow, type SelectedEvent, toEvent, toRow } from "./event-row.ts";
import { lastPosition, type OrderedSelect, readAfter } from "./read-after.ts";

/** All but what follows from another column. */
const SELECTED = sql.join(
  EVENT_COLUMNS.filter(({ name }) => name !== "recipient_domain").map(({ name }) =>
    name === "event_id" ? sql`cast(event_id as text) as event_id` : sql.ref(name),
  ),
);

/** With its place among the changes, and what it is of; the event's own columns are null when it is erased. */
type SelectedChange = {
  readonly change: number;
  readonly changed_position: number;
  readonly changed_event_id: string;
  readonly changed_timestamp_ms: number;
} & (SelectedEvent | { readonly event_id: null });

export function createEventStore(database: EventDatabase): EventStore {
  return {
    append: async (events) => (events.length === 0 ? 0 : database.append(byDay(events))),
    search: (query) => search(database, query),
    count: (query, atMost) => count(database, query, atMost),
    readAfter: async (position, limit) =>
      (await readAfter(database, IN_ORDER, { position, limit })).map((row) => ({
        position: row.position,
        event: toEvent(row),
      })),
    reclassify: async (changes) => (changes.length === 0 ? 0 : database.reclassify(changesByDay(changes))),
    erase: (recipient) => database.erase(recipient),
    changesAfter: async (change, limit) =>
      (await readAfter(database, CHANGES_IN_ORDER, { position: change, limit })).map(toChange),
    lastPosition: () => lastPosition(database, EVENT_TABLES),
    dropBefore: (timestampMs) => database.dropBefore(dayOf(timestampMs)),
  };
}

/** The days in order, and in each the events in the order of time: that keeps all indexes but the random ones growing at their end. */
function byDay(events: readonly RecordedEvent[]): readonly DayBatch[] {
  const days = Map.groupBy(events.toSorted(byTimeAndId), (event) => dayOf(event.timestampMs));
  return [...days]
    .sort(([one], [other]) => one - other)
    .map(([day, ofDay]) => ({ day, rows: ofDay.map(toRow) }));
}

function byTimeAndId(one: RecordedEvent, other: RecordedEvent): number {
  return one.timestampMs - other.timestampMs || (one.eventId < other.eventId ? -1 : 1);
}

async function search(database: EventDatabase, query: EventQuery): Promise<readonly RecordedEvent[]> {
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

const IN_ORDER: OrderedSelect<SelectedEvent & { readonly position: number }> = {
  daysTable: EVENT_TABLES.days,
  placeOf: ({ position }) => position,
  select: ({ after, upTo, limit, bounds }) => {
    const where = [...within(bounds), sql`position > ${after}`, sql`position <= ${upTo}`];
    return sql`
      select position, ${SELECTED} from events where ${sql.join(where, sql` and `)}
      order by position limit ${limit}`;
  },
};

const CHANGES_IN_ORDER: OrderedSelect<SelectedChange> = {
  daysTable: EVENT_TABLES.days,
  placeOf: ({ change }) => change,
  select: ({ after, upTo, limit, bounds: { fromMs, toMs } }) => {
    const where = [
      sql`change > ${after}`,
      sql`change <= ${upTo}`,
      ...(fromMs === undefined ? [] : [sql`changed_timestamp_ms >= ${fromMs}`]),
      ...(toMs === undefined ? [] : [sql`changed_timestamp_ms < ${toMs}`]),
    ];
    return sql`
      select change, changed_position, cast(changed_event_id as text) as changed_event_id, changed_timestamp_ms, ${SELECTED}
      from event_changes left join events on position = changed_position and timestamp_ms = changed_timestamp_ms
      where ${sql.join(where, sql` and `)} order by change limit ${limit}`;
  },
};

function toChange(row: SelectedChange): EventChange {
  return {
    change: row.change,
    position: row.changed_position,
    eventId: BigInt(row.changed_event_id),
    timestampMs: row.changed_timestamp_ms,
    event: row.event_id === null ? undefined : toEvent(row),
  };
}

function changesByDay(changes: readonly Reclassification[]): readonly DayChanges[] {
  const days = Map.groupBy(changes, ({ timestampMs }) => dayOf(timestampMs));
  return [...days].map(([day, ofDay]) => ({
    day,
    rows: ofDay.map(({ eventId, timestampMs, type, classification }) => ({
      eventId,
      timestampMs,
      type,
      flags: classificationToRow(classification),
    })),
  }));
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
