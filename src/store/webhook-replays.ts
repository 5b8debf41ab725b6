/** Batches that failed, those that were delivered last, and what is sent again. */
import { type Selectable, sql } from "kysely";

import { DELIVERIES_KEPT, type LastDelivery, parseDeliveries } from "./last-deliveries.ts";
import type { StateDatabase, StateTransaction } from "./state-database.ts";
import type { WebhookBatchesTable, WebhookLanesTable } from "./webhook-tables.ts";
import { makeDue, touchWebhook } from "./webhooks.ts";

export type BatchState = WebhookBatchesTable["state"];

export interface StoredBatch {
  readonly id: string;
  readonly state: BatchState;
  readonly attempts: number;
  readonly responseCode: number | undefined;
  readonly failureCode: string | undefined;
  readonly latencyMs: number;
  readonly attemptedAtMs: number;
}

export interface StoredReplay {
  readonly id: string;
  readonly startPosition: number;
  readonly position: number;
  readonly endPosition: number;
  readonly isUnderWay: boolean;
  /** Of the batch under way. */
  readonly failedAttempts: number;
  readonly sentBatches: number;
  readonly sentEvents: number;
  readonly deadBatches: number;
  readonly createdAtMs: number;
  readonly finishedAtMs: number | undefined;
}

/** What is sent again: everything behind a position, or a batch that was given up. */
export type ReplayRange =
  | { readonly kind: "since"; readonly position: number; readonly sinceMs?: number | undefined }
  | { readonly kind: "batch"; readonly batchId: string };

export interface WebhookReplays {
  /** The last attempted first, within the last `withinMs`. */
  listBatches(
    webhookId: string,
    filter: { readonly state?: BatchState; readonly withinMs: number; readonly limit: number },
  ): Promise<readonly StoredBatch[]>;
  /** The last ones of a webhook, also those that failed at no attempt. The newest first. */
  listDeliveries(webhookId: string): Promise<readonly LastDelivery[]>;
  /**
   * Up to what is sent already; what waits for another attempt is tried at once. `full`: `atMost` are not finished yet.
   * `no_batch`: no such batch was given up.
   */
  startReplay(
    webhookId: string,
    replay: { readonly id: string; readonly range: ReplayRange; readonly atMost: number },
  ): Promise<"started" | "full" | "no_batch">;
  /** The newest first. */
  listReplays(webhookId: string): Promise<readonly StoredReplay[]>;
  /** A batch of it that has failed is dead then. `false`: there is no such replay. */
  removeReplay(webhookId: string, id: string): Promise<boolean>;
}

export function createWebhookReplays(state: StateDatabase): WebhookReplays {
  const { db, write, clock } = state;
  return {
    async listBatches(webhookId, { state: wanted, withinMs, limit }) {
      let query = db
        .selectFrom("webhook_batches")
        .selectAll()
        .where("webhook_id", "=", webhookId)
        .where("attempted_at_ms", ">=", sql<number>`${clock} - ${withinMs}`)
        .orderBy("attempted_at_ms", "desc")
        .orderBy("id")
        .limit(limit);
      if (wanted !== undefined) query = query.where("state", "=", wanted);
      return (await query.execute()).map(toBatch);
    },

    async listDeliveries(webhookId) {
      const lanes = await db
        .selectFrom("webhook_lanes")
        .select("last_deliveries")
        .where("webhook_id", "=", webhookId)
        .execute();
      return lanes
        .flatMap(({ last_deliveries }) => parseDeliveries(last_deliveries))
        .toSorted((a, b) => b.deliveredAtMs - a.deliveredAtMs)
        .slice(0, DELIVERIES_KEPT);
    },

    startReplay: (webhookId, replay) =>
      write((transaction) => startReplay(transaction, state, { webhookId, ...replay })),

    async listReplays(webhookId) {
      const rows = await db
        .selectFrom("webhook_lanes")
        .selectAll()
        .where("webhook_id", "=", webhookId)
        .where("kind", "=", "replay")
        .orderBy("created_at_ms", "desc")
        .orderBy("id")
        .execute();
      return rows.map(toReplay);
    },

    removeReplay: (webhookId, id) => write((transaction) => removeReplay(transaction, webhookId, id)),
  };
}

