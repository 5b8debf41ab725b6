/** The tables of webhooks and of operational events. */
import type { Generated } from "kysely";

import type { OperationalKind } from "../domain/operational-event.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { WebhookKind } from "../webhooks/webhook.ts";
import type { SqlBoolean } from "./state-database.ts";

export interface WebhooksTable {
  id: string;
  subaccount_id: SubaccountId;
  all_subaccounts: SqlBoolean;
  /** A JSON array of numbers. */
  exception_subaccounts: string;
  kind: WebhookKind;
  name: string;
  target: string;
  /** A JSON array of strings. */
  events: string;
  active: SqlBoolean;
  inactive_reason: string | null;
  sealed_secrets: string;
  changed_in_version: number;
  created_at_ms: number;
}

interface WebhookVersionTable {
  id: number;
  version: number;
}

interface WebhookWorkersTable {
  id: string;
  machine: string;
  lease_until_ms: number;
}

export interface WebhookLanesTable {
  id: string;
  webhook_id: string;
  kind: "live" | "replay";
  worker: string | null;
  start_position: number;
  position: number;
  /** Of a live lane: where the stream ended when the webhook was switched off. */
  end_position: number | null;
  since_ms: number | null;
  batch_id: string | null;
  batch_last: number | null;
  /** An interest as JSON. */
  batch_interest: string | null;
  attempts: Generated<number>;
  next_attempt_at_ms: Generated<number>;
  sent_batches: Generated<number>;
  sent_events: Generated<number>;
  dead_batches: Generated<number>;
  last_successful_at_ms: number | null;
  last_failure_at_ms: number | null;
  created_at_ms: number;
  finished_at_ms: number | null;
  /** `last-deliveries.ts`. */
  last_deliveries: Generated<string>;
}

export interface WebhookBatchesTable {
  id: string;
  webhook_id: string;
  position: number;
  last_position: number;
  /** An interest as JSON. */
  interest: string;
  state: "failing" | "delivered" | "dead";
  attempts: number;
  response_code: number | null;
  failure_code: string | null;
  latency_ms: number;
  attempted_at_ms: number;
}

interface OperationalEventsTable {
  id: number;
  kind: OperationalKind;
  subject: string;
  subaccount_id: SubaccountId;
  at_ms: number;
  /** A JSON object. */
  fields: string;
}

export interface WebhookTables {
  webhooks: WebhooksTable;
  webhook_version: WebhookVersionTable;
  webhook_workers: WebhookWorkersTable;
  webhook_lanes: WebhookLanesTable;
  webhook_batches: WebhookBatchesTable;
  operational_events: OperationalEventsTable;
}
