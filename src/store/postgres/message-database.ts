/** Message facts in PostgreSQL: tables with a partition per UTC day of sending. */
import { type Kysely, sql } from "kysely";

import { impersonal } from "../impersonal-facts.ts";
import { MESSAGE_COLUMNS, MESSAGE_TABLES, type MessageBatch, SHARED_COLUMNS } from "../message-columns.ts";
import type { MessageDatabase } from "../message-database.ts";
import type { RunSql } from "../read-after.ts";
import { arraysOf, namesOf } from "./batch-insert.ts";
import { type ErasedPiece, eraseInPieces, ofPerson } from "./erase-pieces.ts";
import { createPartitionKeeper, dropPartitions, type PartitionedTables } from "./partitions.ts";

const NAMES = namesOf(MESSAGE_COLUMNS);
const SHARED_NAMES = namesOf(SHARED_COLUMNS);
const PARTITIONED: PartitionedTables = {
  tables: ["messages", "shared_facts"],
  unit: "seconds",
  daysTable: MESSAGE_TABLES.days,
};

export function postgresMessages(db: Kysely<unknown>): MessageDatabase {
  const run: RunSql = async (statement) => (await statement.execute(db)).rows;
  const withPartitions = createPartitionKeeper(db, PARTITIONED);
  return {
    record: (batches) =>
      withPartitions(
        batches.map(({ day }) => day),
        () => insert(db, batches),
      ),
    erase: (recipient, scope) => eraseInPieces((atMost) => erase(db, { recipient, scope, atMost })),
    countTo: async (recipient, scope) => {
      const [row] = await run(sql<{ found: number }>`
        select count(*) as found from messages where ${ofPerson(recipient, scope)}`);
      return row?.found ?? 0;
    },
    onDays: run,
    onDay: () => run,
    dropBefore: (day) => dropPartitions(db, PARTITIONED, day),
    amongKeys: (keys) => {
      const times = keys.map(({ sentAtSeconds }) => sentAtSeconds);
      const ids = keys.map(({ messageId }) => messageId);
      const tenants = keys.map(({ subaccountId }) => subaccountId);
      return sql`(sent_at_seconds, message_id, subaccount_id) in (
        select * from unnest(${times}::bigint[], ${ids}::text[], ${tenants}::bigint[]))`;
    },
    amongTexts: (values) => sql`= any(${values}::text[])`,
  };
}

/** As that of events. */
async function insert(db: Kysely<unknown>, batches: readonly MessageBatch[]): Promise<void> {
  const rows = batches.flatMap((batch) => batch.rows);
  const shared = batches.flatMap((batch) => batch.shared);
  const days = batches.map(({ day }) => day);
  const sizes = batches.map((batch) => batch.rows.length);
  await sql`
    with given as (
      update message_positions set last = last + ${rows.length} returning last - ${rows.length} as before
    ), touched as (
      insert into message_days (day, first_position, last_position)
      select day, before + 1 + sum(size) over (order by day) - size, before + sum(size) over (order by day)
      from given, unnest(${days}::bigint[], ${sizes}::bigint[]) as batch (day, size)
      on conflict (day) do update set last_position = excluded.last_position
    ), newly_shared as (
      insert into shared_facts (${SHARED_NAMES})
      select * from unnest(${arraysOf(SHARED_COLUMNS, shared)})
    )
    insert into messages (position, ${NAMES})
    select before + number, ${NAMES}
    from given, unnest(${arraysOf(MESSAGE_COLUMNS, rows)}) with ordinality as message (${NAMES}, number)
    on conflict (sent_at_seconds, message_id, subaccount_id) do nothing`.execute(db);
}

async function erase(db: Kysely<unknown>, { recipient, scope, atMost }: ErasedPiece): Promise<number> {
  return db.transaction().execute(async (transaction) => {
    const { rows } = await sql<{ shared_id: string }>`
      with person as (
        select sent_at_seconds, message_id, subaccount_id from messages
        where ${ofPerson(recipient, scope)} limit ${atMost}
      )
      delete from messages where (sent_at_seconds, message_id, subaccount_id) in (select * from person)
      returning shared_id`.execute(transaction);
    const ids = [...new Set(rows.map((row) => row.shared_id))];
    if (ids.length === 0) return 0;
    const alone = await sql<{ shared_id: string; facts: string }>`
      select shared_id, facts from shared_facts where shared_id = any(${ids}::text[])
        and not exists (select from messages where messages.shared_id = shared_facts.shared_id)`.execute(
      transaction,
    );
    for (const { shared_id: id, facts } of alone.rows) {
      await sql`update shared_facts set facts = ${impersonal(facts)} where shared_id = ${id}`.execute(
        transaction,
      );
    }
    return rows.length;
  });
}
