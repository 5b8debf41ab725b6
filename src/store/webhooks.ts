/** Webhooks as their owners see them. How they are delivered: `webhook-deliveries.ts`. */
import { randomUUID } from "node:crypto";

import { type Selectable, sql } from "kysely";

import type { SubaccountId } from "../domain/subaccount.ts";
import type { WebhookKind } from "../webhooks/webhook.ts";
import type { StateDatabase, StateTransaction } from "./state-database.ts";
import type { WebhooksTable } from "./webhook-tables.ts";
import { bumpWebhookVersion, WEBHOOK_VERSION } from "./webhook-version.ts";

export interface StoredWebhook {
  readonly id: string;
  readonly subaccountId: SubaccountId;
  /** Of the primary account's: the events of every subaccount too, but the exceptions. */
  readonly allSubaccounts: boolean;
  readonly exceptionSubaccounts: readonly SubaccountId[];
  readonly kind: WebhookKind;
  readonly name: string;
  readonly target: string;
  readonly events: readonly string[];
  readonly active: boolean;
  readonly inactiveReason: string | undefined;
  readonly sealedSecrets: string;
  readonly createdAtMs: number;
  readonly lastSuccessfulAtMs: number | undefined;
  readonly lastFailureAtMs: number | undefined;
}

export type NewWebhook = Omit<
  StoredWebhook,
  "inactiveReason" | "createdAtMs" | "lastSuccessfulAtMs" | "lastFailureAtMs"
>;

/** What an owner may change of it. */
export type WebhookChange = Partial<
  Pick<StoredWebhook, "name" | "target" | "events" | "active" | "exceptionSubaccounts" | "sealedSecrets">
>;

/** Whose webhooks: everybody's, or one owner's; `onlyOwn` leaves out those of all subaccounts. */
export type WebhookScope = "all" | { readonly owner: SubaccountId; readonly onlyOwn: boolean };

export interface Webhooks {
  /** It tells of what comes behind the position. `full`: the owner has `atMost` already. */
  create(webhook: NewWebhook, position: number, atMost: number): Promise<"created" | "full">;
  /** In the order of creation. */
  list(scope: WebhookScope): Promise<readonly StoredWebhook[]>;
  find(id: string, scope: WebhookScope): Promise<StoredWebhook | undefined>;
  /**
   * What waits for another attempt is tried at once. `position` is the end of what is stored: one that becomes inactive
   * remembers it, one that becomes active goes on behind it, and what it had not been sent when it became inactive follows as
   * a replay. `false`: there is no such webhook. A change that is a function is made from what is stored, and nothing
   * can come in between.
   */
  update(
    id: string,
    scope: WebhookScope,
    change: WebhookChange | ((stored: StoredWebhook) => WebhookChange),
    position: number,
  ): Promise<boolean>;
  remove(id: string, scope: WebhookScope): Promise<boolean>;
  /** What waits for another attempt is tried at once. */
  retryNow(id: string): Promise<void>;
}

/** Of replays at a time, those that owners ask for and those that follow a switch. */
const UNFINISHED_AT_MOST = 20;
const BATCH_COLUMNS = ["batch_id", "batch_last", "batch_interest"] as const;
const NO_BATCH = { batch_id: null, batch_last: null, batch_interest: null, attempts: 0 };

type WebhookRow = Selectable<WebhooksTable> & {
  readonly last_successful_at_ms: number | null;
  readonly last_failure_at_ms: number | null;
};

