/**
 * An event as it lies in the spool: the id is the key (8 bytes, big-endian, so that keys sort by time), the
 * rest a JSON row. Rows outlive the version that wrote them, so a row starts with its format's number, and a
 * reader leaves what it doesn't know for the version that does.
 */
import {
  type EngagementEvent,
  EVENT_TYPES,
  type EventType,
  REQUEST_PURPOSES,
  type RequestPurpose,
} from "../domain/event.ts";
import { isMessageId, type MessageId } from "../domain/message-id.ts";
import type { SubaccountId } from "../domain/subaccount.ts";

/** What the edge saw; the spool gives it its id. Written out, with every key always there: one is made per click. */
export interface ObservedEvent {
  readonly type: EventType;
  readonly timestampMs: number;
  readonly subaccountId: SubaccountId;
  readonly messageId: MessageId;
  readonly rcptTo: string;
  readonly sentAtSeconds: number;
  readonly trackingDomain: string;
  readonly targetLinkUrl: string | undefined;
  readonly targetLinkName: string | undefined;
  readonly ipAddress: string | undefined;
  readonly userAgent: string | undefined;
  readonly acceptLanguage: string | undefined;
  readonly purpose: RequestPurpose | undefined;
}

const ROW_FORMAT = 1;

/** Sorts behind every event id, which are below 2^63. Its value is the highest id the slot ever gave out. */
export const HIGHEST_ID_KEY = Buffer.alloc(8, 0xff);

export function encodeId(id: bigint): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeBigUInt64BE(id);
  return key;
}

export function decodeId(key: Buffer): bigint {
  return key.readBigUInt64BE(0);
}

export function encodeEvent(event: ObservedEvent): Buffer {
  return Buffer.from(
    JSON.stringify([
      ROW_FORMAT,
      event.type,
      event.timestampMs,
      event.subaccountId,
      event.messageId,
      event.rcptTo,
      event.sentAtSeconds,
      event.trackingDomain,
      event.targetLinkUrl,
      event.targetLinkName,
      event.ipAddress,
      event.userAgent,
      event.acceptLanguage,
      // Rows of older versions end before this one.
      event.purpose,
    ]),
  );
}

/** `undefined` for a row this version doesn't understand. Never throws. */
export function decodeEvent(key: Buffer, row: Buffer): EngagementEvent | undefined {
  const cells = parseRow(row);
  if (cells === undefined || cells[0] !== ROW_FORMAT) return undefined;
  const [, type, timestampMs, subaccountId, messageId, rcptTo, sentAtSeconds, trackingDomain] = cells;
  if (!isEventType(type) || typeof messageId !== "string" || !isMessageId(messageId)) return undefined;
  if (typeof timestampMs !== "number" || typeof subaccountId !== "number") return undefined;
  if (typeof sentAtSeconds !== "number") return undefined;
  if (typeof rcptTo !== "string" || typeof trackingDomain !== "string") return undefined;
  return {
    eventId: decodeId(key),
    type,
    timestampMs,
    subaccountId,
    messageId,
    rcptTo,
    sentAtSeconds,
    trackingDomain,
    ...optionalText("targetLinkUrl", cells[8]),
    ...optionalText("targetLinkName", cells[9]),
    ...optionalText("ipAddress", cells[10]),
    ...optionalText("userAgent", cells[11]),
    ...optionalText("acceptLanguage", cells[12]),
    ...optionalPurpose(cells[13]),
  };
}

function parseRow(row: Buffer): readonly unknown[] | undefined {
  try {
    const cells: unknown = JSON.parse(row.toString());
    return Array.isArray(cells) ? cells : undefined;
  } catch {
    // Not JSON: a row of no version. It stays in the spool, whose depth and age tell of it.
    return undefined;
  }
}

function isEventType(value: unknown): value is EventType {
  return EVENT_TYPES.some((type) => type === value);
}

/** One that a later version adds is none to this version. */
function optionalPurpose(value: unknown): { purpose?: RequestPurpose } {
  const purpose = REQUEST_PURPOSES.find((known) => known === value);
  return purpose === undefined ? {} : { purpose };
}

function optionalText<Name extends string>(name: Name, value: unknown): { [key in Name]?: string } {
  return typeof value === "string" ? ({ [name]: value } as { [key in Name]: string }) : {};
}
