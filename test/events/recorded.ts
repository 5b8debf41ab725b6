/** Events for tests. */
import type { MessageId } from "../../src/domain/message-id.ts";
import type { MessageFacts } from "../../src/events/message-facts.ts";
import { type RecordedEvent, UNCLASSIFIED } from "../../src/events/recorded-event.ts";

export const FACTS: MessageFacts = {
  transmissionId: "4711",
  openTracking: true,
  clickTracking: true,
  initialOpen: true,
  ampEnabled: false,
};

/** A click of the primary account's mail, `id` milliseconds after `fromMs`. */
export function recorded(id: number, fromMs: number, over: Partial<RecordedEvent> = {}): RecordedEvent {
  return {
    eventId: BigInt(id),
    type: "click",
    timestampMs: fromMs + id,
    subaccountId: 0,
    messageId: "000443ee14578172be22" as MessageId,
    rcptTo: "recipient@example.com",
    sentAtSeconds: Math.floor(fromMs / 1000),
    trackingDomain: "click.example.com",
    classification: UNCLASSIFIED,
    ...over,
  };
}
