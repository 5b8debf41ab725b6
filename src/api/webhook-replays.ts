/** Batches that failed, those that were delivered last, and what is sent again. */
import { randomUUID } from "node:crypto";

import { type Static, Type } from "typebox";

import { AppError } from "../domain/errors.ts";
import { parseEventId } from "../domain/event.ts";
import type { WebhookKind } from "../webhooks/webhook.ts";
import { choicesParameter, invalid, numberParameter, timeParameter } from "./query.ts";
import { type Call, type Reply, type Route, results, route, routeWithBody } from "./route.ts";
import {
  type EventPositions,
  findWebhook,
  WEBHOOK_ID,
  type WebhookRecord,
  type WebhookStore,
  writeScope,
} from "./webhooks.ts";

const BATCH_STATES = ["failing", "delivered", "dead"] as const;
type BatchState = (typeof BATCH_STATES)[number];

export interface WebhookReplayStore {
  listBatches(
    webhookId: string,
    filter: { readonly state?: BatchState; readonly withinMs: number; readonly limit: number },
  ): Promise<
    readonly {
      readonly id: string;
      readonly state: BatchState;
      readonly attempts: number;
      readonly responseCode: number | undefined;
      readonly failureCode: string | undefined;
      readonly latencyMs: number;
      readonly attemptedAtMs: number;
    }[]
  >;
  /** The last ones, the newest first. */
  listDeliveries(webhookId: string): Promise<
    readonly {
      readonly id: string;
      readonly events: number;
      readonly attempts: number;
      readonly status: number;
      readonly latencyMs: number;
      readonly deliveredAtMs: number;
    }[]
  >;
  startReplay(
    webhookId: string,
    replay: { readonly id: string; readonly range: ReplayRange; readonly atMost: number },
  ): Promise<"started" | "full" | "no_batch">;
  listReplays(webhookId: string): Promise<readonly Replay[]>;
  removeReplay(webhookId: string, id: string): Promise<boolean>;
}

type ReplayRange =
  | { readonly kind: "since"; readonly position: number; readonly sinceMs?: number | undefined }
  | { readonly kind: "batch"; readonly batchId: string };

interface Replay {
  readonly id: string;
  readonly startPosition: number;
  readonly position: number;
  readonly endPosition: number;
  readonly isUnderWay: boolean;
  readonly failedAttempts: number;
  readonly sentBatches: number;
  readonly sentEvents: number;
  readonly deadBatches: number;
  readonly createdAtMs: number;
  readonly finishedAtMs: number | undefined;
}

export interface WebhookReplayDeps {
  readonly webhooks: Pick<WebhookStore, "find">;
  readonly webhookReplays: WebhookReplayStore;
  readonly positions: Readonly<Record<WebhookKind, EventPositions>>;
}

const PATH = "/api/v1/webhooks/:id";
const DAY_MS = 86_400_000;
/** SparkPost's. */
const STATUS_SHOWN_MS = DAY_MS;
const DEAD_SHOWN_MS = 30 * DAY_MS;
const REPLAYS_PER_WEBHOOK = 5;

const BATCH = Type.Object(
  {
    batch_id: Type.String(),
    ts: Type.String({ format: "date-time", description: "Of the last attempt." }),
    attempts: Type.Integer({ minimum: 1 }),
    state: Type.Enum([...BATCH_STATES], {
      description: "`failing`: it will be tried again. `dead`: it was given up, and can be replayed.",
    }),
    response_code: Type.Optional(Type.String()),
    failure_code: Type.Optional(Type.String()),
    latency: Type.Integer({ minimum: 0, description: "Milliseconds." }),
    events: Type.Optional(Type.Integer({ minimum: 1, description: "With `state=delivered`." })),
  },
  { additionalProperties: false },
);
const REPLAY_BODY = Type.Object({
  from: Type.Optional(
    Type.String({
      description: "Everything from this time on, as 2026-11-22T21:00:00Z.",
      example: "2026-11-22T21:00:00Z",
    }),
  ),
  event_id: Type.Optional(Type.String({ description: "Everything stored since this event, and it too." })),
  batch_id: Type.Optional(Type.String({ description: "One batch that was given up." })),
});
const REPLAY = Type.Object(
  {
    id: Type.String({ description: "Its batches carry it as `X-Waypost-Replay`." }),
    status: Type.Enum(["queued", "running", "retrying", "finished"]),
    progress: Type.Integer({
      minimum: 0,
      maximum: 100,
      description: "Percent of the events looked through.",
    }),
    sent_batches: Type.Integer({ minimum: 0 }),
    sent_events: Type.Integer({ minimum: 0 }),
    dead_batches: Type.Integer({ minimum: 0 }),
    created_at: Type.String({ format: "date-time" }),
    finished_at: Type.Optional(Type.String({ format: "date-time" })),
  },
  { additionalProperties: false },
);