export function createWebhooks(state: StateDatabase): Webhooks {
  const { db, write } = state;
  return {
    create: (webhook, position, atMost) =>
      write((transaction) => create(transaction, state, { webhook, position, atMost })),

    async list(scope) {
      const rows = await select(db, scope).orderBy("webhooks.created_at_ms").orderBy("webhooks.id").execute();
      return rows.map(toWebhook);
    },

    async find(id, scope) {
      const row = await select(db, scope).where("webhooks.id", "=", id).executeTakeFirst();
      return row && toWebhook(row);
    },

    update: (id, scope, change, position) =>
      write(async (transaction) => {
        const found = await select(transaction, scope).where("webhooks.id", "=", id).executeTakeFirst();
        if (found === undefined) return false;
        const applied = typeof change === "function" ? change(toWebhook(found)) : change;
        await bumpWebhookVersion(transaction);
        await transaction
          .updateTable("webhooks")
          .set({ ...toColumns(applied), changed_in_version: WEBHOOK_VERSION })
          .where("id", "=", id)
          .execute();
        if (applied.active === false && found.active) await endLiveLane(transaction, id, position);
        if (applied.active === true && !found.active) await goOnBehind(transaction, state, { id, position });
        await makeDue(transaction, id);
        return true;
      }),

    remove: (id, scope) =>
      write(async (transaction) => {
        const found = await select(transaction, scope).where("webhooks.id", "=", id).executeTakeFirst();
        if (found === undefined) return false;
        // With its lanes and batches.
        await transaction.deleteFrom("webhooks").where("id", "=", id).execute();
        return true;
      }),

    retryNow: (id) =>
      write(async (transaction) => {
        await touchWebhook(transaction, id);
        await makeDue(transaction, id);
      }),
  };
}

async function create(
  transaction: StateTransaction,
  { clock }: StateDatabase,
  {
    webhook,
    position,
    atMost,
  }: { readonly webhook: NewWebhook; readonly position: number; readonly atMost: number },
): Promise<"created" | "full"> {
  if ((await countOf(transaction, webhook.subaccountId)) >= atMost) return "full";
  await bumpWebhookVersion(transaction);
  await transaction
    .insertInto("webhooks")
    .values({
      id: webhook.id,
      subaccount_id: webhook.subaccountId,
      all_subaccounts: webhook.allSubaccounts,
      exception_subaccounts: JSON.stringify(webhook.exceptionSubaccounts),
      kind: webhook.kind,
      name: webhook.name,
      target: webhook.target,
      events: JSON.stringify(webhook.events),
      active: webhook.active,
      inactive_reason: null,
      sealed_secrets: webhook.sealedSecrets,
      changed_in_version: WEBHOOK_VERSION,
      created_at_ms: clock,
    })
    .execute();
  await transaction
    .insertInto("webhook_lanes")
    .values({
      id: webhook.id,
      webhook_id: webhook.id,
      kind: "live",
      start_position: position,
      position,
      end_position: webhook.active ? null : position,
      created_at_ms: clock,
    })
    .execute();
  return "created";
}

/** With what its live lane knows of its success. */
function select(db: Pick<StateDatabase["db"], "selectFrom">, scope: WebhookScope) {
  let query = db
    .selectFrom("webhooks")
    .innerJoin("webhook_lanes", "webhook_lanes.id", "webhooks.id")
    .selectAll("webhooks")
    .select(["webhook_lanes.last_successful_at_ms", "webhook_lanes.last_failure_at_ms"]);
  if (scope === "all") return query;
  query = query.where("webhooks.subaccount_id", "=", scope.owner);
  return scope.onlyOwn ? query.where(sql<boolean>`not webhooks.all_subaccounts`) : query;
}

async function countOf(transaction: StateTransaction, owner: SubaccountId): Promise<number> {
  const { count } = await transaction
    .selectFrom("webhooks")
    .select(({ fn }) => fn.countAll().as("count"))
    .where("subaccount_id", "=", owner)
    .executeTakeFirstOrThrow();
  return Number(count);
}