async function startReplay(
  transaction: StateTransaction,
  { clock }: StateDatabase,
  asked: {
    readonly webhookId: string;
    readonly id: string;
    readonly range: ReplayRange;
    readonly atMost: number;
  },
): Promise<"started" | "full" | "no_batch"> {
  const { webhookId, id, range, atMost } = asked;
  const lanes = await transaction
    .selectFrom("webhook_lanes")
    .select(["id", "kind", "worker", "position", "batch_id", "batch_last", "attempts"])
    .where("webhook_id", "=", webhookId)
    .where("finished_at_ms", "is", null)
    .execute();
  const live = lanes.find(({ kind }) => kind === "live");
  if (live === undefined) return "no_batch";
  if (lanes.length - 1 >= atMost) return "full";
  // What is sent for the first time just now may have arrived already: whoever saw it arrive may ask for it.
  const sentUpTo = live.attempts === 0 ? (live.batch_last ?? live.position) : live.position;
  const from = await beginningOf(transaction, webhookId, range, sentUpTo);
  if (from === undefined || lanes.some(({ batch_id }) => batch_id !== null && batch_id === from.batch_id))
    return "no_batch";
  await transaction
    .insertInto("webhook_lanes")
    .values({
      id,
      webhook_id: webhookId,
      kind: "replay",
      worker: live.worker,
      start_position: from.position,
      created_at_ms: clock,
      finished_at_ms: from.position >= from.end_position ? clock : null,
      ...from,
    })
    .execute();
  await touchWebhook(transaction, webhookId);
  await makeDue(transaction, webhookId);
  return "started";
}

async function removeReplay(transaction: StateTransaction, webhookId: string, id: string): Promise<boolean> {
  const removed = await transaction
    .deleteFrom("webhook_lanes")
    .where("id", "=", id)
    .where("webhook_id", "=", webhookId)
    .where("kind", "=", "replay")
    .returning("batch_id")
    .executeTakeFirst();
  if (removed === undefined) return false;
  // Nobody tries it any more, and it has not arrived: who wants it can ask for it again.
  await transaction
    .updateTable("webhook_batches")
    .set({ state: "dead" })
    .where("id", "=", removed.batch_id ?? "")
    .where("state", "=", "failing")
    .execute();
  return true;
}

interface Beginning {
  readonly position: number;
  readonly end_position: number;
  readonly since_ms: number | null;
  readonly batch_id: string | null;
  readonly batch_last: number | null;
  readonly batch_interest: string | null;
}

async function beginningOf(
  transaction: StateTransaction,
  webhookId: string,
  range: ReplayRange,
  sentUpTo: number,
): Promise<Beginning | undefined> {
  if (range.kind === "since") {
    return {
      position: range.position,
      end_position: sentUpTo,
      since_ms: range.sinceMs ?? null,
      batch_id: null,
      batch_last: null,
      batch_interest: null,
    };
  }
  const batch = await transaction
    .selectFrom("webhook_batches")
    .select(["position", "last_position", "interest"])
    .where("id", "=", range.batchId)
    .where("webhook_id", "=", webhookId)
    .where("state", "=", "dead")
    .executeTakeFirst();
  return (
    batch && {
      position: batch.position,
      end_position: batch.last_position,
      since_ms: null,
      batch_id: range.batchId,
      batch_last: batch.last_position,
      batch_interest: batch.interest,
    }
  );
}

function toBatch(row: Selectable<WebhookBatchesTable>): StoredBatch {
  return {
    id: row.id,
    state: row.state,
    attempts: row.attempts,
    responseCode: row.response_code ?? undefined,
    failureCode: row.failure_code ?? undefined,
    latencyMs: row.latency_ms,
    attemptedAtMs: row.attempted_at_ms,
  };
}

function toReplay(row: Selectable<WebhookLanesTable>): StoredReplay {
  return {
    id: row.id,
    startPosition: row.start_position,
    position: row.position,
    endPosition: row.end_position ?? row.position,
    isUnderWay: row.batch_id !== null || row.position > row.start_position,
    failedAttempts: row.attempts,
    sentBatches: row.sent_batches,
    sentEvents: row.sent_events,
    deadBatches: row.dead_batches,
    createdAtMs: row.created_at_ms,
    finishedAtMs: row.finished_at_ms ?? undefined,
  };
}
