/** What classification makes of the labelled set: each event's last verdict, and how often each class was right. */
import { createContext } from "../../src/events/classification.ts";
import { createClassifier } from "../../src/events/classifier.ts";
import { bareRecord, type Classification, type RecordedEvent } from "../../src/events/recorded-event.ts";
import { createLabelledSet, LABELS, type Label, type LabelledEvent } from "./labelled-set.ts";

export const SEED = 2026;

export interface JudgedEvent extends LabelledEvent {
  /** After all corrections. */
  readonly verdict: Pick<RecordedEvent, "type" | "classification">;
}

/** Batch by batch, as ingest does it: most bursts are cut by the end of a batch sooner or later. */
export function judgeLabelledSet(batchSize: number, seed = SEED): readonly JudgedEvent[] {
  const set = createLabelledSet(seed);
  const classifier = createClassifier({ context: () => CONTEXT });
  const verdicts = new Map<bigint, JudgedEvent["verdict"]>();
  for (let at = 0; at < set.length; at += batchSize) {
    const batch = set.slice(at, at + batchSize).map(({ event }) => bareRecord(event));
    const { events, corrections } = classifier.classify(batch);
    for (const { eventId, type, classification } of [...events, ...corrections])
      verdicts.set(eventId, { type, classification });
  }
  return set.map((labelled) => {
    const verdict = verdicts.get(labelled.event.eventId);
    if (verdict === undefined) throw new Error("classification has lost an event");
    return { ...labelled, verdict };
  });
}

const CONTEXT = createContext({ userAgents: [], networks: [] });

/** The strongest mark is the class. */
function classOf({ isBot, isPrefetched, isProxy }: Classification): Label {
  if (isBot) return "bot";
  if (isPrefetched) return "prefetch";
  return isProxy ? "proxy" : "human";
}

export interface ClassQuality {
  readonly label: Label;
  /** Events that are of the class. */
  readonly events: number;
  /** Of those said to be of the class, the share that is. */
  readonly precision: number;
  /** Of those that are of the class, the share that is said to be. */
  readonly recall: number;
}

export function qualityByClass(judged: readonly JudgedEvent[]): readonly ClassQuality[] {
  return LABELS.map((label) => {
    const are = judged.filter((event) => event.label === label);
    const said = judged.filter((event) => classOf(event.verdict.classification) === label);
    const right = are.filter((event) => classOf(event.verdict.classification) === label).length;
    return { label, events: are.length, precision: right / said.length, recall: right / are.length };
  });
}

export interface ScenarioQuality {
  readonly scenario: string;
  readonly events: number;
  readonly right: number;
}

export function qualityByScenario(judged: readonly JudgedEvent[]): readonly ScenarioQuality[] {
  return [...Map.groupBy(judged, ({ scenario }) => scenario)].map(([scenario, events]) => ({
    scenario,
    events: events.length,
    right: events.filter(({ label, verdict }) => classOf(verdict.classification) === label).length,
  }));
}
