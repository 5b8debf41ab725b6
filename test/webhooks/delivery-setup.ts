/** A store with webhooks and events in it, delivered to real receivers by as many deliverers as a test wants. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { MessageId } from "../../src/domain/message-id.ts";
import type { NewOperationalEvent } from "../../src/domain/operational-event.ts";
import { mayBecome } from "../../src/events/classifier.ts";
import type { StoredEvent } from "../../src/events/event-store.ts";
import { PrivacyRules } from "../../src/events/privacy-rules.ts";
import { bareRecord, type RecordedEvent } from "../../src/events/recorded-event.ts";
import { openStore, type Store, type StoreLocation } from "../../src/store/open-store.ts";
import type { NewWebhook } from "../../src/store/webhooks.ts";
import { createKeyRing } from "../../src/token/key-ring.ts";
import { privacyKeys } from "../../src/token/pseudonym.ts";
import { AccessTokens } from "../../src/webhooks/access-tokens.ts";
import { type DelivererOptions, startDeliverer } from "../../src/webhooks/deliverer.ts";
import { createEgress } from "../../src/webhooks/egress.ts";
import { type EventSource, renewed, type SourceEvent, sourceEvent } from "../../src/webhooks/event-source.ts";
import { createSender } from "../../src/webhooks/sender.ts";
import { newSigningSecret } from "../../src/webhooks/signature.ts";
import type { WebhookSecrets } from "../../src/webhooks/webhook.ts";
import { createSecretBox } from "../../src/webhooks/webhook-secrets.ts";
import type { Database } from "../api/harness.ts";
import { createTestDatabase } from "../postgres.ts";
import { type Receiver, type ReceiverOptions, startReceiver } from "./receiver.ts";

const MASTER_SECRET = "a-master-secret-for-tests-long-enough";
export const BOX = createSecretBox(MASTER_SECRET);
export const PRIVACY_KEYS = privacyKeys(createKeyRing());
const WITHIN_MS = 60_000;

export async function createPlace(t: TestContext, database: Database): Promise<StoreLocation> {
  if (database === "postgres") {
    const { url, drop } = await createTestDatabase();
    t.after(drop);
    return { kind: "postgres", url };
  }
  const dir = mkdtempSync(join(tmpdir(), "waypost-webhooks-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return { kind: "sqlite", dir };
}

export async function open(t: TestContext, location: StoreLocation): Promise<Store> {
  const store = await openStore(location);
  t.after(() => store.close());
  return store;
}

export async function receiver(t: TestContext, options: ReceiverOptions = {}): Promise<Receiver> {
  const started = await startReceiver(options);
  t.after(() => started[Symbol.asyncDispose]());
  return started;
}

/** Posts to the receiver from the present position on. */
export async function addWebhook(
  store: Store,
  target: string,
  over: Partial<NewWebhook> & { readonly secrets?: Partial<WebhookSecrets> } = {},
): Promise<string> {
  const id = over.id ?? `webhook-${Math.random().toString(36).slice(2)}`;
  const { secrets, ...rest } = over;
  const webhook: NewWebhook = {
    id,
    subaccountId: 0,
    allSubaccounts: true,
    exceptionSubaccounts: [],
    kind: "events",
    name: id,
    target,
    events: ["click", "open"],
    active: true,
    sealedSecrets: BOX.seal(id, {
      auth: { type: "none" },
      customHeaders: {},
      signing: { current: newSigningSecret() },
      ...secrets,
    }),
    ...rest,
  };
  const position = await store.events.lastPosition();
  assert.equal(await store.webhooks.create(webhook, position, 1000), "created");
  return id;
}

let lastEventId = 0n;

