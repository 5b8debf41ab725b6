/** Engagement events, in SQL written by hand: on this path the databases' own ways are worth their difference. */
import { type RawBuilder, sql } from "kysely";

import type { EventFilter } from "../events/event-filter.ts";
import type {
  EventChange,
  EventQuery,
  EventStore,
  Reclassification,
  StoredEvent,
} from "../events/event-store.ts";
import type { RecordedEvent } from "../events/recorded-event.ts";
import { EVENT_COLUMNS, EVENT_TABLES } from "./event-columns.ts";
import { conditionsOf } from "./event-conditions.ts";
import {
  type DayBatch,
  type DayChanges,
  type EventDatabase,
  type EventScan,
  within,
} from "./event-database.ts";
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
    search: (query, gone) => search(database, query, gone),
    count: (query, atMost, gone) => count(database, query, { atMost, gone }),
    readAfter: async (position, limit) =>
      (await readAfter(database, inOrder(), { position, limit })).map(toStored),
    readAt: (positions) => readAt(database, positions),
    lastPosition: () => lastPosition(database, EVENT_TABLES),
    reclassify: async (changes) => (changes.length === 0 ? 0 : database.reclassify(changesByDay(changes))),
    erase: (recipient, scope) => database.erase(recipient, scope),
    changesAfter: async (change, limit) =>
      (await readAfter(database, CHANGES_IN_ORDER, { position: change, limit })).map(toChange),
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

async function search(
  database: EventDatabase,
  query: EventQuery,
  gone: AbortSignal | undefined,
): Promise<readonly RecordedEvent[]> {
  const { after, limit } = query;
  const isLater = after && sql`(timestamp_ms, event_id) < (${after.timestampMs}, ${after.eventId})`;
  const found: SelectedEvent[] = [];
  for (const { run, plan } of await scansOf(database, query, boundedBy(query))) {
    if (found.length >= limit || gone?.aborted) break;
    const { from, where } = await plan();
    const rows = await run(sql<SelectedEvent>`
      select ${SELECTED} from ${from} where ${sql.join([...where, ...(isLater ? [isLater] : [])], sql` and `)}
      order by timestamp_ms desc, events.event_id desc limit ${limit - found.length}`);
    found.push(...rows);
  }
  return found.map(toEvent);
}

async function count(
  database: EventDatabase,
  query: Omit<EventQuery, "after" | "limit">,
  { atMost, gone }: { readonly atMost: number; readonly gone: AbortSignal | undefined },
): Promise<number> {
  let found = 0;
  for (const { run, plan } of await scansOf(database, query, query)) {
    if (found >= atMost || gone?.aborted) break;
    const { from, where } = await plan();
    const [row] = await run(sql<{ found: number }>`
      select count(*) as found from (
        select 1 as one from ${from} where ${sql.join(where, sql` and `)} limit ${atMost - found}) as matches`);
    found += row?.found ?? 0;
  }
  return found;
}

async function scansOf(
  database: EventDatabase,
  filter: EventFilter,
  { fromMs, toMs }: TimeRange,
): Promise<readonly EventScan[]> {
  const conditions = conditionsOf(filter);
  const isNone = conditions.values.some(({ values }) => values.length === 0);
  return isNone || fromMs >= toMs ? [] : database.scans(conditions, { fromMs, toMs });
}

type PlacedEvent = SelectedEvent & { readonly position: number };

function inOrder(...conditions: readonly RawBuilder<unknown>[]): OrderedSelect<PlacedEvent> {
  return {
    daysTable: EVENT_TABLES.days,
    placeOf: ({ position }) => position,
    select: ({ after, upTo, limit, bounds }) => {
      const where = [
        ...within(bounds.fromMs, bounds.toMs),
        sql`position > ${after}`,
        sql`position <= ${upTo}`,
        ...conditions,
      ];
      return sql`
        select position, ${SELECTED} from events where ${sql.join(where, sql` and `)}
        order by position limit ${limit}`;
    },
  };
}

async function readAt(
  database: EventDatabase,
  positions: readonly number[],
): Promise<readonly StoredEvent[]> {
  if (positions.length === 0) return [];
  const one = inOrder(sql`position in (${sql.join(positions)})`);
  const position = Math.min(...positions) - 1;
  const range = { position, limit: positions.length, last: Math.max(...positions) };
  return (await readAfter(database, one, range)).map(toStored);
}

function toStored(row: PlacedEvent): StoredEvent {
  return { position: row.position, event: toEvent(row) };
}

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
