/** The last step of ingest: of each event is stored what the privacy rules keep. What the steps before it needed ends here. */
import type { SubaccountId } from "../domain/subaccount.ts";
import type { EventStore } from "./event-store.ts";
import type { EnrichedBatch, EnrichmentStep } from "./ingest.ts";
import { keptEvent, withTruncatedIp } from "./privacy.ts";
import type { PrivacyRules } from "./privacy-rules.ts";
import type { RecordedEvent } from "./recorded-event.ts";

export interface PrivacyStepOptions {
  readonly rules: PrivacyRules;
  readonly events: Pick<EventStore, "erase">;
  /** Everybody's addresses, whatever their mode. */
  readonly truncateIps: boolean;
}

export function createPrivacyStep({ rules, events: store, truncateIps }: PrivacyStepOptions): EnrichmentStep {
  const keep = (event: RecordedEvent): readonly RecordedEvent[] => {
    const mode = rules.modeFor(event.subaccountId, event.rcptTo);
    if (mode === "off") return [];
    if (mode === "full") return [truncateIps ? withTruncatedIp(event) : event];
    return [keptEvent(event, mode, rules.keys)];
  };
  return async (batch): Promise<EnrichedBatch> => {
    if (batch.events.length === 0) return batch;
    await rules.freshen();
    const { erasures } = rules;
    const events = batch.events.flatMap(keep);
    return {
      ...batch,
      events,
      onStored: async () => {
        await rules.freshen();
        if (rules.erasures > erasures) await eraseAgain(events, rules, store);
      },
    };
  };
}

/** Of somebody who was erased while the batch was on its way, the batch may have come after the erasure. */
async function eraseAgain(
  events: readonly RecordedEvent[],
  rules: PrivacyRules,
  store: PrivacyStepOptions["events"],
): Promise<void> {
  const erased = new Map<string, [recipient: string, subaccountId: SubaccountId]>();
  for (const { rcptTo, subaccountId } of events) {
    const recipient = rcptTo.toLowerCase();
    if (rules.isErased(subaccountId, recipient))
      erased.set(`${subaccountId} ${recipient}`, [recipient, subaccountId]);
  }
  for (const [recipient, subaccountId] of erased.values()) await store.erase(recipient, subaccountId);
}