function toColumns(change: WebhookChange) {
  const { name, target, events, active, exceptionSubaccounts, sealedSecrets } = change;
  return {
    ...(name !== undefined && { name }),
    ...(target !== undefined && { target }),
    ...(events !== undefined && { events: JSON.stringify(events) }),
    ...(active !== undefined && { active, inactive_reason: null }),
    ...(exceptionSubaccounts !== undefined && {
      exception_subaccounts: JSON.stringify(exceptionSubaccounts),
    }),
    ...(sealedSecrets !== undefined && { sealed_secrets: sealedSecrets }),
  };
}

/** To be noticed by whoever delivers it. */
export async function touchWebhook(transaction: StateTransaction, id: string): Promise<void> {
  await bumpWebhookVersion(transaction);
  await transaction
    .updateTable("webhooks")
    .set({ changed_in_version: WEBHOOK_VERSION })
    .where("id", "=", id)
    .execute();
}

/** What waits for another attempt is tried at once. */
export async function makeDue(transaction: StateTransaction, id: string): Promise<void> {
  await transaction
    .updateTable("webhook_lanes")
    .set({ next_attempt_at_ms: 0 })
    .where("webhook_id", "=", id)
    .execute();
}

/** The webhook goes off: what is stored behind this position came while it was, and is not sent when it goes on. */
export async function endLiveLane(
  transaction: StateTransaction,
  id: string,
  position: number,
): Promise<void> {
  await transaction
    .updateTable("webhook_lanes")
    .set({ end_position: position })
    .where("id", "=", id)
    // Off is off: a request that was under way then may have switched it off, too.
    .where("end_position", "is", null)
    .execute();
}

/**
 * The webhook goes on behind a position. What it had not been sent when it went off follows as a replay, the batch under
 * way with its id.
 */
async function goOnBehind(
  transaction: StateTransaction,
  { clock }: StateDatabase,
  { id, position }: { readonly id: string; readonly position: number },
): Promise<void> {
  const lanes = await transaction
    .selectFrom("webhook_lanes")
    .select(["id", "worker", "position", "end_position", "attempts", ...BATCH_COLUMNS])
    .where("webhook_id", "=", id)
    .where("finished_at_ms", "is", null)
    .execute();
  const live = lanes.find((lane) => lane.id === id);
  if (live === undefined) return;
  const { worker, end_position, batch_id, batch_last, batch_interest, attempts } = live;
  const backlogEnd = Math.max(live.position, end_position ?? 0, batch_last ?? 0);
  const hasBacklog = backlogEnd > live.position;
  // Then it goes on where it was: what came while it was off is sent, but nothing is lost, and nobody is kept off.
  const isFull = hasBacklog && lanes.length > UNFINISHED_AT_MOST;
  if (hasBacklog && !isFull) {
    await transaction
      .insertInto("webhook_lanes")
      .values({
        id: randomUUID(),
        webhook_id: id,
        kind: "replay",
        worker,
        start_position: live.position,
        position: live.position,
        end_position: backlogEnd,
        batch_id,
        batch_last,
        batch_interest,
        attempts,
        created_at_ms: clock,
      })
      .execute();
  }
  await transaction
    .updateTable("webhook_lanes")
    .set({
      end_position: null,
      ...(isFull ? {} : { ...NO_BATCH, position: Math.max(position, backlogEnd) }),
    })
    .where("id", "=", id)
    .execute();
}

function toWebhook(row: WebhookRow): StoredWebhook {
  return {
    id: row.id,
    subaccountId: row.subaccount_id,
    allSubaccounts: Boolean(row.all_subaccounts),
    exceptionSubaccounts: JSON.parse(row.exception_subaccounts) as number[],
    kind: row.kind,
    name: row.name,
    target: row.target,
    events: JSON.parse(row.events) as string[],
    active: Boolean(row.active),
    inactiveReason: row.inactive_reason ?? undefined,
    sealedSecrets: row.sealed_secrets,
    createdAtMs: row.created_at_ms,
    lastSuccessfulAtMs: row.last_successful_at_ms ?? undefined,
    lastFailureAtMs: row.last_failure_at_ms ?? undefined,
  };
}
