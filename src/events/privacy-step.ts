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
      // What was stored before may be as it came: then they were not erased yet, and now nothing of them is in the batch.
      onStored: ({ isRepeated }) =>
        isRepeated
          ? eraseAgain(batch.events, undefined, { rules, store })
          : eraseAgain(events, erasures, { rules, store }),
    };
  };
}