export function webhookReplayRoutes(deps: WebhookReplayDeps): readonly Route[] {
  const base = { tag: "Webhooks", params: [WEBHOOK_ID], failures: [404] } as const;
  return [
    route({
      ...base,
      method: "GET",
      url: `${PATH}/batch-status`,
      grant: "webhooks/view",
      summary: "Show how batches fared",
      description:
        "Of the last 24 hours those that failed, whether or not they arrived later; those that were given up stay for 30 days with `state=dead`. With `state=delivered` the last 20 that arrived, also those that arrived at once. The last attempted first.",
      query: [
        { name: "limit", description: "1 to 10000; 1000 when absent" },
        { name: "state", description: `${BATCH_STATES.join(", ")}; all of them when absent` },
      ],
      replies: { 200: Type.Object({ results: Type.Array(BATCH) }, { additionalProperties: false }) },
      handle: (call) => listBatches(call, deps),
    }),
    routeWithBody({
      ...base,
      method: "POST",
      url: `${PATH}/replay`,
      grant: "webhooks/modify",
      summary: "Send events again",
      description:
        "From a time, from an event, or one dead batch; up to what the webhook had been sent when this was asked. Live events go first. Events keep their ids, a dead batch keeps its own, other batches get new ones.",
      body: REPLAY_BODY,
      audited: ["from", "event_id", "batch_id"],
      failures: [404, 409],
      replies: {
        200: Type.Object({
          results: Type.Object({ id: Type.String(), status: Type.String() }, { additionalProperties: false }),
        }),
      },
      handle: (call) => start(call, call.body, deps),
    }),
    route({
      ...base,
      method: "GET",
      url: `${PATH}/replays`,
      grant: "webhooks/view",
      summary: "List replays",
      description: "The newest first. A finished one stays for a week.",
      replies: { 200: Type.Object({ results: Type.Array(REPLAY) }, { additionalProperties: false }) },
      handle: async (call) => {
        const { id } = await findWebhook(call, deps.webhooks);
        return results((await deps.webhookReplays.listReplays(id)).map(toWire));
      },
    }),
    route({
      ...base,
      method: "DELETE",
      url: `${PATH}/replays/:replay`,
      grant: "webhooks/modify",
      summary: "Take a replay back",
      params: [WEBHOOK_ID, { name: "replay", description: "The replay's id" }],
      replies: { 204: undefined },
      handle: (call) => remove(call, deps),
    }),
  ];
}

async function listBatches(call: Call, deps: WebhookReplayDeps): Promise<Reply> {
  const { id } = await findWebhook(call, deps.webhooks);
  const limit = numberParameter(call.query, "limit", { default: 1000, min: 1, max: 10_000 });
  const [state, ...more] = choicesParameter(call.query, "state", BATCH_STATES) ?? [];
  if (more.length > 0) throw invalid("state", `must be one of ${BATCH_STATES.join(", ")}`);
  if (state === "delivered") return listDeliveries(id, limit, deps);
  const withinMs = state === "dead" ? DEAD_SHOWN_MS : STATUS_SHOWN_MS;
  const batches = await deps.webhookReplays.listBatches(id, {
    withinMs,
    limit,
    ...(state === undefined ? {} : { state }),
  });
  return results(
    batches.map((batch) => ({
      batch_id: batch.id,
      ts: new Date(batch.attemptedAtMs).toISOString(),
      attempts: batch.attempts,
      state: batch.state,
      ...(batch.responseCode !== undefined && { response_code: String(batch.responseCode) }),
      ...(batch.failureCode !== undefined && { failure_code: batch.failureCode }),
      latency: batch.latencyMs,
    })),
  );
}

