/** What the metrics should be, counted from a list of events as their documentation says, and no faster than that. */
import type { EventType } from "../../src/domain/event.ts";
import type { WrappedCall } from "../../src/events/message-store.ts";
import type { RecordedEvent } from "../../src/events/recorded-event.ts";
import type { MetricQuestion, MetricRow } from "../../src/metrics/answer.ts";
import type { Dimension } from "../../src/metrics/columns.ts";

const QUARTER_MS = 900_000;

export interface Model {
  readonly events: readonly RecordedEvent[];
  readonly sent: readonly WrappedCall[];
  /** Days before this one are dropped. */
  readonly keptFromMs: number;
}

/** For hours, days and months only. */
export function expectedRows(model: Model, question: MetricQuestion): readonly MetricRow[] {
  const { fromMs, toMs, nowMs, by, metrics } = question;
  const [knownFrom, knownTo] = [Math.max(fromMs, model.keptFromMs), Math.min(toMs, nowMs + 1)];
  if (knownFrom >= knownTo) return [];
  const labelOf = createLabels(question);
  const asked = new Set(momentsOf(fromMs, toMs).map(labelOf));
  const events = model.events.filter(
    (event) => asked.has(labelOf(event.timestampMs)) && isWanted(question, (name) => textOf(name, event)),
  );
  const calls = model.sent.filter(
    (call) =>
      asked.has(labelOf(call.sentAtSeconds * 1000)) &&
      call.messages.length > 0 &&
      isWanted(question, (name) => textOfCall(name, call)),
  );
  const row = (label: string, ofEvents: readonly RecordedEvent[], ofCalls: readonly WrappedCall[]) => ({
    label,
    counts: metrics.map((name) => countSent(name, ofCalls) ?? countEvents(name, ofEvents)),
  });
  if (by === "all") return [row("", events, calls)];
  if (by === "time") {
    const labels = new Set(momentsOf(knownFrom, knownTo).map(labelOf));
    return [...labels].map((label) =>
      row(
        label,
        events.filter((event) => labelOf(event.timestampMs) === label),
        calls.filter((call) => labelOf(call.sentAtSeconds * 1000) === label),
      ),
    );
  }
  const texts = new Set([
    ...events.map((event) => textOf(by, event)),
    ...(by === "linkName" ? [] : calls.map((call) => textOfCall(by, call))),
  ]);
  const order = metrics.indexOf(question.orderBy);
  return [...texts]
    .map((text) =>
      row(
        text,
        events.filter((event) => textOf(by, event) === text),
        calls.filter((call) => by !== "linkName" && textOfCall(by, call) === text),
      ),
    )
    .filter(({ counts }) => counts.some((count) => count > 0))
    .sort((one, other) => other.counts[order]! - one.counts[order]! || (one.label < other.label ? -1 : 1));
}

/** Every quarter of an hour: all zones change their clocks at one. */
function momentsOf(fromMs: number, toMs: number): readonly number[] {
  const count = Math.ceil((toMs - fromMs) / QUARTER_MS);
  return [...Array.from({ length: count }, (_, index) => fromMs + index * QUARTER_MS), toMs - 1];
}

/** The hour, day or month that a moment is in, as a clock and a calendar on the wall show it. */
function createLabels({ precision, timeZone }: MetricQuestion): (momentMs: number) => string {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", timeZoneName: "longOffset" },
  });
  const known = new Map<number, string>();
  return (momentMs) => {
    const quarter = Math.floor(momentMs / QUARTER_MS);
    const parts = Object.fromEntries(
      known.has(quarter) ? [] : format.formatToParts(momentMs).map(({ type, value }) => [type, value]),
    );
    const { year, month, day, hour, timeZoneName } = parts;
    const label =
      known.get(quarter) ??
      {
        month: `${year}-${month}`,
        day: `${year}-${month}-${day}`,
        hour: `${year}-${month}-${day}T${hour}${timeZoneName?.replace(/^GMT$/, "GMT+00:00")}`,
      }[precision as "month" | "day" | "hour"];
    known.set(quarter, label);
    return label;
  };
}

