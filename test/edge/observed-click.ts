/** A click as the edge hands it to its spool. */
import type { MessageId } from "../../src/domain/message-id.ts";
import type { ObservedEvent } from "../../src/edge/spool-record.ts";

export const CLICK: ObservedEvent = {
  type: "click",
  timestampMs: Date.UTC(2026, 10, 22),
  subaccountId: 5,
  messageId: "000443ee14578172be22" as MessageId,
  rcptTo: "ann@example.com",
  sentAtSeconds: 1_790_000_000,
  trackingDomain: "click.acme.com",
  targetLinkUrl: "https://shop.example/",
  targetLinkName: undefined,
  ipAddress: undefined,
  userAgent: undefined,
  acceptLanguage: undefined,
  purpose: undefined,
};
