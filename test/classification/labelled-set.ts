/**
 * Opens and clicks whose origin is known because they are made up: from documented user agents, the vendors' networks
 * and published figures of how scanners behave. Each says who it is from, and by which rules it should be known; none where
 * it is one that nothing gives away. The same seed gives the same set.
 */
import type { EngagementEvent, EventType } from "../../src/domain/event.ts";
import { HONEYPOT_LINK_NAME } from "../../src/domain/honeypot.ts";
import type { MessageId } from "../../src/domain/message-id.ts";
import * as agents from "./user-agents.ts";

export const LABELS = ["human", "prefetch", "proxy", "bot"] as const;
export type Label = (typeof LABELS)[number];

export interface LabelledEvent {
  readonly event: EngagementEvent;
  readonly label: Label;
  readonly scenario: string;
  /** The reasons that it should get, in their order. */
  readonly reasons: readonly string[];
}

/** An event before it has an id; times are milliseconds after sending. */
interface Act {
  readonly type: EventType;
  readonly atMs: number;
  readonly label: Label;
  readonly reasons: readonly string[];
  readonly request: Partial<EngagementEvent>;
  /** 1 to 9; 0 is the unsubscribe link. */
  readonly link?: number;
}

interface Scenario {
  readonly name: string;
  readonly messages: number;
  readonly play: (random: Random) => readonly Act[];
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const SENT_FROM_MS = Date.UTC(2026, 10, 22, 8);
const SENT_WITHIN_MS = 6 * HOUR;

export function createLabelledSet(seed: number): readonly LabelledEvent[] {
  const random = new Random(seed);
  const acts = SCENARIOS.flatMap((scenario) =>
    Array.from({ length: scenario.messages }, () => message(scenario, random)).flat(),
  );
  return acts
    .toSorted((a, b) => a.event.timestampMs - b.event.timestampMs)
    .map((labelled, index) => ({
      ...labelled,
      event: { ...labelled.event, eventId: BigInt(index + 1) },
    }));
}

function message({ name, play }: Scenario, random: Random): readonly LabelledEvent[] {
  // Tokens carry whole seconds.
  const sentAtMs = SENT_FROM_MS + random.whole(0, SENT_WITHIN_MS / SECOND) * SECOND;
  const messageId = random.hex(20) as MessageId;
  return play(random).map(({ type, atMs, label, reasons, request, link }) => ({
    label,
    scenario: name,
    reasons,
    event: {
      eventId: 0n,
      type,
      timestampMs: sentAtMs + Math.round(atMs),
      subaccountId: 0,
      messageId,
      rcptTo: "reader@example.com",
      sentAtSeconds: sentAtMs / SECOND,
      trackingDomain: "click.acme.example",
      ...(link === undefined ? {} : { targetLinkUrl: `https://acme.example/${link}` }),
      ...request,
    },
  }));
}

const reader = (random: Random, list: readonly string[] = agents.BROWSERS): Partial<EngagementEvent> => ({
  userAgent: random.oneOf(list),
  ipAddress: `198.51.100.${random.whole(1, 254)}`,
  acceptLanguage: "en-GB,en;q=0.9",
});
/** A scanner that looks like a browser, in a cloud that no list has. */
const disguised = (random: Random): Partial<EngagementEvent> => ({
  userAgent: random.oneOf(agents.BROWSERS),
  ipAddress: `203.0.113.${random.whole(1, 254)}`,
});

const open = (atMs: number, label: Label, request: Partial<EngagementEvent>, ...reasons: string[]): Act => ({
  type: "open",
  atMs,
  label,
  request,
  reasons,
});
const click = (
  atMs: number,
  link: number,
  label: Label,
  request: Partial<EngagementEvent>,
  ...reasons: string[]
): Act => ({ type: link === 0 ? "link_unsubscribe" : "click", atMs, label, link, request, reasons });

/** Every link of a message, with so many milliseconds between two. */
function walk(
  { startMs, links, gapMs }: { startMs: number; links: number; gapMs: () => number },
  act: (atMs: number, link: number) => Act,
): readonly Act[] {
  let atMs = startMs;
  return Array.from({ length: links }, (_, index) => {
    if (index > 0) atMs += gapMs();
    return act(atMs, (index + 1) % links);
  });
}

/** When people read: minutes to a day, most within hours. */
const readingTime = (random: Random) => Math.exp(random.between(Math.log(2 * MINUTE), Math.log(24 * HOUR)));

/** As published of 836 bursts: 0.5% within 10 s, 2.2% to 20 s, 66.4% to 60 s, 28.3% to 5 min, 1.9% to 30 min, the rest later. */
function burstStart(random: Random): number {
  const steps = [
    [0.005, 1, 10],
    [0.022, 10, 20],
    [0.664, 20, 60],
    [0.283, 60, 299],
    [0.019, 301, 1800],
    [1, 3600, 86_400],
  ] as const;
  let share = random.between(0, 1);
  for (const [weight, from, to] of steps) {
    if (share < weight) return random.between(from, to) * SECOND;
    share -= weight;
  }
  return DAY_LATER_MS;
}
const DAY_LATER_MS = 20 * HOUR;

const EARLY_MS = 5 * MINUTE;
const burstReasons = (startMs: number) =>
  startMs <= EARLY_MS ? ["click_burst", "early_click_series"] : ["click_burst"];

const PEOPLE: readonly Scenario[] = [
  {
    name: "reads in a browser, clicks now and then",
    messages: 900,
    play: (random) => {
      const request = reader(random);
      const atMs = readingTime(random);
      const clicks = walk(
        {
          startMs: atMs + random.between(4, 40) * SECOND,
          links: random.whole(1, 3),
          gapMs: () => random.between(15, 300) * SECOND,
        },
        (clickMs, link) => click(clickMs, link + 1, "human", request),
      );
      return [open(atMs, "human", request), ...clicks];
    },
  },
  {
    name: "reads in a mail program, clicks in a browser",
    messages: 500,
    play: (random) => {
      const atMs = readingTime(random);
      return [
        open(atMs, "human", reader(random, agents.MAIL_READERS)),
        click(atMs + random.between(5, 90) * SECOND, random.whole(1, 9), "human", reader(random)),
      ];
    },
  },
  {
    name: "opens many links in tabs, later on",
    messages: 60,
    play: (random) =>
      walk(
        {
          startMs: random.between(6 * MINUTE, 8 * HOUR),
          links: 6,
          gapMs: () => random.between(0.7, 1.6) * SECOND,
        },
        (atMs, link) => click(atMs, link, "human", reader(random)),
      ),
  },
  {
    name: "opens many links in tabs, slowly, right after sending",
    messages: 30,
    play: (random) =>
      walk(
        { startMs: random.between(30, 120) * SECOND, links: 6, gapMs: () => random.between(2.6, 4) * SECOND },
        (atMs, link) => click(atMs, link + 1, "human", reader(random)),
      ),
  },
  {
    name: "opens many links in tabs, fast, right after sending",
    messages: 10,
    play: (random) =>
      walk(
        { startMs: random.between(30, 120) * SECOND, links: 6, gapMs: () => random.between(1, 1.6) * SECOND },
        (atMs, link) => click(atMs, link + 1, "human", reader(random), "early_click_series"),
      ),
  },
  {
    name: "clicks a link twice or thrice in a second",
    messages: 100,
    play: (random) => {
      const request = reader(random);
      const atMs = random.between(10 * SECOND, 3 * HOUR);
      return walk(
        { startMs: atMs, links: random.whole(2, 3), gapMs: () => random.between(90, 300) },
        (clickMs) => click(clickMs, 4, "human", request),
      );
    },
  },
  {
    name: "unsubscribes within two minutes, and clicks nothing else",
    messages: 40,
    play: (random) => [click(random.between(15, 110) * SECOND, 0, "human", reader(random))],
  },
  {
    name: "unsubscribes later, after a click",
    messages: 60,
    play: (random) => {
      const request = reader(random);
      const atMs = random.between(3 * MINUTE, 8 * HOUR);
      return [click(atMs, 2, "human", request), click(atMs + 6 * SECOND, 0, "human", request)];
    },
  },
  {
    name: "taps a link that an app claims",
    messages: 100,
    play: (random) => [click(readingTime(random), random.whole(1, 9), "human", reader(random, agents.APPS))],
  },
  {
    name: "reads in a mail program that no list has",
    messages: 40,
    play: (random) => [open(readingTime(random), "human", reader(random, agents.UNKNOWN_PROGRAMS))],
  },
  {
    name: "reads in a mail program without a user agent",
    messages: 40,
    play: (random) => {
      const { userAgent: _, ...request } = reader(random);
      return [open(random.between(5 * MINUTE, 8 * HOUR), "human", request)];
    },
  },
];

const PROXIES: readonly Scenario[] = [
  {
    name: "reads in Gmail, clicks in a browser",
    messages: 700,
    play: (random) => {
      const atMs = readingTime(random);
      const proxy = { userAgent: agents.GMAIL_PROXY, ipAddress: `66.249.84.${random.whole(1, 254)}` };
      return [
        open(atMs, "proxy", proxy, "gmail_image_proxy"),
        click(atMs + random.between(5, 60) * SECOND, random.whole(1, 9), "human", reader(random)),
      ];
    },
  },
  {
    name: "reads at Yahoo",
    messages: 150,
    play: (random) => [
      open(readingTime(random), "proxy", { userAgent: agents.YAHOO_PROXY }, "yahoo_mail_proxy"),
    ],
  },
  {
    name: "reads at HEY",
    messages: 40,
    play: (random) => [open(readingTime(random), "proxy", { userAgent: agents.HEY_PROXY }, "image_proxy")],
  },
  {
    name: "presses a button of Gmail's",
    messages: 20,
    play: (random) => [
      click(readingTime(random), 3, "proxy", { userAgent: agents.GMAIL_ACTIONS }, "gmail_actions"),
    ],
  },
  {
    name: "comes through a CDN that hides the user agent",
    messages: 60,
    play: (random) => [click(readingTime(random), 3, "proxy", { userAgent: agents.CLOUDFRONT }, "cdn")],
  },
];

const PREFETCHERS: readonly Scenario[] = [
  {
    name: "Apple's Mail Privacy Protection loads, a person may click",
    messages: 900,
    play: (random) => {
      const request = {
        userAgent: agents.APPLE_MAIL_PRIVACY,
        ipAddress: `172.225.9.${random.whole(1, 254)}`,
      };
      const atMs = random.between(20 * SECOND, 20 * HOUR);
      const opened = open(atMs, "prefetch", request, "apple_mail_privacy");
      const clicked = click(atMs + readingTime(random), 5, "human", reader(random));
      return random.between(0, 1) < 0.2 ? [opened, clicked] : [opened];
    },
  },
  {
    name: "Gmail loads before it shows",
    messages: 60,
    play: (random) => [
      open(
        random.between(2, 40) * SECOND,
        "prefetch",
        { userAgent: agents.GMAIL_PREFETCH },
        "gmail_prefetch",
      ),
    ],
  },
  {
    name: "a browser fetches all links of an open mail ahead",
    messages: 40,
    play: (random) => {
      const request = { ...reader(random), purpose: random.oneOf(["prefetch", "prerender"] as const) };
      return walk(
        { startMs: readingTime(random), links: 7, gapMs: () => random.between(2, 40) },
        (atMs, link) => click(atMs, link + 1, "prefetch", request, "prefetch_header"),
      );
    },
  },
  {
    name: "Office looks before a person's browser asks",
    messages: 40,
    play: (random) => {
      const atMs = readingTime(random);
      return [
        click(atMs, 6, "prefetch", { userAgent: agents.OFFICE_DISCOVERY }, "office_discovery"),
        click(atMs + 400, 6, "human", reader(random)),
      ];
    },
  },
];

const NETWORKS = [
  ["barracuda_network", "209.222.82."],
  ["proofpoint_network", "67.231.152."],
  ["mimecast_network", "207.211.30."],
] as const;

const MACHINES: readonly Scenario[] = [
  {
    name: "a disguised gateway looks at the pixel, then follows all links at once",
    messages: 300,
    play: (random) => {
      const startMs = burstStart(random);
      const opened = open(startMs * random.between(0.1, 0.4), "bot", disguised(random));
      const clicks = walk(
        { startMs, links: random.whole(7, 10), gapMs: () => random.between(5, 90) },
        (atMs, link) =>
          click(
            atMs,
            link,
            "bot",
            disguised(random),
            ...burstReasons(startMs),
            ...unsubscribeReason(link, atMs),
          ),
      );
      return [opened, ...clicks];
    },
  },
  {
    name: "a disguised gateway follows a link a second",
    messages: 80,
    play: (random) =>
      walk(
        {
          startMs: random.between(20, 250) * SECOND,
          links: 8,
          gapMs: () => random.between(0.85, 1.3) * SECOND,
        },
        (atMs, link) =>
          click(atMs, link, "bot", disguised(random), "early_click_series", ...unsubscribeReason(link, atMs)),
      ),
  },
  {
    name: "a disguised gateway follows the only two links",
    messages: 60,
    play: (random) => {
      const atMs = random.between(20, 90) * SECOND;
      return [
        click(atMs, 1, "bot", disguised(random)),
        click(atMs + random.between(0.2, 3) * SECOND, 0, "bot", disguised(random), "early_unsubscribe"),
      ];
    },
  },
  {
    name: "a disguised gateway follows a link every few seconds",
    messages: 40,
    play: (random) =>
      walk(
        { startMs: random.between(20, 250) * SECOND, links: 6, gapMs: () => random.between(2.6, 5) * SECOND },
        (atMs, link) => click(atMs, link + 1, "bot", disguised(random)),
      ),
  },
  {
    name: "a disguised gateway follows the first link alone",
    messages: 60,
    play: (random) => [click(random.between(20, 250) * SECOND, 1, "bot", disguised(random))],
  },
  {
    name: "a disguised gateway walks slowly into the honeypot",
    messages: 60,
    play: (random) => {
      const startMs = random.between(20, 250) * SECOND;
      const gap = random.between(2.6, 3.2) * SECOND;
      // Behind four links: all of them are within ten seconds of it.
      const clicks = [1, 2, 3, 4].map((link, index) =>
        click(startMs + index * gap, link, "bot", disguised(random), ...(index === 0 ? [] : ["honeypot"])),
      );
      const trap = {
        targetLinkUrl: "http://click.acme.example/robots.txt",
        targetLinkName: HONEYPOT_LINK_NAME,
      };
      return [...clicks, click(startMs + 4 * gap, 9, "bot", { ...disguised(random), ...trap }, "honeypot")];
    },
  },
  {
    name: "a vendor's gateway, known by its network, follows a few links",
    messages: 120,
    play: (random) => {
      const [reason, prefix] = random.oneOf(NETWORKS);
      const request = { ...disguised(random), ipAddress: `${prefix}${random.whole(1, 254)}` };
      const startMs = random.between(15, 400) * SECOND;
      const opened = open(startMs - 5 * SECOND, "bot", request, reason);
      const clicks = walk({ startMs, links: 3, gapMs: () => random.between(0.1, 2) * SECOND }, (atMs, link) =>
        click(atMs, link + 1, "bot", request, reason),
      );
      return [opened, ...clicks];
    },
  },
  {
    name: "Safe Links follows a few links from Microsoft's mail network",
    messages: 120,
    play: (random) =>
      walk(
        { startMs: random.between(15, 400) * SECOND, links: 3, gapMs: () => random.between(0.1, 2) * SECOND },
        (atMs, link) =>
          click(
            atMs,
            link + 1,
            "bot",
            { ...disguised(random), ipAddress: `40.94.${random.whole(0, 255)}.${random.whole(1, 254)}` },
            "microsoft_mail_network",
          ),
      ),
  },
  {
    name: "a scanner, a preview or a library that says what it is",
    messages: 120,
    play: (random) => {
      const [reason, list] = random.oneOf([
        ["security_scanner", agents.SCANNERS],
        ["link_preview", agents.PREVIEWS],
        ["automated_client", agents.AUTOMATED],
        ["unreleased_browser", [agents.GMAIL_SAMPLING]],
        ["unknown_program", ["axios/1.6.2", "AHC/2.1"]],
        ["bare_user_agent", [agents.APPLE_MAIL_PRIVACY]],
      ] as const);
      const request = { ...disguised(random), userAgent: random.oneOf(list) };
      return [click(random.between(10, 4000) * SECOND, random.whole(1, 9), "bot", request, reason)];
    },
  },
  {
    name: "something without a user agent",
    messages: 40,
    play: (random) => {
      const { userAgent: _, ...request } = disguised(random);
      const atMs = random.between(3, 50) * SECOND;
      return [
        open(atMs, "bot", request, "early_open_without_user_agent"),
        click(atMs + 9 * SECOND, 1, "bot", request, "no_user_agent"),
      ];
    },
  },
];

const SCENARIOS: readonly Scenario[] = [...PEOPLE, ...PROXIES, ...PREFETCHERS, ...MACHINES];

/** In a walk over all links the unsubscribe link is the last, and another one is right before it. */
function unsubscribeReason(link: number, atMs: number): readonly string[] {
  return link === 0 && atMs <= 2 * MINUTE ? ["early_unsubscribe"] : [];
}

/** mulberry32: small, seeded, good enough to make things up. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  between(from: number, to: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return from + (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * (to - from);
  }

  whole(from: number, to: number): number {
    return Math.floor(this.between(from, to + 1));
  }

  oneOf<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length - 1)] as T;
  }

  hex(length: number): string {
    return Array.from({ length }, () => this.whole(0, 15).toString(16)).join("");
  }
}
