/** Who delivers which webhooks, and how far each of their lanes has got. */
import { type ExpressionBuilder, type NotNull, type Selectable, sql } from "kysely";

import type {
  DeliveredBatch,
  DeliveryStore,
  FailedAttempt,
  HeldWebhook,
  Lane,
  LaneAdvance,
  LaneState,
} from "../webhooks/delivery-store.ts";
import type { Interest } from "../webhooks/webhook.ts";
import { withDelivery } from "./last-deliveries.ts";
import type { StateDatabase, StateTables, StateTransaction } from "./state-database.ts";
import type { WebhookLanesTable, WebhooksTable } from "./webhook-tables.ts";
import { bumpWebhookVersion, WEBHOOK_VERSION } from "./webhook-version.ts";
import { endLiveLane } from "./webhooks.ts";

const DAY_MS = 86_400_000;
/** SparkPost's. */
const STATUS_KEPT_MS = DAY_MS;
const DEAD_KEPT_MS = 30 * DAY_MS;
const REPLAYS_KEPT_MS = 7 * DAY_MS;

const LANE_COLUMNS = [
  "id",
  "kind",
  "position",
  "end_position",
  "since_ms",
  "batch_id",
  "batch_last",
  "batch_interest",
  "attempts",
] as const;

export function createWebhookDeliveries(state: StateDatabase): DeliveryStore {
  const { db, write, clock } = state;
  return {
    async version() {
      const { version, used } = await db
        .selectFrom("webhook_version")
        .select(["version", sql<boolean | number>`exists (select 1 from webhooks)`.as("used")])
        .executeTakeFirstOrThrow();
      return { version, isUsed: Boolean(used) };
    },

    async changedSince(version) {
      const rows = await db
        .selectFrom("webhooks")
        .select("id")
        .where("changed_in_version", ">", version)
        .execute();
      return rows.map(({ id }) => id);
    },

    join: ({ id, machine }, leaseMs) =>
      write(async (transaction) => {
        await transaction.deleteFrom("webhook_workers").where("machine", "=", machine).execute();
        await transaction
          .insertInto("webhook_workers")
          .values({ id, machine, lease_until_ms: sql`${clock} + ${leaseMs}` })
          .execute();
      }),

    hold: (workerId, leaseMs) => write((transaction) => hold(transaction, state, { workerId, leaseMs })),

    async release(workerId, webhookIds) {
      if (webhookIds.length === 0) return;
      await db
        .updateTable("webhook_lanes")
        .set({ worker: null })
        .where("worker", "=", workerId)
        .where("webhook_id", "in", webhookIds)
        .execute();
    },

    async leave(workerId) {
      await db.deleteFrom("webhook_workers").where("id", "=", workerId).execute();
    },

    load: (workerId, webhookId) => load(state, workerId, webhookId),

    async advance(lane, to) {
      const { delivered, isEmptied = false } = to;
      const isListed = isEmptied || delivered?.mayBeListed === true;
      if (!isListed) return advance(db, state, { lane, to });
      return write(async (transaction) => {
        if (!(await advance(transaction, state, { lane, to }))) return false;
        if (isEmptied) await unlist(transaction, lane);
        if (delivered !== undefined) await noteDelivery(transaction, state, { lane, delivered });
        return true;
      });
    },

    recordFailure: (lane, failed) =>
      write(async (transaction) => {
        if (!(await fail(transaction, state, { lane, failed }))) return false;
        await noteFailure(transaction, state, { lane, failed });
        if (failed.end.kind === "gone") await switchOff(transaction, failed.webhookId, failed.end.streamEnd);
        return true;
      }),

    prune: () => prune(state),
  };
}

type Writer = Pick<StateTransaction, "updateTable">;

async function hold(
  transaction: StateTransaction,
  { clock }: StateDatabase,
  { workerId, leaseMs }: { readonly workerId: string; readonly leaseMs: number },
): Promise<{ webhookIds: readonly string[]; share: number } | undefined> {
  const { numUpdatedRows } = await transaction
    .updateTable("webhook_workers")
    .set({ lease_until_ms: sql`${clock} + ${leaseMs}` })
    .where("id", "=", workerId)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return undefined;
  const alive = await transaction
    .selectFrom("webhook_workers")
    .select("id")
    .where("lease_until_ms", ">", clock)
    .execute();
  const live = await transaction
    .selectFrom("webhook_lanes")
    .select(["webhook_id", "worker"])
    .where("kind", "=", "live")
    .orderBy("webhook_id")
    .execute();
  const share = Math.ceil(live.length / alive.length);
  const living = new Set(alive.map(({ id }) => id));
  const mine = live.filter(({ worker }) => worker === workerId);
  const free = live.filter(({ worker }) => worker === null || !living.has(worker));
  const claimed = free.slice(0, Math.max(0, share - mine.length)).map(({ webhook_id }) => webhook_id);
  if (claimed.length > 0) {
    await transaction
      .updateTable("webhook_lanes")
      .set({ worker: workerId })
      .where("webhook_id", "in", claimed)
      .execute();
  }
  return { webhookIds: [...mine.map(({ webhook_id }) => webhook_id), ...claimed], share };
}

