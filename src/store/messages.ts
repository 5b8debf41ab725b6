/**
 * Message facts, by the UTC day of sending. What all messages of a call have in common is stored once, and once for
 * all calls of a day that have it in common: a campaign that is wrapped message by message takes no more room.
 */
import { randomBytes } from "node:crypto";

import { sql } from "kysely";

import type { MessageId } from "../domain/message-id.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { MessageFacts } from "../events/message-facts.ts";
import {
  type MessageKey,
  type MessageStore,
  type SentMessage,
  type StoredMessage,
  textOfKey,
  type WrappedCall,
} from "../events/message-store.ts";
import { RecentlyUsed } from "../events/recently-used.ts";
import { dayOf, type EventDay } from "./event-day.ts";
import { MESSAGE_TABLES, type MessageBatch, type MessageRow } from "./message-columns.ts";
import type { MessageDatabase } from "./message-database.ts";
import { lastPosition, type OrderedSelect, readAfter } from "./read-after.ts";

interface SelectedMessage {
  readonly sent_at_seconds: number;
  readonly message_id: MessageId;
  readonly subaccount_id: SubaccountId;
  readonly rcpt_to: string;
  readonly transmission_id: string;
  readonly shared_id: string;
  readonly rcpt_meta: string | null;
  readonly rcpt_tags: string | null;
}

interface PositionedMessage extends SelectedMessage {
  readonly position: number;
  readonly facts: string;
}

/** The facts of a call as they are stored: the transmission's number is each message's own. */
type SharedFacts = Omit<MessageFacts, "transmissionId"> & { readonly trackingDomain: string };

const SELECTED = sql`sent_at_seconds, message_id, subaccount_id, rcpt_to, transmission_id, messages.shared_id, rcpt_meta, rcpt_tags`;
/** How many different facts are remembered: those of the campaigns that are going out. */
const MAX_REMEMBERED = 1000;

export function createMessageStore(database: MessageDatabase): MessageStore {
  const written = new RecentlyUsed<string, string>(MAX_REMEMBERED);
  const read = new RecentlyUsed<string, SharedFacts>(MAX_REMEMBERED);
  let forgotten = 0;
  const forget = (): void => {
    written.clear();
    forgotten += 1;
  };
  return {
    async record(calls) {
      const { batches, shared } = toBatches(calls, written);
      if (batches.length === 0) return;
      const before = forgotten;
      await database.record(batches);
      if (before === forgotten) for (const [facts, id] of shared) written.set(facts, id);
    },
    find: (keys) => find(database, keys, read),
    readAfter: async (position, limit) =>
      (await readAfter(database, IN_ORDER, { position, limit })).map((row) => toStored(row, read)),
    lastPosition: () => lastPosition(database, MESSAGE_TABLES),
    async erase(recipient, scope) {
      const erased = await database.erase(recipient, scope);
      // What was shared with nobody else is impersonal now: who comes later must not share that.
      if (erased > 0) forget();
      return erased;
    },
    countTo: (recipient, scope) => database.countTo(recipient, scope),
    dropBefore: (timestampMs) => {
      // With a day goes what its messages share.
      forget();
      return database.dropBefore(dayOf(timestampMs));
    },
  };
}

interface Batches {
  readonly batches: readonly MessageBatch[];
  /** What is to be remembered once the batches are stored. */
  readonly shared: ReadonlyMap<string, string>;
}

function toBatches(calls: readonly WrappedCall[], written: RecentlyUsed<string, string>): Batches {
  const shared = new Map<string, string>();
  const days = Map.groupBy(calls, ({ sentAtSeconds }) => dayOf(sentAtSeconds * 1000));
  const batches = [...days]
    .sort(([one], [other]) => one - other)
    .map(([day, ofDay]) => {
      const newlyShared: MessageRow[] = [];
      const rows = ofDay.flatMap((call) => {
        const facts = JSON.stringify(sharedFacts(call));
        // Of the day: what is shared goes when the day goes.
        const key = `${day} ${facts}`;
        let id = written.get(key) ?? shared.get(key);
        if (id === undefined) {
          id = newSharedId(call.sentAtSeconds);
          newlyShared.push([id, call.sentAtSeconds, facts]);
        }
        shared.set(key, id);
        return toRows(call, id);
      });
      return { day, shared: newlyShared, rows };
    });
  return { batches, shared };
}

/** Grows with time, and no two are alike. */
function newSharedId(sentAtSeconds: number): string {
  const seconds = Math.max(sentAtSeconds, 0).toString(16).padStart(9, "0");
  return `${seconds}-${randomBytes(8).toString("hex")}`;
}

function sharedFacts({ facts, trackingDomain }: WrappedCall): SharedFacts {
  const { transmissionId: _ofEachMessage, ...shared } = facts;
  return { ...shared, trackingDomain };
}

