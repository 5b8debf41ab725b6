/** An event as it is stored: what the edge saw, and what ingest added. */
import type { EngagementEvent } from "../domain/event.ts";
import type { MessageFacts } from "./message-facts.ts";

/** Where an address is, as far as a database of addresses says. */
export interface GeoIp {
  /** ISO 3166-1, two letters. */
  readonly country?: string;
  readonly region?: string;
  readonly city?: string;
  readonly latitude?: number;
  readonly longitude?: number;
  readonly zip?: string;
  readonly postalCode?: string;
}

/** Whether a person did it. An event is labelled, never dropped. */
export interface Classification {
  readonly isPrefetched: boolean;
  readonly isProxy: boolean;
  readonly isBot: boolean;
  /** Names of the rules that said so; no commas. */
  readonly reasons: readonly string[];
}

export interface RecordedEvent extends EngagementEvent {
  /** Absent when nothing is known of the message, or no longer. */
  readonly facts?: MessageFacts;
  readonly geoIp?: GeoIp;
  readonly classification: Classification;
}

export const UNCLASSIFIED: Classification = {
  isPrefetched: false,
  isProxy: false,
  isBot: false,
  reasons: [],
};

/** The event as the edge saw it, with nothing added. */
export function bareRecord(event: EngagementEvent): RecordedEvent {
  return { ...event, classification: UNCLASSIFIED };
}