async function load(
  { db, clock }: StateDatabase,
  workerId: string,
  webhookId: string,
): Promise<HeldWebhook | undefined> {
  const lanes = await db
    .selectFrom("webhook_lanes")
    .select([...LANE_COLUMNS, sql<number>`next_attempt_at_ms - ${clock}`.as("due_in_ms")])
    .where("webhook_id", "=", webhookId)
    .where("worker", "=", workerId)
    .where("finished_at_ms", "is", null)
    // "live" sorts before "replay".
    .orderBy("kind")
    .orderBy("created_at_ms")
    .orderBy("id")
    .execute();
  if (lanes[0]?.kind !== "live") return undefined;
  const webhook = await db.selectFrom("webhooks").selectAll().where("id", "=", webhookId).executeTakeFirst();
  return webhook && { ...toHeld(webhook), lanes: lanes.map(toLane) };
}

function toHeld(row: Selectable<WebhooksTable>): Omit<HeldWebhook, "lanes"> {
  return {
    id: row.id,
    subaccountId: row.subaccount_id,
    kind: row.kind,
    target: row.target,
    active: Boolean(row.active),
    sealedSecrets: row.sealed_secrets,
    version: row.changed_in_version,
    interest: {
      types: JSON.parse(row.events) as string[],
      subaccounts: row.all_subaccounts ? "all" : row.subaccount_id,
      exceptions: JSON.parse(row.exception_subaccounts) as number[],
    },
  };
}

type LaneRow = Pick<Selectable<WebhookLanesTable>, (typeof LANE_COLUMNS)[number]> & {
  readonly due_in_ms: number;
};

function toLane(row: LaneRow): Lane {
  const { batch_id: id, batch_last: last, batch_interest: interest } = row;
  return {
    id: row.id,
    kind: row.kind,
    position: row.position,
    end: row.kind === "replay" ? (row.end_position ?? undefined) : undefined,
    sinceMs: row.since_ms ?? undefined,
    batch:
      id === null || last === null || interest === null
        ? undefined
        : {
            id,
            last,
            interest: parseInterest(interest),
            attempts: row.attempts,
            dueInMs: row.due_in_ms,
          },
  };
}

/** Written by this file and `webhooks.ts`. */
function parseInterest(text: string): Interest {
  return JSON.parse(text) as Interest;
}

/** Only while its holder's picture of it is right: one that was slow, or has lost it, changes nothing. */
function standsSo({ workerId, laneId, position, batchId }: LaneState) {
  return ({ eb, and }: ExpressionBuilder<StateTables, "webhook_lanes">) =>
    and([
      eb("id", "=", laneId),
      eb("worker", "=", workerId),
      eb("position", "=", position),
      batchId === undefined ? eb("batch_id", "is", null) : eb("batch_id", "=", batchId),
    ]);
}

const NO_BATCH = { batch_id: null, batch_last: null, batch_interest: null };

