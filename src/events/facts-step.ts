/** The step of ingest that joins events with what is known of their messages. */
import type { EnrichmentStep } from "./ingest.ts";
import type { MessageFacts } from "./message-facts.ts";
import { type MessageKey, type MessageStore, textOfKey } from "./message-store.ts";
import { RecentlyUsed } from "./recently-used.ts";
import type { RecordedEvent } from "./recorded-event.ts";

export interface FactsOptions {
  readonly messages: Pick<MessageStore, "find">;
  /** How long after its sending a message's events get its facts. */
  readonly days: number;
  readonly maxRemembered?: number;
}

const DAY_MS = 86_400_000;
/** Messages whose next event costs no look-up: for an hour or so those of a large mailing. At most a few hundred bytes each. */
const MAX_REMEMBERED = 50_000;

export function createFactsStep({
  messages,
  days,
  maxRemembered = MAX_REMEMBERED,
}: FactsOptions): EnrichmentStep {
  /** `null`: nothing is known. What is not recorded before a message goes out never is. */
  const remembered = new RecentlyUsed<string, MessageFacts | null>(maxRemembered);
  const isDue = ({ timestampMs, sentAtSeconds }: RecordedEvent) =>
    timestampMs - sentAtSeconds * 1000 <= days * DAY_MS;
  return async (batch) => {
    const facts = await factsOf(batch.events.filter(isDue), messages, remembered);
    const events = batch.events.map((event) => {
      const known = isDue(event) ? facts.get(textOfKey(event)) : undefined;
      return known ? { ...event, facts: known } : event;
    });
    return { ...batch, events };
  };
}

async function factsOf(
  events: readonly RecordedEvent[],
  messages: FactsOptions["messages"],
  remembered: RecentlyUsed<string, MessageFacts | null>,
): Promise<ReadonlyMap<string, MessageFacts | null>> {
  const facts = new Map<string, MessageFacts | null>();
  const unknown = new Map<string, MessageKey>();
  for (const event of events) {
    const key = textOfKey(event);
    const known = facts.get(key) ?? remembered.get(key);
    if (known === undefined) unknown.set(key, event);
    else facts.set(key, known);
  }
  const found = unknown.size === 0 ? [] : await messages.find([...unknown.values()]);
  for (const [index, key] of [...unknown.keys()].entries()) {
    const known = found[index] ?? null;
    facts.set(key, known);
    remembered.set(key, known);
  }
  return facts;
}
