/**
 * Classification as a step of ingest. What it remembers of clicks is in memory; at the start and after a failure it
 * looks in the store for the clicks that were there before, so that neither a restart nor an outage hides a burst.
 */
import type { EventType } from "../domain/event.ts";
import { kindOf } from "./classification-rules.ts";
import type { Classifier } from "./classifier.ts";
import type { EventStore } from "./event-store.ts";
import type { EnrichmentStep } from "./ingest.ts";
import { WINDOW_MS } from "./message-clicks.ts";
import type { RecordedEvent } from "./recorded-event.ts";

export interface ClassificationStep {
  readonly step: EnrichmentStep;
  /** To be called when batches that went through the step may not have been stored. */
  startOver(): void;
}

export interface ClassificationStepOptions {
  readonly classifier: Classifier;
  readonly events: Pick<EventStore, "search">;
}

const CLICKS: readonly EventType[] = ["click", "amp_click", "link_unsubscribe"];
/** Of the seconds around the first event of a batch, the newest. */
const RECALLED_AT_MOST = 10_000;

export function createClassificationStep({
  classifier,
  events: store,
}: ClassificationStepOptions): ClassificationStep {
  let isRecalling = true;
  return {
    step: async ({ events, corrections }) => {
      if (isRecalling) {
        const clicks = events.filter(({ type }) => kindOf(type) === "clicks");
        if (clicks.length > 0) isRecalling = await recall(clicks, classifier, store);
      }
      const classified = classifier.classify(events);
      return { events: classified.events, corrections: [...corrections, ...classified.corrections] };
    },
    startOver: () => {
      classifier.forget();
      isRecalling = true;
    },
  };
}

/**
 * Tells the classifier of the clicks right before a batch, and of those of the batch that were stored before a crash could
 * remove them from the spool. Whether there were any of these: then the next batch may have some, too.
 */
async function recall(
  clicks: readonly RecordedEvent[],
  classifier: Classifier,
  store: ClassificationStepOptions["events"],
): Promise<boolean> {
  const times = clicks.map(({ timestampMs }) => timestampMs);
  const firstMs = times.reduce((one, other) => Math.min(one, other));
  const lastMs = times.reduce((one, other) => Math.max(one, other));
  const [around, again] = await Promise.all([
    store.search({
      subaccounts: "all",
      types: CLICKS,
      fromMs: firstMs - WINDOW_MS,
      toMs: firstMs + WINDOW_MS + 1,
      limit: RECALLED_AT_MOST,
    }),
    store.search({
      subaccounts: "all",
      eventIds: clicks.map(({ eventId }) => eventId),
      fromMs: firstMs,
      toMs: lastMs + 1,
      limit: clicks.length,
    }),
  ]);
  classifier.recall([...around, ...again]);
  return again.length > 0;
}
