/** The last step of ingest: of each event is stored what the privacy rules keep. What the steps before it needed ends here. */
import { eraseAgain } from "./erase-again.ts";
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
      onStored: () => eraseAgain(events, erasures, { rules, store }),
    };
  };
}
