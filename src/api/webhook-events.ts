/** `/api/v1/webhooks/events/…`: what the events in a batch look like, as SparkPost tells it. */
import { Type } from "typebox";

import { EVENT_TYPES, type EventType } from "../domain/event.ts";
import { documentEvents, documentedEvent, sampleEvent, toWebhookEvent } from "../events/message-event.ts";
import { eventTypesParameter } from "./event-query.ts";
import { type Route, results, route } from "./route.ts";

interface DocumentedField {
  readonly description: string;
  readonly sampleValue: unknown;
}

const FIELD = Type.Object(
  { description: Type.String(), sampleValue: Type.Unknown() },
  { additionalProperties: false },
);
const DESCRIBED = { display_name: Type.String(), description: Type.String() };
const DOCUMENTED = Type.Object(
  {
    results: Type.Record(
      Type.String(),
      Type.Object(
        {
          ...DESCRIBED,
          events: Type.Record(
            Type.String(),
            Type.Object(
              { ...DESCRIBED, event: Type.Record(Type.String(), FIELD) },
              { additionalProperties: false },
            ),
          ),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
const SAMPLES = Type.Object(
  {
    results: Type.Array(
      Type.Object(
        { msys: Type.Record(Type.String(), Type.Object({}, { additionalProperties: true })) },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

/** The groups that an entry's `msys` may hold, in words. */
const GROUPS = {
  track_event: {
    display_name: "Engagement Events",
    description: "What recipients do with a message: opens and clicks.",
  },
  unsubscribe_event: {
    display_name: "Unsubscribe Events",
    description: "Recipients who do not want to get messages any more.",
  },
} as const;

export function webhookEventRoutes(): readonly Route[] {
  const base = { method: "GET", grant: "webhooks/view", tag: "Webhooks", ignoresSubaccount: true } as const;
  return [
    route({
      ...base,
      url: "/api/v1/webhooks/events/documentation",
      summary: "List the events that webhooks get, with their fields",
      replies: { 200: DOCUMENTED },
      handle: async () => results(documentation()),
    }),
    route({
      ...base,
      url: "/api/v1/webhooks/events/samples",
      summary: "Get an example of each event as webhooks get it",
      query: [{ name: "events", description: "Event types, separated by commas; all when absent" }],
      replies: { 200: SAMPLES },
      handle: async (call) => {
        const types = eventTypesParameter(call.query, ",") ?? EVENT_TYPES;
        return results(types.map((type) => toWebhookEvent(sampleEvent(type))));
      },
    }),
  ];
}

function documentation(): object {
  const documented = documentEvents();
  const entries = EVENT_TYPES.map((type, index) => {
    const texts = documented[index] as Readonly<Record<string, DocumentedField>>;
    return { type, group: groupOf(type), text: describe(type, texts) };
  });
  return Object.fromEntries(
    Object.entries(GROUPS).map(([name, texts]) => {
      const ofGroup = entries.filter(({ group }) => group === name);
      return [name, { ...texts, events: Object.fromEntries(ofGroup.map(({ type, text }) => [type, text])) }];
    }),
  );
}

/** With the values as a webhook has them: times and numbers are texts there. */
function describe(type: EventType, texts: Readonly<Record<string, DocumentedField>>): object {
  const [sample = {}] = Object.values(toWebhookEvent(documentedEvent(type)).msys);
  const fields = Object.entries(sample as Readonly<Record<string, unknown>>).map(([name, sampleValue]) => [
    name,
    { description: texts[name]?.description ?? "", sampleValue },
  ]);
  return {
    display_name: texts["display_name"]?.sampleValue,
    description: texts["event_description"]?.sampleValue,
    event: Object.fromEntries(fields),
  };
}

function groupOf(type: EventType): string | undefined {
  return Object.keys(toWebhookEvent(sampleEvent(type)).msys)[0];
}
