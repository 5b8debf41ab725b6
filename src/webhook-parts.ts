/** Joins webhooks to what they need of the rest: the store, the events, the way out and the operational events. */
import { randomInt } from "node:crypto";

import { ownEntry } from "./api/audit.ts";
import { limitPerTenant } from "./api/tenant-limit.ts";
import type { WebhookDeps } from "./api/webhooks.ts";
import type { Config } from "./config.ts";
import type { NewOperationalEvent, RecordOperationalEvent } from "./domain/operational-event.ts";
import type { SubaccountId } from "./domain/subaccount.ts";
import { mayBecome } from "./events/classifier.ts";
import type { StoredEvent } from "./events/event-store.ts";
import { WINDOW_MS } from "./events/message-clicks.ts";
import { toWebhookEvent } from "./events/message-event.ts";
import type { PrivacyRules } from "./events/privacy-rules.ts";
import type { Logger } from "./ops/logger.ts";
import { WebhookCounts } from "./ops/webhook-counts.ts";
import type { Store } from "./store/open-store.ts";
import { mayReach } from "./verification/address-policy.ts";
import { AccessTokens } from "./webhooks/access-tokens.ts";
import { type Deliverer, startDeliverer } from "./webhooks/deliverer.ts";
import { createEgress, type Egress } from "./webhooks/egress.ts";
import { type EventSource, renewed, type SourceEvent, sourceEvent } from "./webhooks/event-source.ts";
import { toOperationalEntry } from "./webhooks/operational-wire.ts";
import { createSender, type Destination, type Sender, TEST_BODY } from "./webhooks/sender.ts";
import { createSecretBox, type SecretBox } from "./webhooks/webhook-secrets.ts";

/** The last click that can correct one before it, and the time until it is stored. */
const SETTLE_MS = WINDOW_MS + 2000;

export interface WebhookPartsDeps {
  readonly config: Config;
  readonly store: Store;
  readonly masterSecret: string;
}

export interface DeliveryDeps {
  readonly privacy: PrivacyRules;
  readonly machine: string;
  readonly record: RecordOperationalEvent;
  readonly log: Logger;
}

export class WebhookParts {
  /** Of what this machine delivers. */
  readonly counts = new WebhookCounts();
  readonly #deps: WebhookPartsDeps;
  readonly #egress: Egress;
  readonly #sender: Sender;
  readonly #box: SecretBox;
  readonly #mayReach: (address: string) => boolean;
  /** Entries of the audit trail that are under way. */
  readonly #noting = new Set<Promise<void>>();

