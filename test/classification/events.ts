/** Events for tests of classification. */
import type { EngagementEvent } from "../../src/domain/event.ts";
import type { MessageId } from "../../src/domain/message-id.ts";
import { bareRecord, type RecordedEvent } from "../../src/events/recorded-event.ts";
import { BROWSERS } from "./user-agents.ts";

const SENT_AT_SECONDS = 1_795_300_000;

let lastId = 0n;

/** A click by a person an hour after sending, with an id of its own; `afterMs` is the time since sending. */
export function eventOf({
  afterMs = 3_600_000,
  ...over
}: Partial<EngagementEvent> & { afterMs?: number } = {}): RecordedEvent {
  lastId += 1n;
  return bareRecord({
    eventId: lastId,
    type: "click",
    timestampMs: SENT_AT_SECONDS * 1000 + afterMs,
    subaccountId: 0,
    messageId: "000443ee14578172be22" as MessageId,
    rcptTo: "ann@example.com",
    sentAtSeconds: SENT_AT_SECONDS,
    trackingDomain: "click.acme.example",
    targetLinkUrl: "https://acme.example/",
    ipAddress: "198.51.100.7",
    userAgent: BROWSERS[0],
    ...over,
  });
}

/** Clicks on the links 1, 2, 3, … of one message, at these times after sending. */
export function clicksAt(...times: readonly number[]): readonly RecordedEvent[] {
  return times.map((afterMs, index) =>
    eventOf({ afterMs, targetLinkUrl: `https://acme.example/${index + 1}` }),
  );
}

/** The event with nothing where there was something. */
export function without(event: RecordedEvent, key: "userAgent" | "ipAddress"): RecordedEvent {
  const { [key]: _, ...rest } = event;
  return rest;
}
