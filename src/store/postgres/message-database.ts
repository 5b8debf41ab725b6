/** Message facts in PostgreSQL: tables with a partition per UTC day of sending. */
import { type Kysely, sql } from "kysely";

import { MESSAGE_COLUMNS, MESSAGE_TABLES, type MessageBatch, SHARED_COLUMNS } from "../message-columns.ts";
import type { MessageDatabase } from "../message-database.ts";
import type { RunSql } from "../read-after.ts";
import { arraysOf, namesOf } from "./batch-insert.ts";
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
    erase: async (recipient) => {
      const { numAffectedRows } = await sql`delete from messages where rcpt_to = ${recipient}`.execute(db);
      return Number(numAffectedRows ?? 0n);
    },
    onDays: run,
    onDay: () => run,
    dropBefore: (day) => dropPartitions(db, PARTITIONED, day),
    amongKeys: (keys) => {
      const times = keys.map(({ sentAtSeconds }) => sentAtSeconds);
      const ids = keys.map(({ messageId }) => messageId);
      return sql`(sent_at_seconds, message_id) in (select * from unnest(${times}::bigint[], ${ids}::text[]))`;
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
    on conflict (sent_at_seconds, message_id) do nothing`.execute(db);
}
