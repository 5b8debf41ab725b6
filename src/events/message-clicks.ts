/**
 * What the clicks on one message show together: how many links, how fast, how soon. Pure, over clicks in the order
 * of time; each function gives the indices of the clicks that it is about.
 */

export interface MessageClick {
  readonly timestampMs: number;
  readonly sentAtMs: number;
  /** Equal for clicks on the same link. */
  readonly link: number;
  readonly isUnsubscribe: boolean;
  readonly isHoneypot: boolean;
}

/** The earliest first. */
export type ClicksOfMessage = readonly MessageClick[];

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** Nobody opens so many different links in so short a time by hand; two or three happen with a fast double click. */
const BURST_LINKS = 5;
const BURST_MS = SECOND_MS;
const SERIES_MS = 10 * SECOND_MS;
const SERIES_BEGINS_WITHIN_MS = 5 * MINUTE_MS;
const HONEYPOT_MS = 10 * SECOND_MS;
const UNSUBSCRIBE_WITHIN_MS = 2 * MINUTE_MS;
const UNSUBSCRIBE_COMPANY_MS = 10 * SECOND_MS;

/** Clicks that lie farther apart say nothing about each other. */
export const WINDOW_MS = Math.max(BURST_MS, SERIES_MS, HONEYPOT_MS, UNSUBSCRIBE_COMPANY_MS);

/** Five different links within a second. */
export function withinBursts(clicks: ClicksOfMessage): readonly number[] {
  return inWindows(clicks, BURST_MS, () => true);
}

/** Five different links within ten seconds, begun within five minutes of sending. */
export function earlySeries(clicks: ClicksOfMessage): readonly number[] {
  return inWindows(
    clicks,
    SERIES_MS,
    ({ timestampMs, sentAtMs }) => timestampMs - sentAtMs <= SERIES_BEGINS_WITHIN_MS,
  );
}

/** The invisible link, and what was clicked within ten seconds of it, before or after. */
export function nearHoneypot(clicks: ClicksOfMessage): readonly number[] {
  const honeypots = clicks.filter(({ isHoneypot }) => isHoneypot);
  if (honeypots.length === 0) return [];
  return indicesWhere(clicks, (click) => honeypots.some((honeypot) => isNear(click, honeypot, HONEYPOT_MS)));
}

/** An unsubscribe link within two minutes of sending, with another link within ten seconds of it. */
export function earlyUnsubscribes(clicks: ClicksOfMessage): readonly number[] {
  return indicesWhere(
    clicks,
    (click) =>
      click.isUnsubscribe &&
      click.timestampMs - click.sentAtMs <= UNSUBSCRIBE_WITHIN_MS &&
      clicks.some((other) => other.link !== click.link && isNear(other, click, UNSUBSCRIBE_COMPANY_MS)),
  );
}

function isNear(one: MessageClick, other: MessageClick, withinMs: number): boolean {
  return Math.abs(one.timestampMs - other.timestampMs) <= withinMs;
}

function indicesWhere(clicks: ClicksOfMessage, matches: (click: MessageClick) => boolean): readonly number[] {
  return clicks.flatMap((click, index) => (matches(click) ? [index] : []));
}

/** The clicks in any window of so many milliseconds that has enough different links and a first click that counts. */
function inWindows(
  clicks: ClicksOfMessage,
  widthMs: number,
  countsAsFirst: (click: MessageClick) => boolean,
): readonly number[] {
  if (clicks.length < BURST_LINKS) return [];
  const found: number[] = [];
  const timesSeen = new Map<number, number>();
  let start = 0;
  for (const [end, click] of clicks.entries()) {
    timesSeen.set(click.link, (timesSeen.get(click.link) ?? 0) + 1);
    for (; start < end; start++) {
      const first = clicks[start] as MessageClick;
      if (click.timestampMs - first.timestampMs <= widthMs) break;
      const times = (timesSeen.get(first.link) ?? 1) - 1;
      if (times === 0) timesSeen.delete(first.link);
      else timesSeen.set(first.link, times);
    }
    if (timesSeen.size < BURST_LINKS || !countsAsFirst(clicks[start] as MessageClick)) continue;
    for (let index = Math.max(start, (found.at(-1) ?? -1) + 1); index <= end; index++) found.push(index);
  }
  return found;
}
