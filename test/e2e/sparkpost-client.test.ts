/** SparkPost's own client for Node, as its users have it, driven against a running server. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { type TestContext, test } from "node:test";

import { createTestDatabase } from "../postgres.ts";
import { startReceiver } from "../webhooks/receiver.ts";
import { createInstallation } from "./waypost-process.ts";
import { KEY, until, wrappedLink } from "./wrapped-link.ts";

/** The package has no types: this is what its documentation shows. */
interface SparkPostClient {
  readonly webhooks: {
    list(options?: object): Promise<{ results: Webhook[] }>;
    get(id: string, options?: object): Promise<{ results: Webhook }>;
    create(webhook: object): Promise<{ results: { id: string; links: object[] } }>;
    update(id: string, webhook: object): Promise<{ results: { id: string } }>;
    delete(id: string): Promise<unknown>;
    validate(
      id: string,
      options: object,
    ): Promise<{ results: { msg: string; response: { status: number } } }>;
    getBatchStatus(id: string, options?: object): Promise<{ results: object[] }>;
    getDocumentation(): Promise<{ results: Record<string, { events: Record<string, object> }> }>;
    getSamples(options?: object): Promise<{ results: { msys: Record<string, { type: string }> }[] }>;
  };
  readonly events: {
    searchMessage(parameters: object): Promise<{ results: Event[]; total_count: number; links: object }>;
  };
}

interface Webhook {
  readonly id: string;
  readonly name: string;
  readonly target: string;
  readonly events: readonly string[];
  readonly last_successful?: string;
}

interface Event {
  readonly type: string;
  readonly event_id: string;
  readonly message_id: string;
}

const SparkPost = createRequire(import.meta.url)("sparkpost") as new (
  key: string,
  options: { readonly origin: string },
) => SparkPostClient;

for (const database of ["SQLite", "PostgreSQL"] as const) {
  test(`the official client manages webhooks and reads events, and its webhook gets them (${database})`, async (t) => {
    const { waypost, client } = await setUp(t, database);
    const target = await startReceiver();
    t.after(() => target[Symbol.asyncDispose]());

    const { results: created } = await client.webhooks.create({
      name: "Example webhook",
      target: target.url,
      auth_type: "none",
      events: ["delivery", "injection", "open", "click"],
    });
    const { id } = created;
    assert.equal(created.links.length, 1);
    const { results: listed } = await client.webhooks.list({ timezone: "America/New_York" });
    assert.deepEqual(
      listed.map((webhook) => [webhook.id, webhook.name]),
      [[id, "Example webhook"]],
    );
    const { results: validated } = await client.webhooks.validate(id, { message: { msys: {} } });
    assert.deepEqual([validated.msg, validated.response.status], ["Test POST to endpoint succeeded", 200]);
    await client.webhooks.update(id, { name: "Renamed", events: ["click"] });
    const { results: updated } = await client.webhooks.get(id);
    assert.deepEqual([updated.name, updated.events, updated.target], ["Renamed", ["click"], target.url]);

    const { link, messageId } = await wrappedLink(waypost);
    assert.equal((await waypost.visit(link)).status, 302);
    await until(async () => target.deliveredIds().length === 1, "the click arrives at the webhook");
    const { results: found } = await client.events.searchMessage({ events: "click", messages: messageId });
    assert.deepEqual(
      found.map(({ event_id }) => event_id),
      target.deliveredIds(),
    );
    const [sent] = target.batches.flatMap(({ events }) => events);
    assert.deepEqual([sent?.["type"], sent?.["message_id"]], ["click", messageId]);
    assert.deepEqual(target.complaints, []);
    await until(
      async () => (await client.webhooks.get(id)).results.last_successful !== undefined,
      "its success is shown",
    );

    assert.deepEqual((await client.webhooks.getBatchStatus(id, { limit: 10 })).results, []);
    const { results: documented } = await client.webhooks.getDocumentation();
    assert.ok("click" in (documented["track_event"]?.events ?? {}));
    const { results: samples } = await client.webhooks.getSamples({ events: "open,click" });
    assert.deepEqual(
      samples.map(({ msys }) => msys["track_event"]?.type),
      ["open", "click"],
    );
    await client.webhooks.delete(id);
    await assert.rejects(client.webhooks.get(id), { statusCode: 404 });
  });
}

test("the official client shows why a webhook could not be created", async (t) => {
  const { client } = await setUp(t, "SQLite");
  const target = await startReceiver({ behave: (response) => response.writeHead(500).end("down") });
  t.after(() => target[Symbol.asyncDispose]());
  await assert.rejects(
    client.webhooks.create({ name: "Example webhook", target: target.url, events: ["click"] }),
    (error: Error & { statusCode: number; errors: { message: string; response: { body: string } }[] }) =>
      error.statusCode === 400 &&
      error.errors[0]?.message === "POST to webhook target URL failed" &&
      error.errors[0].response.body === "down",
  );
});

async function setUp(t: TestContext, database: "SQLite" | "PostgreSQL") {
  const shared = database === "PostgreSQL" ? await createTestDatabase() : undefined;
  t.after(() => shared?.drop());
  const installation = await createInstallation(t, {
    WAYPOST_API_KEY: KEY,
    WAYPOST_PROBE_PRIVATE: "allow",
    WAYPOST_WEBHOOK_BATCH_WAIT_MS: "50",
    ...(shared === undefined
      ? {}
      : {
          WAYPOST_DATABASE_URL: shared.url,
          WAYPOST_SECRET: "client-secret-that-is-long-enough-for-us",
        }),
  });
  const waypost = await installation.serve();
  const client = new SparkPost(KEY, { origin: `http://127.0.0.1:${installation.ports.api}` });
  return { waypost, client };
}
