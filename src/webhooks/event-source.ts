/** What webhooks are made of: a stream of events in the order of storing, each in the form in which it is sent. */
import type { EventFacts } from "./webhook.ts";

export interface SourceEvent extends EventFacts {
  readonly position: number;
  /** The type that it may turn out to be in the time after it was stored. */
  readonly mayBecome?: string;
  /** All that a correction can change of it. */
  readonly labels?: string;
  /** One element of a batch's body. Made when it is first asked for, and shared by all who send it. */
  json(): string;
}

export interface EventSource {
  /** The events behind a position, in order. Once one can be read, none before it appears any more. */
  readAfter(position: number, limit: number): Promise<readonly SourceEvent[]>;
  /** These events as they are now, in order; without those that are gone. */
  readAgain(events: readonly SourceEvent[]): Promise<readonly SourceEvent[]>;
  /** What is stored from now on comes behind it. */
  last(): Promise<number>;
}

/** Events as they were at a time. */
export interface EventsAt {
  readonly events: readonly SourceEvent[];
  /** By a clock that never goes back. */
  readonly readAtMs: number;
}

/**
 * Events are corrected after they were stored: what is sent was read in the last so many milliseconds. Long enough that
 * webhooks with much to send share what was read, and short beside the time in which corrections come.
 */
export const FRESH_FOR_MS = 500;

/** Events that were read again; one that is what it was goes on with the JSON that was made of it. */
export function renewed(before: readonly SourceEvent[], now: readonly SourceEvent[]): readonly SourceEvent[] {
  const known = new Map(before.map((event) => [event.position, event]));
  return now.map((event) => {
    const old = known.get(event.position);
    return old !== undefined && old.labels === event.labels ? old : event;
  });
}

/** An event whose wire form is made once. `value` is let go of as soon as there is the text. */
export function sourceEvent<T>(
  facts: Omit<SourceEvent, "json">,
  value: T,
  toJson: (value: T) => string,
): SourceEvent {
  let kept: { readonly value: T } | undefined = { value };
  let text = "";
  return {
    ...facts,
    json: () => {
      if (kept !== undefined) {
        text = toJson(kept.value);
        kept = undefined;
      }
      return text;
    },
  };
}