  constructor(deps: WebhookPartsDeps) {
    const { config, masterSecret } = deps;
    this.#deps = deps;
    // The policy of probes, but names under localhost are like any other: they are loopback, and that is inside.
    this.#mayReach = (address) => mayReach(address, address, config.probePrivate === "allow");
    this.#egress = createEgress({
      mayReach: this.#mayReach,
      dnsServers: config.dnsServers.length === 0 ? undefined : config.dnsServers,
      extraCa: config.caFile,
    });
    const tokens = new AccessTokens({ egress: this.#egress, clock: monotonicMs });
    this.#sender = createSender({ egress: this.#egress, tokens, now: Date.now });
    this.#box = createSecretBox(masterSecret);
  }

  /** What the API's routes need. */
  forApi(): Omit<WebhookDeps, "webhooks" | "now"> {
    const { store, config } = this.#deps;
    return {
      box: this.#box,
      positions: {
        events: { ...store.eventPositions, last: () => store.events.lastPosition() },
        operational: {
          last: () => store.operationalEvents.lastPosition(),
          since: (timestampMs) => store.operationalEvents.positionSince(timestampMs),
          ofEvent: (eventId, subaccounts) => this.#operationalPosition(eventId, subaccounts),
        },
      },
      targetPolicy: { mayReach: this.#mayReach, allowPrivate: config.probePrivate === "allow" },
      test: limitPerTenant((destination: Destination) =>
        this.#sender.send(destination, { batchId: crypto.randomUUID(), body: async () => TEST_BODY }),
      ),
    };
  }

  startDelivering({ machine, privacy, record, log }: DeliveryDeps): Deliverer {
    const { store, config } = this.#deps;
    return startDeliverer({
      store: store.webhookDeliveries,
      sources: { events: eventSource(store), operational: operationalSource(store) },
      sender: this.#sender,
      box: this.#box,
      settleMs: SETTLE_MS,
      machine,
      privacy,
      batchWaitMs: config.webhookBatchWaitMs,
      now: Date.now,
      clock: monotonicMs,
      // Spreads attempts over time; nothing depends on nobody guessing it.
      random: () => randomInt(2 ** 30) / 2 ** 30,
      record: (event) => {
        record(event);
        if (event.kind !== "webhook_dead" || event.fields.reason !== "gone") return;
        const noting = this.#noteGone(event, log).finally(() => this.#noting.delete(noting));
        this.#noting.add(noting);
      },
      count: (outcome, events) => this.counts.count(outcome, events),
      log: log.child({ area: "webhooks" }),
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#noting);
    await this.#egress.close();
  }

  /** A webhook that its receiver's 410 switched off: else nobody would find who paused it. */
  async #noteGone(
    { subaccountId, fields }: Extract<NewOperationalEvent, { kind: "webhook_dead" }>,
    log: Logger,
  ): Promise<void> {
    const { webhookId, batchId } = fields;
    const change = {
      action: "Switch off a webhook whose receiver answered 410",
      path: `/api/v1/webhooks/${webhookId}`,
      subaccountId,
      fields: { active: false, batch_id: batchId },
    };
    try {
      await this.#deps.store.auditTrail.record(ownEntry(change, Date.now()));
    } catch (error) {
      log.error(
        { err: error, webhookId },
        "a webhook was switched off, and that could not be written into the audit trail",
      );
    }
  }

  async #operationalPosition(
    eventId: string,
    subaccounts: "all" | readonly SubaccountId[],
  ): Promise<number | undefined> {
    const found = await this.#deps.store.operationalEvents.find(Number(eventId));
    if (found === undefined) return undefined;
    return subaccounts === "all" || subaccounts.includes(found.subaccountId) ? found.id : undefined;
  }
}

function monotonicMs(): number {
  return performance.now();
}

function eventSource({ events }: Store): EventSource {
  return {
    readAfter: async (after, limit) => (await events.readAfter(after, limit)).map(toSource),
    readAgain: async (read) =>
      renewed(read, (await events.readAt(read.map(({ position }) => position))).map(toSource)),
    last: () => events.lastPosition(),
  };
}

function toSource({ position, event }: StoredEvent): SourceEvent {
  const { type, subaccountId, timestampMs, rcptTo } = event;
  const { isPrefetched, isProxy, isBot, reasons } = event.classification;
  const other = mayBecome(type);
  const facts = {
    position,
    type,
    subaccountId,
    timestampMs,
    rcptTo,
    labels: [type, isPrefetched, isProxy, isBot, ...reasons].join(" "),
    ...(other !== undefined && { mayBecome: other }),
  };
  return sourceEvent(facts, event, (value) => JSON.stringify(toWebhookEvent(value)));
}

function operationalSource({ operationalEvents }: Store): EventSource {
  return {
    readAfter: async (after, limit) =>
      (await operationalEvents.readAfter(after, limit)).map((event) => {
        const { id: position, kind: type, subaccountId, atMs: timestampMs } = event;
        return sourceEvent({ position, type, subaccountId, timestampMs, rcptTo: "" }, event, (value) =>
          JSON.stringify(toOperationalEntry(value)),
        );
      }),
    // They are never corrected.
    readAgain: async (read) => read,
    last: () => operationalEvents.lastPosition(),
  };
}
