/** The fields that tell a webhook what to send, and where. */

import type { WebhookKind } from "../api/webhooks.ts";
import { CheckField, TextField } from "../components/field.tsx";
import { EVENT_TYPES, eventWord } from "../event-words.ts";
import { OPERATIONAL_EVENTS, operationalWord } from "../webhook-state.ts";

export function TargetField({
  value,
  onChange,
  problem,
}: {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly problem?: string | undefined;
}) {
  return (
    <TextField
      label="Target"
      help="It must answer a test with 2xx before anything is saved."
      required
      inputMode="url"
      placeholder="https://example.com/waypost"
      value={value}
      onChange={(event) => onChange(event.target.value)}
      problem={problem}
    />
  );
}

/** At least one is checked. */
export function EventChoice({
  kind,
  chosen,
  onChange,
}: {
  readonly kind: WebhookKind;
  readonly chosen: readonly string[];
  readonly onChange: (events: readonly string[]) => void;
}) {
  const [types, wordOf] =
    kind === "events" ? [EVENT_TYPES, eventWord] : [OPERATIONAL_EVENTS, operationalWord];
  return (
    <fieldset>
      <legend className="mb-2 font-medium">Events</legend>
      <div className="grid gap-2 sm:grid-cols-2">
        {types.map((type) => (
          <CheckField
            key={type}
            label={wordOf(type)}
            checked={chosen.includes(type)}
            onChange={({ target }) =>
              onChange(types.filter((one) => (one === type ? target.checked : chosen.includes(one))))
            }
          />
        ))}
      </div>
    </fieldset>
  );
}

export function eventsOf(kind: WebhookKind): readonly string[] {
  return kind === "events" ? EVENT_TYPES : OPERATIONAL_EVENTS;
}
