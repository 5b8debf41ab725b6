/** `waypost webhooks …`: webhooks of a running server. */
import { AppError } from "../domain/errors.ts";
import { EVENT_TYPES } from "../domain/event.ts";
import { OPERATIONAL_KINDS } from "../domain/operational-event.ts";
import { confirmByName } from "./confirm.ts";
import { type Column, plain, printFacts, printJson, printTable } from "./output.ts";
import { connect, field, listOf } from "./remote.ts";
import type { OutputOptions } from "./remote-domains.ts";
import { readSecrets, withoutSecrets } from "./secrets-file.ts";
import { BATCH_WORDS, REPLAY_WORDS, webhookWord, whoseEvents, wordFor } from "./state-words.ts";
import { parseTime } from "./time-ago.ts";

export interface CreateWebhookOptions extends OutputOptions {
  readonly name?: string;
  readonly events?: string;
  readonly operational?: true;
  readonly secrets?: string;
}

export interface UpdateWebhookOptions extends OutputOptions {
  readonly name?: string;
  readonly target?: string;
  readonly events?: string;
  readonly active?: "yes" | "no";
  readonly secrets?: string;
}

export interface ReplayOptions extends OutputOptions {
  readonly from?: string;
  readonly event?: string;
  readonly batch?: string;
}

const WEBHOOKS = "/api/v1/webhooks";
/** A target may take its ten seconds, and so may its authorization server. */
const TEST_TIMEOUT_MS = 60_000;

const WEBHOOK_COLUMNS: readonly Column<unknown>[] = [
  { title: "ID", value: (webhook) => field(webhook, "id") },
  { title: "STATE", value: webhookWord },
  { title: "NAME", value: (webhook) => field(webhook, "name"), flexible: true },
  { title: "TARGET", value: (webhook) => field(webhook, "target"), flexible: true },
  { title: "WHOSE EVENTS", value: whoseEvents, flexible: true },
];
const BATCH_COLUMNS: readonly Column<unknown>[] = [
  { title: "BATCH", value: (batch) => field(batch, "batch_id") },
  { title: "STATE", value: (batch) => wordFor(field(batch, "state"), BATCH_WORDS) },
  { title: "ATTEMPTS", value: (batch) => field(batch, "attempts") },
  {
    title: "ANSWER",
    value: (batch) => field(batch, "response_code") ?? field(batch, "failure_code"),
    flexible: true,
  },
  { title: "LAST ATTEMPT", value: (batch) => timeInWords(field(batch, "ts")), flexible: true },
];
const DELIVERY_COLUMNS: readonly Column<unknown>[] = [
  { title: "BATCH", value: (batch) => field(batch, "batch_id") },
  { title: "EVENTS", value: (batch) => field(batch, "events") },
  { title: "ATTEMPTS", value: (batch) => field(batch, "attempts") },
  { title: "ANSWER", value: (batch) => field(batch, "response_code"), flexible: true },
  { title: "MS", value: (batch) => field(batch, "latency"), flexible: true },
  { title: "ARRIVED", value: (batch) => timeInWords(field(batch, "ts")), flexible: true },
];
const REPLAY_COLUMNS: readonly Column<unknown>[] = [
  { title: "REPLAY", value: (replay) => field(replay, "id") },
  {
    title: "STATUS",
    value: (replay) => wordFor(field(replay, "status"), REPLAY_WORDS),
    flexible: true,
  },
  { title: "DONE", value: (replay) => `${plain(field(replay, "progress"))} %` },
  { title: "EVENTS", value: (replay) => field(replay, "sent_events") },
  { title: "DEAD", value: (replay) => field(replay, "dead_batches"), flexible: true },
];

export async function createWebhook(target: string, options: CreateWebhookOptions): Promise<void> {
  const kind = options.operational ? "operational" : "events";
  const body = {
    name: options.name ?? target,
    target,
    kind,
    events: parseList(options.events) ?? (options.operational ? OPERATIONAL_KINDS : EVENT_TYPES),
    ...(await readSecrets(options.secrets)),
  };
  const reply = await connect(options).call("POST", WEBHOOKS, { body, timeoutMs: TEST_TIMEOUT_MS });
  const created = field(reply, "results");
  if (options.json) return printJson(created);
  console.log(`Webhook ${plain(field(created, "id"))} is created, and its target has answered the test.`);
  console.log(`Its signing secret, shown only now: ${plain(field(created, "signing_secret"))}`);
}

export async function listWebhooks(options: OutputOptions): Promise<void> {
  const webhooks = listOf(await connect(options).call("GET", WEBHOOKS));
  if (options.json) return printJson(webhooks);
  printTable(
    webhooks,
    WEBHOOK_COLUMNS,
    "No webhooks yet. Create one with: waypost webhooks create https://example.com/hook",
  );
}

