/** Which events a caller asks for. What is absent keeps all; an empty list keeps none. */
import type { EventType } from "../domain/event.ts";
import { domainOfAddress } from "../domain/hostname.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { RecordedEvent } from "./recorded-event.ts";

export interface EventFilter {
  readonly subaccounts: "all" | readonly SubaccountId[];
  readonly types?: readonly EventType[];
  readonly eventIds?: readonly bigint[];
  readonly messageIds?: readonly string[];
  readonly transmissions?: readonly string[];
  /** Lower-case addresses. */
  readonly recipients?: readonly string[];
  readonly recipientDomains?: readonly string[];
  readonly campaigns?: readonly string[];
  readonly templates?: readonly string[];
  readonly ipPools?: readonly string[];
  readonly sendingDomains?: readonly string[];
  readonly trackingDomains?: readonly string[];
  /** Addresses: as From: has them, bare or between angle brackets. The case of ASCII letters is ignored. */
  readonly fromAddresses?: readonly string[];
  /** Words: a subject is kept when every word of one of the entries occurs in it. The case of ASCII letters is ignored. */
  readonly subjects?: readonly (readonly string[])[];
  readonly isBot?: boolean;
  readonly isPrefetched?: boolean;
  readonly isProxy?: boolean;
}

/** What the store's search decides in SQL, for an event at hand. */
export function matchesFilter(filter: EventFilter, event: RecordedEvent): boolean {
  const { facts, classification } = event;
  return (
    (filter.subaccounts === "all" || filter.subaccounts.includes(event.subaccountId)) &&
    isAmong(filter.types, event.type) &&
    isAmong(filter.eventIds, event.eventId) &&
    isAmong(filter.messageIds, event.messageId) &&
    (filter.recipients?.includes(event.rcptTo.toLowerCase()) ?? true) &&
    (filter.recipientDomains?.includes(domainOfAddress(event.rcptTo) ?? "") ?? true) &&
    isAmong(filter.transmissions, facts?.transmissionId) &&
    isAmong(filter.campaigns, facts?.campaignId) &&
    isAmong(filter.templates, facts?.templateId) &&
    isAmong(filter.ipPools, facts?.ipPool) &&
    isAmong(filter.sendingDomains, facts?.sendingDomain) &&
    isAmong(filter.trackingDomains, event.trackingDomain) &&
    (filter.fromAddresses?.some((address) => isFrom(facts?.friendlyFrom, address)) ?? true) &&
    (filter.subjects?.some((words) => hasWords(facts?.subject, words)) ?? true) &&
    isEither(filter.isBot, classification.isBot) &&
    isEither(filter.isPrefetched, classification.isPrefetched) &&
    isEither(filter.isProxy, classification.isProxy)
  );
}

function isAmong<Value>(wanted: readonly Value[] | undefined, value: Value | undefined): boolean {
  return wanted === undefined || (value !== undefined && wanted.includes(value));
}

function isEither(wanted: boolean | undefined, value: boolean): boolean {
  return wanted === undefined || wanted === value;
}

function isFrom(friendlyFrom: string | undefined, address: string): boolean {
  if (friendlyFrom === undefined) return false;
  const [from, wanted] = [asciiLowerCase(friendlyFrom), asciiLowerCase(address)];
  return from === wanted || from.endsWith(`<${wanted}>`);
}

function hasWords(subject: string | undefined, words: readonly string[]): boolean {
  if (subject === undefined) return false;
  const text = asciiLowerCase(subject);
  return words.every((word) => text.includes(asciiLowerCase(word)));
}

/** As SQL's `lower` does, on both databases. */
export function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