/** Not an answer of SparkPost's: there a batch that arrives at once leaves no trace. */
async function listDeliveries(id: string, limit: number, deps: WebhookReplayDeps): Promise<Reply> {
  const deliveries = await deps.webhookReplays.listDeliveries(id);
  return results(
    deliveries.slice(0, limit).map((batch) => ({
      batch_id: batch.id,
      ts: new Date(batch.deliveredAtMs).toISOString(),
      attempts: batch.attempts,
      state: "delivered",
      response_code: String(batch.status),
      latency: batch.latencyMs,
      events: batch.events,
    })),
  );
}

async function start(call: Call, body: Static<typeof REPLAY_BODY>, deps: WebhookReplayDeps): Promise<Reply> {
  const webhook = await findWebhook(call, deps.webhooks, writeScope(call.tenant));
  const range = await rangeOf(body, webhook, deps);
  const id = randomUUID();
  const outcome = await deps.webhookReplays.startReplay(webhook.id, {
    id,
    range,
    atMost: REPLAYS_PER_WEBHOOK,
  });
  if (outcome === "full")
    throw new AppError(
      "resource_conflict",
      `At most ${REPLAYS_PER_WEBHOOK} replays may be under way at once`,
    );
  if (outcome === "no_batch")
    throw new AppError("not_found", `There is no dead batch ${body.batch_id?.slice(0, 100)}`);
  return { ...results({ id, status: "queued" }), audit: { facts: { replay_id: id } } };
}

async function rangeOf(
  { from, event_id: eventId, batch_id: batchId }: Static<typeof REPLAY_BODY>,
  webhook: WebhookRecord,
  { positions }: WebhookReplayDeps,
): Promise<ReplayRange> {
  if ([from, eventId, batchId].filter((given) => given !== undefined).length !== 1)
    throw new AppError("invalid_parameters", "Give one of from, event_id and batch_id");
  if (batchId !== undefined) return { kind: "batch", batchId };
  const stream = positions[webhook.kind];
  if (eventId !== undefined) {
    const visible = webhook.allSubaccounts ? "all" : [webhook.subaccountId];
    const position = parseEventId(eventId) === undefined ? undefined : await stream.ofEvent(eventId, visible);
    if (position === undefined) throw new AppError("not_found", `There is no event ${eventId.slice(0, 100)}`);
    return { kind: "since", position: position - 1 };
  }
  const sinceMs = timeParameter({ from: from ?? "" }, "from");
  if (sinceMs === undefined) throw invalid("from", "must be a time like 2026-11-22T21:00:00Z");
  const position = (await stream.since(sinceMs)) ?? (await stream.last());
  return { kind: "since", position, sinceMs };
}

async function remove(call: Call, deps: WebhookReplayDeps): Promise<Reply> {
  const { id } = await findWebhook(call, deps.webhooks, writeScope(call.tenant));
  const replay = call.params["replay"] ?? "";
  if (!(await deps.webhookReplays.removeReplay(id, replay)))
    throw new AppError("not_found", `Resource not found: ${replay}`);
  return { status: 204 };
}

function toWire(replay: Replay): Static<typeof REPLAY> {
  const { startPosition, position, endPosition, finishedAtMs } = replay;
  const length = endPosition - startPosition;
  return {
    id: replay.id,
    status: statusOf(replay),
    progress:
      finishedAtMs !== undefined || length <= 0
        ? 100
        : Math.floor((100 * (position - startPosition)) / length),
    sent_batches: replay.sentBatches,
    sent_events: replay.sentEvents,
    dead_batches: replay.deadBatches,
    created_at: new Date(replay.createdAtMs).toISOString(),
    ...(finishedAtMs !== undefined && { finished_at: new Date(finishedAtMs).toISOString() }),
  };
}

function statusOf({ finishedAtMs, failedAttempts, isUnderWay }: Replay): Static<typeof REPLAY>["status"] {
  if (finishedAtMs !== undefined) return "finished";
  if (failedAttempts > 0) return "retrying";
  return isUnderWay ? "running" : "queued";
}