/** Labels of the index, as {@link createLabels} writes them. */
export function shortLabel(label: string, { by, precision }: MetricQuestion): string {
  if (by !== "time") return label;
  if (precision === "month") return label.slice(0, 7);
  if (precision === "day") return label.slice(0, 10);
  return `${label.slice(0, 13)}GMT${label.slice(19)}`;
}

function isWanted({ filters }: MetricQuestion, textOf: (name: Dimension) => string): boolean {
  return filters.every(({ dimension, texts }) => texts.includes(textOf(dimension)));
}

function textOf(dimension: Dimension, event: RecordedEvent): string {
  switch (dimension) {
    case "campaign":
      return event.facts?.campaignId ?? "";
    case "recipientDomain":
      return event.rcptTo.split("@")[1]!.toLowerCase();
    case "subaccount":
      return String(event.subaccountId);
    case "sendingDomain":
      return event.facts?.sendingDomain ?? "";
    case "trackingDomain":
      return event.trackingDomain;
    case "template":
      return event.facts?.templateId ?? "";
    case "linkName":
      return event.targetLinkName ?? "";
  }
}

function textOfCall(dimension: Dimension, call: WrappedCall): string {
  if (dimension === "linkName") return "";
  const { subaccountId, trackingDomain, facts } = call;
  const rcptTo = call.messages[0]?.rcptTo ?? "";
  return textOf(dimension, { subaccountId, trackingDomain, facts, rcptTo } as RecordedEvent);
}

/** `undefined` for a metric of something else. */
function countSent(name: string, calls: readonly WrappedCall[]): number | undefined {
  const total = (found: readonly WrappedCall[]) =>
    new Set(
      found.flatMap(({ subaccountId, messages }) =>
        messages.map(({ messageId }) => `${subaccountId} ${messageId}`),
      ),
    ).size;
  switch (name) {
    case "count_targeted":
    case "count_injected":
      return total(calls.filter(({ facts }) => facts.openTracking || facts.clickTracking));
    case "count_open_tracked":
      return total(calls.filter(({ facts }) => facts.openTracking));
    case "count_click_tracked":
      return total(calls.filter(({ facts }) => facts.clickTracking));
  }
  return undefined;
}

function countEvents(name: string, events: readonly RecordedEvent[]): number {
  const [, audience = "", measure = ""] = /^count_(nonprefetched_|nonbot_|human_)?(.*)$/.exec(name) ?? [];
  const heard = events.filter(({ classification: { isPrefetched, isBot } }) => {
    if (audience === "nonprefetched_") return !isPrefetched;
    if (audience === "nonbot_") return !isBot;
    return audience === "" || !(isPrefetched || isBot);
  });
  const of = (...types: EventType[]) => heard.filter(({ type }) => types.includes(type));
  const messages = (found: readonly RecordedEvent[]) => new Set(found.map(messageOf)).size;
  const clicks = of("click", "amp_click");
  const opens = of("open", "amp_open");
  const initialOpens = of("initial_open", "amp_initial_open");
  const counts: Readonly<Record<string, () => number>> = {
    clicked: () => clicks.length,
    unique_clicked: () => messages(clicks),
    raw_clicked: () => new Set(clicks.map((click) => `${messageOf(click)} ${linkOf(click)}`)).size,
    rendered: () => opens.length,
    unique_rendered: () => messages(opens),
    initial_rendered: () => initialOpens.length,
    unique_initial_rendered: () => messages(initialOpens),
    unique_confirmed_opened: () => messages(heard),
    unsubscribe: () => of("link_unsubscribe").length,
  };
  const count = counts[measure];
  if (count === undefined) throw new Error(`unknown metric ${name}`);
  return count();
}

function messageOf({ subaccountId, messageId }: RecordedEvent): string {
  return `${subaccountId} ${messageId}`;
}

/** Links of one name are one link. */
function linkOf({ targetLinkName, targetLinkUrl }: RecordedEvent): string {
  return targetLinkName === undefined ? `url ${targetLinkUrl}` : `name ${targetLinkName}`;
}