/** Stores so many events, and returns their ids. */
export async function addEvents(
  store: Store,
  count: number,
  over: Partial<RecordedEvent> = {},
): Promise<readonly string[]> {
  const events = Array.from({ length: count }, () => {
    lastEventId += 1n;
    return {
      ...bareRecord({
        eventId: lastEventId,
        type: "click",
        timestampMs: Date.now(),
        subaccountId: 0,
        messageId: "000443ee14578172be22" as MessageId,
        rcptTo: "recipient@example.com",
        sentAtSeconds: 0,
        trackingDomain: "click.example.com",
        targetLinkUrl: "https://www.example.com/boots",
      }),
      ...over,
    } satisfies RecordedEvent;
  });
  await store.events.append(events);
  return events.map(({ eventId }) => String(eventId));
}

function eventSource(store: Store): EventSource {
  return {
    readAfter: async (position, limit) => (await store.events.readAfter(position, limit)).map(toSource),
    readAgain: async (events) =>
      renewed(events, (await store.events.readAt(events.map(({ position }) => position))).map(toSource)),
    last: () => store.events.lastPosition(),
  };
}

function toSource({ position, event }: StoredEvent): SourceEvent {
  const other = mayBecome(event.type);
  const facts = {
    ...event,
    position,
    labels: `${event.type} ${event.classification.isBot}`,
    ...(other !== undefined && { mayBecome: other }),
  };
  return sourceEvent(facts, event, ({ eventId, type, timestampMs, subaccountId, classification }) =>
    JSON.stringify({
      msys: {
        [type === "link_unsubscribe" ? "unsubscribe_event" : "track_event"]: {
          type,
          event_id: String(eventId),
          timestamp: String(Math.floor(timestampMs / 1000)),
          subaccount_id: String(subaccountId),
          is_bot: classification.isBot,
        },
      },
    }),
  );
}

const NO_EVENTS: EventSource = {
  readAfter: async () => [],
  readAgain: async () => [],
  last: async () => 0,
};

export interface Delivery {
  readonly recorded: NewOperationalEvent[];
  readonly counted: { delivered: number; failed: number; dead: number; events: number };
  readonly logged: string[];
  stop(): Promise<void>;
}

/** As a process of its own would deliver; batches do not wait to become full. */
export function deliver(
  t: TestContext,
  store: Store,
  over: Partial<DelivererOptions> & { readonly timeoutMs?: number; readonly extraCa?: string } = {},
): Delivery {
  const { timeoutMs = 2000, extraCa, ...options } = over;
  const recorded: NewOperationalEvent[] = [];
  const logged: string[] = [];
  const counted = { delivered: 0, failed: 0, dead: 0, events: 0 };
  const egress = createEgress({ mayReach: () => true, dnsServers: undefined, timeoutMs, extraCa });
  const note = (fields: object, message: string) => logged.push(`${message} ${JSON.stringify(fields)}`);
  const deliverer = startDeliverer({
    store: store.webhookDeliveries,
    sources: { events: eventSource(store), operational: NO_EVENTS },
    sender: createSender({
      egress,
      tokens: new AccessTokens({ egress, clock: () => performance.now() }),
      now: Date.now,
    }),
    box: BOX,
    privacy: new PrivacyRules({ store: store.privacy, keys: PRIVACY_KEYS, installation: "full" }),
    settleMs: 0,
    machine: `machine-${Math.random()}`,
    batchWaitMs: 0,
    now: Date.now,
    clock: () => performance.now(),
    random: () => 0,
    record: (event) => recorded.push(event),
    count: (outcome, events) => {
      counted[outcome] += 1;
      counted.events += events;
    },
    log: { info: note, warn: note },
    ...options,
    timing: { pollMs: 50, holdMs: 250, ...options.timing },
  });
  const stop = async (): Promise<void> => {
    await deliverer.stop();
    await egress.close();
  };
  t.after(stop);
  return { recorded, counted, logged, stop };
}

/** Asks again and again; fails after a minute. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = performance.now() + WITHIN_MS;
  while (performance.now() < giveUpAt) {
    if (await condition()) return;
    await sleep(20);
  }
  throw new Error(`never happened: ${what}`);
}