/** One statement: on this path a transaction's round trips would be most of the work. */
async function advance(
  writer: Writer,
  { clock }: StateDatabase,
  { lane, to }: { readonly lane: LaneState; readonly to: LaneAdvance },
): Promise<boolean> {
  const { position, delivered, next, isFinished = false } = to;
  const { numUpdatedRows } = await writer
    .updateTable("webhook_lanes")
    .set({
      position,
      ...(next === undefined
        ? NO_BATCH
        : {
            batch_id: next.id,
            batch_last: next.last,
            batch_interest: JSON.stringify(next.interest),
          }),
      attempts: 0,
      next_attempt_at_ms: 0,
      ...(delivered === undefined
        ? {}
        : {
            sent_batches: sql<number>`sent_batches + 1`,
            sent_events: sql<number>`sent_events + ${delivered.events}`,
            last_successful_at_ms: clock,
            last_deliveries: withDelivery(lane.batchId ?? "", delivered, clock),
          }),
      ...(isFinished ? { finished_at_ms: clock } : {}),
    })
    .where(standsSo(lane))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

async function fail(
  transaction: StateTransaction,
  { clock }: StateDatabase,
  { lane, failed }: { readonly lane: LaneState; readonly failed: FailedAttempt },
): Promise<boolean> {
  const { batch, attempts, end } = failed;
  const change =
    end.kind === "retry"
      ? { attempts, next_attempt_at_ms: sql<number>`${clock} + ${end.delayMs}` }
      : {
          ...NO_BATCH,
          position: batch.last,
          attempts: 0,
          next_attempt_at_ms: 0,
          dead_batches: sql<number>`dead_batches + 1`,
          ...(end.isFinished ? { finished_at_ms: clock } : {}),
        };
  const { numUpdatedRows } = await transaction
    .updateTable("webhook_lanes")
    .set({ ...change, last_failure_at_ms: clock })
    .where(standsSo(lane))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

async function noteFailure(
  transaction: StateTransaction,
  { clock }: StateDatabase,
  { lane, failed }: { readonly lane: LaneState; readonly failed: FailedAttempt },
): Promise<void> {
  const { batch, attempts, status, failure, latencyMs, end } = failed;
  const values = {
    state: end.kind === "retry" ? ("failing" as const) : ("dead" as const),
    attempts,
    response_code: status ?? null,
    failure_code: failure,
    latency_ms: latencyMs,
    attempted_at_ms: clock,
  };
  await transaction
    .insertInto("webhook_batches")
    .values({
      ...values,
      id: batch.id,
      webhook_id: failed.webhookId,
      position: lane.position,
      last_position: batch.last,
      interest: JSON.stringify(batch.interest),
    })
    .onConflict((conflict) => conflict.column("id").doUpdateSet(values))
    .execute();
}

async function noteDelivery(
  transaction: StateTransaction,
  { clock }: StateDatabase,
  { lane, delivered }: { readonly lane: LaneState; readonly delivered: DeliveredBatch },
): Promise<void> {
  await transaction
    .updateTable("webhook_batches")
    .set({
      state: "delivered",
      attempts: delivered.attempts,
      response_code: delivered.status,
      failure_code: null,
      latency_ms: delivered.latencyMs,
      attempted_at_ms: clock,
    })
    .where("id", "=", lane.batchId ?? "")
    .execute();
}

async function unlist(transaction: StateTransaction, { batchId = "" }: LaneState): Promise<void> {
  await transaction.deleteFrom("webhook_batches").where("id", "=", batchId).execute();
}

async function switchOff(transaction: StateTransaction, webhookId: string, streamEnd: number): Promise<void> {
  await bumpWebhookVersion(transaction);
  await transaction
    .updateTable("webhooks")
    .set({ active: false, inactive_reason: "gone", changed_in_version: WEBHOOK_VERSION })
    .where("id", "=", webhookId)
    .execute();
  await endLiveLane(transaction, webhookId, streamEnd);
}

async function prune({ db, clock }: StateDatabase): Promise<void> {
  await db
    .deleteFrom("webhook_batches")
    .where("state", "=", "delivered")
    .where("attempted_at_ms", "<", sql<number>`${clock} - ${STATUS_KEPT_MS}`)
    .execute();
  await db
    .deleteFrom("webhook_batches")
    .where("state", "=", "dead")
    .where("attempted_at_ms", "<", sql<number>`${clock} - ${DEAD_KEPT_MS}`)
    .execute();
  // Nobody tries them any more.
  await db
    .deleteFrom("webhook_batches")
    .where("state", "=", "failing")
    .where("attempted_at_ms", "<", sql<number>`${clock} - ${STATUS_KEPT_MS}`)
    .where("id", "not in", (query) =>
      query
        .selectFrom("webhook_lanes")
        .select("batch_id")
        .where("batch_id", "is not", null)
        .$narrowType<{ batch_id: NotNull }>(),
    )
    .execute();
  await db
    .deleteFrom("webhook_lanes")
    .where("finished_at_ms", "<", sql<number>`${clock} - ${REPLAYS_KEPT_MS}`)
    .execute();
  await db
    .deleteFrom("webhook_workers")
    .where("lease_until_ms", "<", sql<number>`${clock} - ${DAY_MS}`)
    .execute();
}