function toRows(
  { subaccountId, sentAtSeconds, facts, messages }: WrappedCall,
  sharedId: string,
): MessageRow[] {
  return messages.map(({ messageId, rcptTo, rcptMeta, rcptTags }) => [
    sentAtSeconds,
    messageId,
    subaccountId,
    rcptTo.toLowerCase(),
    facts.transmissionId,
    sharedId,
    rcptMeta === undefined ? null : JSON.stringify(rcptMeta),
    rcptTags === undefined ? null : JSON.stringify(rcptTags),
  ]);
}

async function find(
  database: MessageDatabase,
  keys: readonly MessageKey[],
  read: RecentlyUsed<string, SharedFacts>,
): Promise<readonly (MessageFacts | undefined)[]> {
  const days = Map.groupBy(keys, ({ sentAtSeconds }) => dayOf(sentAtSeconds * 1000));
  const found = new Map<string, MessageFacts>();
  await Promise.all(
    [...days].map(async ([day, ofDay]) => {
      for (const [key, facts] of await findOnDay(database, { day, keys: ofDay, read })) found.set(key, facts);
    }),
  );
  return keys.map((key) => found.get(textOfKey(key)));
}

async function findOnDay(
  database: MessageDatabase,
  {
    day,
    keys,
    read,
  }: { day: EventDay; keys: readonly MessageKey[]; read: RecentlyUsed<string, SharedFacts> },
): Promise<(readonly [string, MessageFacts])[]> {
  const run = database.onDay(day);
  const rows = await run(sql<SelectedMessage>`
    select ${SELECTED} from messages where ${database.amongKeys(keys)}`);
  const ids = new Set(rows.map((row) => row.shared_id));
  // Its own map beside the remembered ones: a batch may have more than are remembered.
  const shared = new Map<string, SharedFacts>();
  const unknown: string[] = [];
  for (const id of ids) {
    const known = read.get(id);
    if (known === undefined) unknown.push(id);
    else shared.set(id, known);
  }
  if (unknown.length > 0) {
    const texts = await run(sql<{ shared_id: string; facts: string }>`
      select shared_id, facts from shared_facts where shared_id ${database.amongTexts(unknown)}`);
    for (const { shared_id: id, facts } of texts) shared.set(id, parse(id, facts, read));
  }
  // Most messages of a call have nothing of their own: they share one object.
  const common = new Map<string, MessageFacts>();
  return rows.flatMap((row) => {
    const ofCall = shared.get(row.shared_id);
    if (ofCall === undefined) return [];
    const isCommon = row.rcpt_meta === null && row.rcpt_tags === null;
    const call = `${row.shared_id} ${row.transmission_id}`;
    const facts = (isCommon ? common.get(call) : undefined) ?? toFacts(row, ofCall);
    if (isCommon) common.set(call, facts);
    return [[textOfKey(keyOf(row)), facts] as const];
  });
}

const IN_ORDER: OrderedSelect<PositionedMessage> = {
  daysTable: MESSAGE_TABLES.days,
  placeOf: ({ position }) => position,
  select: ({ after, upTo, limit, bounds: { fromMs, toMs } }) => {
    const conditions = [
      sql`position > ${after}`,
      sql`position <= ${upTo}`,
      ...(fromMs === undefined ? [] : [sql`sent_at_seconds >= ${fromMs / 1000}`]),
      ...(toMs === undefined ? [] : [sql`sent_at_seconds < ${toMs / 1000}`]),
    ];
    return sql<PositionedMessage>`
      select position, ${SELECTED}, facts from messages
      join shared_facts on shared_facts.shared_id = messages.shared_id
      where ${sql.join(conditions, sql` and `)} order by position limit ${limit}`;
  },
};

function toStored(row: PositionedMessage, read: RecentlyUsed<string, SharedFacts>): StoredMessage {
  const shared = read.get(row.shared_id) ?? parse(row.shared_id, row.facts, read);
  return {
    position: row.position,
    message: {
      ...keyOf(row),
      rcptTo: row.rcpt_to,
      trackingDomain: shared.trackingDomain,
      facts: toFacts(row, shared),
    } satisfies SentMessage,
  };
}

function keyOf(row: SelectedMessage): MessageKey {
  return {
    subaccountId: row.subaccount_id,
    messageId: row.message_id,
    sentAtSeconds: row.sent_at_seconds,
  };
}

function parse(id: string, facts: string, read: RecentlyUsed<string, SharedFacts>): SharedFacts {
  const parsed = JSON.parse(facts) as SharedFacts;
  read.set(id, parsed);
  return parsed;
}

function toFacts(
  row: SelectedMessage,
  { trackingDomain: _ofTheMessage, ...shared }: SharedFacts,
): MessageFacts {
  return {
    ...shared,
    transmissionId: row.transmission_id,
    ...(row.rcpt_meta !== null && { rcptMeta: JSON.parse(row.rcpt_meta) as Record<string, unknown> }),
    ...(row.rcpt_tags !== null && { rcptTags: JSON.parse(row.rcpt_tags) as string[] }),
  };
}
