/** `waypost webhooks …`: webhooks of a running server. */
import { AppError } from "../domain/errors.ts";
import { plain, printFacts, printJson, printTable } from "./output.ts";
import { connect, field, listOf } from "./remote.ts";
import type { OutputOptions } from "./remote-domains.ts";

export interface CreateWebhookOptions extends OutputOptions {
  readonly name?: string;
  readonly events?: string;
}

export interface ReplayOptions extends OutputOptions {
  readonly from?: string;
  readonly event?: string;
}

const WEBHOOKS = "/api/v1/webhooks";

export async function createWebhook(target: string, options: CreateWebhookOptions): Promise<void> {
  const body = {
    name: options.name ?? target,
    target,
    events: (options.events ?? "click,open,initial_open,link_unsubscribe")
      .split(",")
      .map((one) => one.trim()),
  };
  const created = field(await connect(options).call("POST", WEBHOOKS, { body }), "results");
  if (options.json) return printJson(created);
  console.log(`Webhook ${plain(field(created, "id"))} is created, and its test was answered.`);
  const secret = field(created, "signing_secret");
  if (secret !== undefined) console.log(`Its signing secret, shown only now: ${plain(secret)}`);
}

export async function listWebhooks(options: OutputOptions): Promise<void> {
  const webhooks = listOf(await connect(options).call("GET", WEBHOOKS));
  if (options.json) return printJson(webhooks);
  printTable(
    webhooks,
    [
      { title: "ID", value: (webhook) => field(webhook, "id") },
      { title: "NAME", value: (webhook) => field(webhook, "name"), flexible: true },
      { title: "TARGET", value: (webhook) => field(webhook, "target"), flexible: true },
      { title: "ACTIVE", value: (webhook) => (field(webhook, "active") === false ? "no" : "yes") },
    ],
    "No webhooks yet. Create one with: waypost webhooks create https://example.com/hook",
  );
}

export async function showWebhook(id: string, options: OutputOptions): Promise<void> {
  const webhook = field(await connect(options).call("GET", pathOf(id)), "results");
  if (options.json) return printJson(webhook);
  printFacts(Object.entries(Object(webhook)).map(([name, value]) => [name, value] as const));
}

export async function removeWebhook(id: string, options: OutputOptions): Promise<void> {
  await connect(options).call("DELETE", pathOf(id));
  if (options.json) return printJson({ id, deleted: true });
  console.log(`Webhook ${plain(id)} is deleted: nothing more is sent to it.`);
}

/** Exit code 1 when the test is not answered as it should be. */
export async function testWebhook(id: string, options: OutputOptions): Promise<void> {
  const body = { message: { msys: {} } };
  const results = field(await connect(options).call("POST", `${pathOf(id)}/validate`, { body }), "results");
  if (options.json) return printJson(results);
  console.log(plain(field(results, "msg")));
  console.log(`HTTP status ${plain(field(field(results, "response"), "status"))}`);
}

export async function listBatches(id: string, options: OutputOptions): Promise<void> {
  const batches = listOf(await connect(options).call("GET", `${pathOf(id)}/batch-status`));
  if (options.json) return printJson(batches);
  printTable(
    batches,
    [
      { title: "TIME", value: (batch) => field(batch, "ts") },
      { title: "BATCH", value: (batch) => field(batch, "batch_id"), flexible: true },
      { title: "ATTEMPTS", value: (batch) => field(batch, "attempts") },
      { title: "RESPONSE", value: (batch) => field(batch, "response_code") ?? field(batch, "failure_code") },
    ],
    "No batches in the last 24 hours had to be tried again.",
  );
}

export async function replayWebhook(id: string, options: ReplayOptions): Promise<void> {
  if ((options.from === undefined) === (options.event === undefined)) {
    throw new AppError("invalid_parameters", "Name where to begin: --from TIME or --event ID");
  }
  const body = options.from === undefined ? { event_id: options.event } : { from: options.from };
  const results = field(await connect(options).call("POST", `${pathOf(id)}/replay`, { body }), "results");
  if (options.json) return printJson(results);
  printFacts(Object.entries(Object(results)).map(([name, value]) => [name, value] as const));
}

function pathOf(id: string): string {
  return `${WEBHOOKS}/${encodeURIComponent(id)}`;
}