export async function showWebhook(id: string, options: OutputOptions): Promise<void> {
  const webhook = field(await connect(options).call("GET", pathOf(id)), "results");
  if (options.json) return printJson(webhook);
  const events = field(webhook, "events");
  const headers = Object.keys(Object(field(webhook, "custom_headers")));
  printFacts([
    ["Id", field(webhook, "id")],
    ["Name", field(webhook, "name")],
    ["Target", field(webhook, "target")],
    ["State", webhookWord(webhook)],
    ["Kind", field(webhook, "kind")],
    ["Events", Array.isArray(events) ? events.join(", ") : undefined],
    ["Authentication", field(webhook, "auth_type")],
    ["Custom headers", headers.join(", ")],
    ["Whose events", whoseEvents(webhook)],
    ["Last delivery", field(webhook, "last_successful")],
    ["Last failure", field(webhook, "last_failure")],
  ]);
}

export async function updateWebhook(id: string, options: UpdateWebhookOptions): Promise<void> {
  const { name, target, active } = options;
  const events = parseList(options.events);
  const body = {
    ...(name !== undefined && { name }),
    ...(target !== undefined && { target }),
    ...(events !== undefined && { events }),
    ...(active !== undefined && { active: active === "yes" }),
    ...(await readSecrets(options.secrets)),
  };
  if (Object.keys(body).length === 0)
    throw new AppError(
      "invalid_parameters",
      "Name what changes: --name, --target, --events, --active or --secrets",
    );
  await connect(options).call("PUT", pathOf(id), { body, timeoutMs: TEST_TIMEOUT_MS });
  if (options.json) return printJson({ id, ...withoutSecrets(body) });
  console.log(`Webhook ${plain(id)} is changed.`);
}

export async function removeWebhook(
  id: string,
  options: OutputOptions & { readonly yes?: true },
): Promise<void> {
  const remote = connect(options);
  if (!options.yes) await confirmByName(id, "nothing more is sent, also nothing of what waits.");
  await remote.call("DELETE", pathOf(id));
  if (options.json) return printJson({ id, deleted: true });
  console.log(`Webhook ${plain(id)} is deleted: nothing more is sent.`);
}

/** Exit code 1 when the test is not answered as it should be. */
export async function testWebhook(id: string, options: OutputOptions): Promise<void> {
  const path = `${pathOf(id)}/validate`;
  const reply = await connect(options).call("POST", path, { timeoutMs: TEST_TIMEOUT_MS });
  const results = field(reply, "results");
  if (options.json) return printJson(results);
  console.log(`The target has answered with ${plain(field(field(results, "response"), "status"))}.`);
}

export async function listBatches(
  id: string,
  options: OutputOptions & { readonly dead?: true; readonly delivered?: true },
): Promise<void> {
  const [query, empty] = options.delivered
    ? [{ state: "delivered" }, "No batch has arrived yet."]
    : options.dead
      ? [{ state: "dead" }, "No batch was given up."]
      : [{}, "No batch has failed in the last 24 hours. See what arrived with --delivered."];
  const batches = listOf(await connect(options).call("GET", `${pathOf(id)}/batch-status`, { query }));
  if (options.json) return printJson(batches);
  printTable(batches, options.delivered ? DELIVERY_COLUMNS : BATCH_COLUMNS, empty);
}

export async function replayWebhook(id: string, options: ReplayOptions): Promise<void> {
  const { from, event, batch } = options;
  if ([from, event, batch].filter((given) => given !== undefined).length !== 1)
    throw new AppError(
      "invalid_parameters",
      "Name what is sent again: --from TIME, --event ID or --batch ID",
    );
  const body = {
    ...(from !== undefined && { from: parseTime(from, Date.now()) }),
    ...(event !== undefined && { event_id: event }),
    ...(batch !== undefined && { batch_id: batch }),
  };
  const results = field(await connect(options).call("POST", `${pathOf(id)}/replay`, { body }), "results");
  if (options.json) return printJson(results);
  console.log(
    `Replay ${plain(field(results, "id"))} begins. See it with: waypost webhooks replays ${plain(id)}`,
  );
}

export async function listReplays(id: string, options: OutputOptions): Promise<void> {
  const replays = listOf(await connect(options).call("GET", `${pathOf(id)}/replays`));
  if (options.json) return printJson(replays);
  printTable(replays, REPLAY_COLUMNS, "Nothing was sent again in the last week.");
}

export async function rotateSecret(
  id: string,
  options: OutputOptions & { readonly overlap?: string },
): Promise<void> {
  const query = { overlap_hours: options.overlap };
  const results = field(
    await connect(options).call("POST", `${pathOf(id)}/rotate-secret`, { query }),
    "results",
  );
  if (options.json) return printJson(results);
  console.log(`The new signing secret, shown only now: ${plain(field(results, "signing_secret"))}`);
  const until = field(results, "previous_valid_until");
  console.log(
    until === undefined
      ? "The old one is not used any more."
      : `The old one signs too until ${plain(until)}.`,
  );
}

function parseList(text: string | undefined): readonly string[] | undefined {
  return text?.split(",").map((entry) => entry.trim());
}

function timeInWords(time: unknown): string {
  return plain(time).slice(0, 19).replace("T", " ");
}

function pathOf(id: string): string {
  return `${WEBHOOKS}/${encodeURIComponent(id)}`;
}
