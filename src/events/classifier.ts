/**
 * Classifies events batch by batch, and corrects earlier ones: a burst is known at its fifth click, and then its first
 * four are part of it, too. It knows the clicks that it was given itself, and those that it was told of.
 */
import type { EngagementEvent, EventType } from "../domain/event.ts";
import { isHoneypot } from "../domain/honeypot.ts";
import { type ClassificationContext, classify, joined } from "./classification.ts";
import { kindOf, MESSAGE_RULES } from "./classification-rules.ts";
import { ClickWindow, type WindowClick } from "./click-window.ts";
import type { Reclassification } from "./event-store.ts";
import type { EnrichedBatch } from "./ingest.ts";
import type { Classification, RecordedEvent } from "./recorded-event.ts";

export interface ClassifierOptions {
  /** Asked for each batch: an operator's lists change while the process runs. */
  readonly context: () => ClassificationContext;
}

export interface Classifier {
  /** As many events as were given, in their order; corrections of those that were given before, or told of. */
  classify(events: readonly RecordedEvent[]): EnrichedBatch;
  /** Tells of stored events, in any order: what comes next may belong to them. */
  recall(stored: readonly RecordedEvent[]): void;
  /** Forgets all clicks: what was given may not have been stored. */
  forget(): void;
}

export function createClassifier({ context }: ClassifierOptions): Classifier {
  const window = new ClickWindow();
  return {
    classify(events) {
      const rules = context();
      const classified = events.map((event): RecordedEvent => {
        const classification = classify(event, rules);
        // Most are people's, and stay as they are.
        if (classification === event.classification) return event;
        return { ...event, type: typeAs(event.type, classification), classification };
      });
      const clicks = new Map<number, WindowClick>();
      for (const [index, event] of events.entries()) {
        const own = (classified[index] as RecordedEvent).classification;
        if (isCounted(event, own)) clicks.set(index, window.add(keyOf(event), clickOf(event, own)));
      }
      const corrections = [...window.settle()].filter(({ isStored }) => isStored).map(toCorrection);
      for (const [index, click] of clicks) {
        if (click.found !== 0) classified[index] = relabelled(classified[index] as RecordedEvent, click);
        click.isStored = true;
      }
      return { events: classified, corrections };
    },
    recall(stored) {
      for (const event of stored) {
        const { classification } = event;
        if (isCounted(event, classification)) window.add(keyOf(event), recalledClick(event));
      }
    },
    forget: () => window.clear(),
  };
}

/** An unsubscribe link that a machine followed is a click: scanners must not unsubscribe people. */
function typeAs(type: EventType, { isBot, isPrefetched }: Classification): EventType {
  return type === "link_unsubscribe" && (isBot || isPrefetched) ? "click" : type;
}

/** The type that a correction can give an event of this type. */
export function mayBecome(type: EventType): EventType | undefined {
  return type === "link_unsubscribe" ? "click" : undefined;
}

/** What is fetched ahead of a click is no click, however many links a browser prefetches at once. */
function isCounted({ type }: EngagementEvent, { isPrefetched }: Classification): boolean {
  return kindOf(type) === "clicks" && !isPrefetched;
}

/** The same message to somebody else, or of another tenant that chose the same id, is another one. */
function keyOf({ subaccountId, messageId, rcptTo }: EngagementEvent): string {
  return `${subaccountId} ${messageId} ${rcptTo}`;
}

function clickOf(event: EngagementEvent, own: Classification): WindowClick {
  return {
    eventId: event.eventId,
    type: event.type,
    timestampMs: event.timestampMs,
    sentAtMs: event.sentAtSeconds * 1000,
    link: linkOf(event),
    isUnsubscribe: event.type === "link_unsubscribe",
    isHoneypot: isHoneypot(event),
    own,
    isStored: false,
    found: 0,
  };
}

function recalledClick(event: RecordedEvent): WindowClick {
  const { reasons } = event.classification;
  const own = reasons.filter((reason) => !MESSAGE_RULES.some((rule) => rule.reason === reason));
  const found = MESSAGE_RULES.reduce(
    (bits, { reason }, bit) => bits | (reasons.includes(reason) ? 1 << bit : 0),
    0,
  );
  return { ...clickOf(event, { ...event.classification, reasons: own }), isStored: true, found };
}

function relabelled(event: RecordedEvent, click: WindowClick): RecordedEvent {
  const classification = classificationOf(click);
  return { ...event, type: typeAs(event.type, classification), classification };
}

function toCorrection(click: WindowClick): Reclassification {
  const { eventId, timestampMs, type } = click;
  const classification = classificationOf(click);
  return { eventId, timestampMs, type: typeAs(type, classification), classification };
}

/** The rules in the order of the table, whichever was found first. */
function classificationOf({ own, found }: WindowClick): Classification {
  return joined(
    own,
    MESSAGE_RULES.filter((_, bit) => (found & (1 << bit)) !== 0),
  );
}

/** FNV-1a, 32 bits: tells links of a message apart in a number, where their URLs could be 4 KB each. */
function linkOf({ targetLinkUrl = "", targetLinkName = "" }: EngagementEvent): number {
  return fnv1a(targetLinkName, fnv1a(targetLinkUrl, FNV_OFFSET));
}

function fnv1a(text: string, start: number): number {
  let hash = start;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  return hash;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
