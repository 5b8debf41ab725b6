/** Joins webhooks to what they need of the rest: the store, the events, the way out and the operational events. */
import { randomInt } from "node:crypto";

import { limitPerTenant } from "./api/tenant-limit.ts";
import type { WebhookDeps } from "./api/webhooks.ts";
import type { Config } from "./config.ts";
import type { RecordOperationalEvent } from "./domain/operational-event.ts";
import type { SubaccountId } from "./domain/subaccount.ts";
import { toWebhookEvent } from "./events/message-event.ts";
import type { Logger } from "./ops/logger.ts";
import { WebhookCounts } from "./ops/webhook-counts.ts";
import type { Store } from "./store/open-store.ts";
import { mayReach } from "./verification/address-policy.ts";
import { AccessTokens } from "./webhooks/access-tokens.ts";
import { type Deliverer, startDeliverer } from "./webhooks/deliverer.ts";
import { createEgress, type Egress } from "./webhooks/egress.ts";
import { type EventSource, sourceEvent } from "./webhooks/event-source.ts";
import { toOperationalEntry } from "./webhooks/operational-wire.ts";
import { createSender, type Destination, type Sender, TEST_BODY } from "./webhooks/sender.ts";
import { createSecretBox, type SecretBox } from "./webhooks/webhook-secrets.ts";

export interface WebhookPartsDeps {
  readonly config: Config;
  readonly store: Store;
  readonly masterSecret: string;
}

export interface DeliveryDeps {
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
        this.#sender.send(destination, { batchId: crypto.randomUUID(), body: TEST_BODY }),
      ),
    };
  }

  startDelivering({ machine, record, log }: DeliveryDeps): Deliverer {
    const { store, config } = this.#deps;
    return startDeliverer({
      store: store.webhookDeliveries,
      sources: { events: eventSource(store), operational: operationalSource(store) },
      sender: this.#sender,
      box: this.#box,
      machine,
      batchWaitMs: config.webhookBatchWaitMs,
      now: Date.now,
      clock: monotonicMs,
      // Spreads attempts over time; nothing depends on nobody guessing it.
      random: () => randomInt(2 ** 30) / 2 ** 30,
      record,
      count: (outcome, events) => this.counts.count(outcome, events),
      log: log.child({ area: "webhooks" }),
    });
  }

  async stop(): Promise<void> {
    await this.#egress.close();
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
    readAfter: async (after, limit) =>
      (await events.readAfter(after, limit)).map(({ position, event }) => {
        const { type, subaccountId, timestampMs } = event;
        return sourceEvent({ position, type, subaccountId, timestampMs }, event, (value) =>
          JSON.stringify(toWebhookEvent(value)),
        );
      }),
  };
}

function operationalSource({ operationalEvents }: Store): EventSource {
  return {
    readAfter: async (after, limit) =>
      (await operationalEvents.readAfter(after, limit)).map((event) => {
        const { id: position, kind: type, subaccountId, atMs: timestampMs } = event;
        return sourceEvent({ position, type, subaccountId, timestampMs }, event, (value) =>
          JSON.stringify(toOperationalEntry(value)),
        );
      }),
  };
}
