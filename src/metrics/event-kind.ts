/** What an event is and what is thought of who made it, in one byte: a column of them is read for every question. */
import { EVENT_TYPES, type EventType } from "../domain/event.ts";

/** A number below {@link KIND_COUNT}: the type's place in EVENT_TYPES (3 bits), then the verdicts. */
export type EventKind = number;

export interface Verdict {
  readonly isPrefetched: boolean;
  readonly isBot: boolean;
}

const TYPE_BITS = 0b111;
const PREFETCHED = 0b01000;
const BOT = 0b10000;
export const KIND_COUNT = 32;

/** In the place of an event that was erased. No type has this number, so no metric counts it. */
export const ERASED: EventKind = TYPE_BITS;

export function eventKind(type: EventType, { isPrefetched, isBot }: Verdict): EventKind {
  return EVENT_TYPES.indexOf(type) | (isPrefetched ? PREFETCHED : 0) | (isBot ? BOT : 0);
}

/** `undefined` for {@link ERASED}. */
export function typeOfKind(kind: EventKind): EventType | undefined {
  return EVENT_TYPES[kind & TYPE_BITS];
}

export function verdictOfKind(kind: EventKind): Verdict {
  return { isPrefetched: (kind & PREFETCHED) !== 0, isBot: (kind & BOT) !== 0 };
}
