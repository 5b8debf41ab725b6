/**
 * The last clicks on the messages that were clicked last, in memory that is bounded whatever comes. A click learns
 * what it was part of when those behind it have come, and never unlearns it.
 */
import type { EventType } from "../domain/event.ts";
import { MESSAGE_RULES } from "./classification-rules.ts";
import { type MessageClick, WINDOW_MS } from "./message-clicks.ts";
import type { Classification } from "./recorded-event.ts";

export interface WindowClick extends MessageClick {
  readonly eventId: bigint;
  readonly type: EventType;
  /** What the click shows alone. */
  readonly own: Classification;
  /** Whether the store has it, or will before the next batch. */
  isStored: boolean;
  /** What it is part of with the others of its message: a bit for each of {@link MESSAGE_RULES}. Bits are only added. */
  found: number;
}

interface Message {
  readonly key: string;
  /** The earliest first. */
  clicks: WindowClick[];
  /** When the one that came last was made: an edge whose clock is ahead makes the latest one, and others come after it. */
  cameLastMs: number;
}

/** Of all messages together: ten seconds of 5,000 clicks a second, in about 20 MB. */
const MAX_CLICKS = 50_000;
/** Of one message between batches: whoever clicks more in ten seconds is found by the last of them, too. */
const MAX_CLICKS_OF_MESSAGE = 64;
/** Of one message at once: bounds the time that a flood on one link takes, which grows with the square. */
const MAX_CLICKS_AT_ONCE = 256;

export class ClickWindow {
  /** The one that was clicked last comes last. */
  readonly #messages = new Map<string, Message>();
  readonly #touched = new Set<Message>();
  #changed = new Set<WindowClick>();
  #size = 0;

  /** How many clicks it holds. */
  get size(): number {
    return this.#size;
  }

  /** Returns the click that it holds: the given one, or the one with the same id that came before. */
  add(key: string, click: WindowClick): WindowClick {
    const message = this.#messages.get(key) ?? { key, clicks: [], cameLastMs: 0 };
    this.#messages.delete(key);
    this.#messages.set(key, message);
    const known = message.clicks.find(({ eventId }) => eventId === click.eventId);
    if (known !== undefined) return known;
    if (message.clicks.length >= MAX_CLICKS_AT_ONCE) this.#judge(message);
    insert(message.clicks, click);
    message.cameLastMs = click.timestampMs;
    this.#size += 1;
    this.#touched.add(message);
    return click;
  }

  /** The clicks about which something was found since the last call. Forgets what is too old or too much. */
  settle(): ReadonlySet<WindowClick> {
    for (const message of this.#touched) this.#judge(message);
    this.#touched.clear();
    for (const message of this.#messages.values()) {
      if (this.#size <= MAX_CLICKS) break;
      this.#messages.delete(message.key);
      this.#size -= message.clicks.length;
    }
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  clear(): void {
    this.#messages.clear();
    this.#touched.clear();
    this.#changed.clear();
    this.#size = 0;
  }

  #judge(message: Message): void {
    const { clicks } = message;
    // Alone, a click is part of nothing, except that the honeypot speaks for itself.
    if (clicks.length > 1 || clicks[0]?.isHoneypot === true) {
      for (const [bit, rule] of MESSAGE_RULES.entries()) {
        for (const index of rule.find(clicks)) this.#mark(clicks[index] as WindowClick, 1 << bit);
      }
    }
    const newest = clicks.at(-1)?.timestampMs ?? 0;
    const isNear = ({ timestampMs }: WindowClick): boolean =>
      newest - timestampMs <= WINDOW_MS || Math.abs(message.cameLastMs - timestampMs) <= WINDOW_MS;
    const kept = clicks.filter(isNear).slice(-MAX_CLICKS_OF_MESSAGE);
    this.#size -= clicks.length - kept.length;
    message.clicks = kept;
  }

  #mark(click: WindowClick, bit: number): void {
    if ((click.found & bit) !== 0) return;
    click.found |= bit;
    this.#changed.add(click);
  }
}

/** They come almost in order: two edges' clocks and spools differ a little. */
function insert(clicks: WindowClick[], click: WindowClick): void {
  let at = clicks.length;
  while (at > 0 && (clicks[at - 1] as WindowClick).timestampMs > click.timestampMs) at -= 1;
  clicks.splice(at, 0, click);
}
