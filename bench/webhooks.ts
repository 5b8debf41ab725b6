/**
 * `npm run bench:webhooks -- [EVENTS] [WEBHOOKS]`: how fast stored events reach receivers, by the code that `waypost serve`
 * runs. SQLite in a temporary folder, or the database at WAYPOST_TEST_DATABASE_URL, which should be one that syncs to
 * disk. First one webhook has everything to deliver, then so many at once, with what they cost the store. The receivers
 * are a process of their own on loopback.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { loadConfig } from "../src/config.ts";
import { newMessageId } from "../src/domain/message-id.ts";
import { PrivacyRules } from "../src/events/privacy-rules.ts";
import type { RecordedEvent } from "../src/events/recorded-event.ts";
import { createLogger } from "../src/ops/logger.ts";
import { openStore, type Store, type StoreLocation } from "../src/store/open-store.ts";
import { createKeyRing } from "../src/token/key-ring.ts";
import { privacyKeys } from "../src/token/pseudonym.ts";
import { WebhookParts } from "../src/webhook-parts.ts";
import { newSigningSecret } from "../src/webhooks/signature.ts";
import { createSecretBox } from "../src/webhooks/webhook-secrets.ts";
import { createTestDatabase } from "../test/postgres.ts";

const MASTER_SECRET = "a-master-secret-for-the-bench-long-enough";
const APPEND_BATCH = 5000;

if (process.send === undefined) await main();
else await receive();

async function main(): Promise<void> {
  const count = Number(process.argv[2] ?? 200_000);
  const many = Number(process.argv[3] ?? 50);
  const isPostgres = (process.env["WAYPOST_TEST_DATABASE_URL"] ?? "") !== "";
  const folder = mkdtempSync(join(tmpdir(), "waypost-bench-webhooks-"));
  const database = isPostgres ? await createTestDatabase() : undefined;
  const location: StoreLocation = database
    ? { kind: "postgres", url: database.url }
    : { kind: "sqlite", dir: folder };
  const store = await openStore(location);
  const receiver = fork(import.meta.filename, []);
  try {
    const [url] = (await once(receiver, "message")) as [string];
    console.log(`${count} events, ${isPostgres ? "PostgreSQL" : "SQLite"}`);
    await fill(store, count);
    await measure(store, { url, receiver, webhooks: 1, events: count });
    await measure(store, { url, receiver, webhooks: many, events: Math.min(count, 50_000) });
  } finally {
    receiver.kill();
    await store.close();
    await database?.drop();
    rmSync(folder, { recursive: true });
  }
}

async function fill(store: Store, count: number): Promise<void> {
  const startMs = Date.now() - count;
  for (let n = 0; n < count; n += APPEND_BATCH) {
    const size = Math.min(APPEND_BATCH, count - n);
    await store.events.append(Array.from({ length: size }, (_, k) => event(n + k, startMs + n + k)));
  }
}

/** With all that is known of a message: what a batch's entry costs to make depends on it. */
function event(n: number, timestampMs: number): RecordedEvent {
  const isClick = n % 3 === 0;
  return {
    eventId: BigInt(n + 1),
    type: isClick ? "click" : "open",
    timestampMs,
    subaccountId: n % 20,
    messageId: newMessageId(),
    rcptTo: `recipient.${(n * 7919) % 1_000_003}@mail${n % 97}.example.com`,
    sentAtSeconds: Math.floor(timestampMs / 1000) - (n % 90_000),
    trackingDomain: `click.customer${n % 50}.example`,
    ...(isClick && {
      targetLinkUrl: `https://www.shop.example/products/${n % 1000}?utm_source=newsletter&utm_medium=email`,
      targetLinkName: "Shop now",
    }),
    ipAddress: `198.51.${(n >> 8) % 256}.${n % 256}`,
    userAgent:
      "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    acceptLanguage: "en-GB,en;q=0.9",
    geoIp: { country: "NL" },
    facts: {
      transmissionId: String(165_832_150_921_904_000 + (n >> 10)),
      campaignId: `campaign-${n % 12}`,
      templateId: "newsletter",
      templateVersion: "3",
      subject: "Boots for the rain, and a coat for the wind",
      friendlyFrom: "Boots <news@example.net>",
      sendingDomain: "example.net",
      ipPool: "marketing",
      msgSize: 20_480,
      rcptMeta: { customer: `c-${n}`, segment: "autumn" },
      rcptTags: ["newsletter"],
      openTracking: true,
      clickTracking: true,
      initialOpen: true,
      ampEnabled: false,
    },
    classification: { isPrefetched: false, isProxy: false, isBot: false, reasons: [] },
  };
}

interface Measured {
  readonly url: string;
  readonly receiver: ChildProcess;
  readonly webhooks: number;
  /** The last of those stored. */
  readonly events: number;
}

async function measure(store: Store, { url, receiver, webhooks, events }: Measured): Promise<void> {
  const last = await store.events.lastPosition();
  for (let n = 0; n < webhooks; n += 1) await addWebhook(store, url, last - events);
  let reads = 0;
  const counting: Store = {
    ...store,
    events: {
      ...store.events,
      readAfter: (position, limit) => {
        reads += 1;
        return store.events.readAfter(position, limit);
      },
      readAt: (positions) => {
        reads += 1;
        return store.events.readAt(positions);
      },
    },
  };
  const { config } = loadConfig({ environment: {}, flags: { probePrivate: "allow" } });
  const parts = new WebhookParts({ config, store: counting, masterSecret: MASTER_SECRET });
  const goal = webhooks * events;
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const deliverer = parts.startDelivering({
    machine: "bench",
    privacy: new PrivacyRules({
      store: store.privacy,
      keys: privacyKeys(createKeyRing()),
      installation: "full",
    }),
    record: () => undefined,
    log: createLogger({ level: "warn", terminal: false, part: "bench" }),
  });
  while (parts.counts.events() < goal) await sleep(10);
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  await deliverer.stop();
  await parts.stop();
  receiver.send("count");
  const [received] = (await once(receiver, "message")) as [number];
  for (const { id } of await store.webhooks.list("all")) await store.webhooks.remove(id, "all");
  console.log(
    `${webhooks} webhook${webhooks === 1 ? "" : "s"}: ${Math.round(goal / seconds)} events/s (${received} received in ${seconds.toFixed(1)} s), ` +
      `${reads} reads of the store, ${((user + system) / goal).toFixed(1)} us CPU an event`,
  );
}

async function addWebhook(store: Store, target: string, position: number): Promise<void> {
  const id = crypto.randomUUID();
  const webhook = {
    id,
    subaccountId: 0,
    allSubaccounts: true,
    exceptionSubaccounts: [],
    kind: "events",
    name: "bench",
    target,
    events: ["click", "open"],
    active: true,
    sealedSecrets: createSecretBox(MASTER_SECRET).seal(id, {
      auth: { type: "none" },
      customHeaders: {},
      signing: { current: newSigningSecret() },
    }),
  } as const;
  await store.webhooks.create(webhook, position, 1_000_000);
}

/** The other process: takes everything, and counts entries. */
async function receive(): Promise<void> {
  let received = 0;
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      received += Buffer.concat(chunks).toString("latin1").split('{"msys"').length - 1;
      response.end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  process.on("message", () => {
    process.send?.(received);
    received = 0;
  });
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}
