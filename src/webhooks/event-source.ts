/** What webhooks are made of: a stream of events in the order of storing, each in the form in which it is sent. */
import type { EventFacts } from "./webhook.ts";

export interface SourceEvent extends EventFacts {
  readonly position: number;
  /** One element of a batch's body. Made when it is first asked for, and shared by all who send it. */
  json(): string;
}

export interface EventSource {
  /** The events behind a position, in order. Once one can be read, none before it appears any more. */
  readAfter(position: number, limit: number): Promise<readonly SourceEvent[]>;
}

/** An event whose wire form is made once. `value` is let go of as soon as there is the text. */
export function sourceEvent<T>(
  facts: EventFacts & { readonly position: number },
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
