/**
 * What each privacy mode keeps, of what a call says about a message and of an event. It is the same whether it is applied when
 * mail is wrapped or when an event is stored, and applying it again changes nothing.
 */
import ipaddr from "ipaddr.js";

import type { PrivacyMode } from "../domain/privacy.ts";
import {
  anonymousMessageId,
  anonymousTransmissionId,
  isPseudonym,
  type PrivacyKeys,
  pseudonymOf,
} from "../token/pseudonym.ts";
import type { MessageFacts } from "./message-facts.ts";
import type { GeoIp, RecordedEvent } from "./recorded-event.ts";

/** Modes in which something is recorded that is not all. */
export type PrivateMode = Exclude<PrivacyMode, "full" | "off">;

const HOUR_SECONDS = 3600;

/** What stands in a token tells how it was wrapped: only an anonymous recipient has no address. */
export function modeOfRecipient(rcptTo: string): PrivacyMode {
  if (rcptTo === "") return "anonymous";
  return isPseudonym(rcptTo) ? "pseudonymous" : "full";
}

export function keptRecipient(rcptTo: string, mode: PrivateMode, keys: PrivacyKeys): string {
  return mode === "anonymous" || rcptTo === "" ? "" : pseudonymOf(rcptTo, keys);
}

/**
 * A return path can hold the recipient's address (VERP), a subject their name, metadata a customer's number. Tags are labels that
 * many share; anonymous recipients have none all the same, as a rare one may be somebody's own. Nor is the size of their messages
 * kept: where each has content of its own, its sender knows them by it.
 */
export function keptFacts(facts: MessageFacts, mode: PrivateMode): MessageFacts {
  const { rcptMeta: _meta, subject: _subject, msgFrom: _returnPath, ...rest } = facts;
  if (mode === "pseudonymous") return rest;
  const { rcptTags: _tags, msgSize: _size, ...anonymous } = rest;
  return anonymous;
}

/** To be applied once the event is located and classified: what that needs is not kept. */
export function keptEvent(event: RecordedEvent, mode: PrivateMode, keys: PrivacyKeys): RecordedEvent {
  const { facts, geoIp, ipAddress, targetLinkUrl, ...rest } = event;
  const rcptTo = keptRecipient(event.rcptTo, mode, keys);
  const kept: RecordedEvent = {
    ...rest,
    rcptTo,
    ...(targetLinkUrl !== undefined && { targetLinkUrl: bareUrl(targetLinkUrl) }),
    ...(facts !== undefined && { facts: keptFacts(facts, mode) }),
  };
  if (mode === "pseudonymous") {
    const located = { ...kept, ...(geoIp !== undefined && { geoIp: withoutPoint(geoIp) }) };
    return ipAddress === undefined ? located : withTruncatedIp({ ...located, ipAddress });
  }
  const { userAgent: _userAgent, acceptLanguage: _languages, ...anonymous } = kept;
  return {
    ...(event.rcptTo === "" ? anonymous : renumbered(anonymous, keys)),
    // To the hour: a sender's log of when each mail was wrapped would find its recipient.
    sentAtSeconds: event.sentAtSeconds - (event.sentAtSeconds % HOUR_SECONDS),
    ...(geoIp?.country !== undefined && { geoIp: { country: geoIp.country } }),
  };
}

/** Its sender knows whose message and, of one recipient, whose transmission the numbers in the token are. */
function renumbered(event: RecordedEvent, keys: PrivacyKeys): RecordedEvent {
  const messageId = anonymousMessageId(event.messageId, keys);
  if (event.facts === undefined) return { ...event, messageId };
  const transmissionId = anonymousTransmissionId(event.facts.transmissionId, keys);
  return { ...event, messageId, facts: { ...event.facts, transmissionId } };
}

export function withTruncatedIp({ ipAddress, ...event }: RecordedEvent): RecordedEvent {
  const truncated = ipAddress === undefined ? undefined : truncateIp(ipAddress);
  return truncated === undefined ? event : { ...event, ipAddress: truncated };
}

/** IPv4 to /24, IPv6 to /48; `undefined` for what is neither. */
export function truncateIp(address: string): string | undefined {
  const v4 = /^(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/.exec(address)?.[1];
  if (v4 !== undefined) return `${v4}.0`;
  if (!ipaddr.isValid(address)) return undefined;
  const parsed = ipaddr.process(address);
  if (!(parsed instanceof ipaddr.IPv6)) return truncateIp(parsed.toString());
  return new ipaddr.IPv6([...parsed.parts.slice(0, 3), 0, 0, 0, 0, 0]).toString();
}

/** Without query, fragment and credentials: what is personal about a link stands there. */
function bareUrl(url: string): string {
  return url.replace(/[?#].*$/s, "").replace(/^([a-z]+:\/\/)[^/]*@/i, "$1");
}

function withoutPoint({ country, region, city }: GeoIp): GeoIp {
  return {
    ...(country !== undefined && { country }),
    ...(region !== undefined && { region }),
    ...(city !== undefined && { city }),
  };
}
