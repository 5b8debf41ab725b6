/** Each rule alone: what it is about, and what is just not that. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { HONEYPOT_LINK_NAME } from "../../src/domain/honeypot.ts";
import { createContext } from "../../src/events/classification.ts";
import { MARKS, type Mark, RULES } from "../../src/events/classification-rules.ts";
import { createClassifier } from "../../src/events/classifier.ts";
import type { Classification, RecordedEvent } from "../../src/events/recorded-event.ts";
import { clicksAt, eventOf, without } from "./events.ts";
import * as agents from "./user-agents.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const open = (over: Parameters<typeof eventOf>[0] = {}) => eventOf({ type: "open", ...over });
const click = (over: Parameters<typeof eventOf>[0] = {}) => eventOf(over);
const unsubscribe = (afterMs: number) =>
  eventOf({ type: "link_unsubscribe", afterMs, targetLinkUrl: "https://acme.example/unsubscribe" });
const honeypot = (afterMs: number) =>
  eventOf({
    afterMs,
    targetLinkUrl: "http://click.acme.example/robots.txt",
    targetLinkName: HONEYPOT_LINK_NAME,
  });

interface Example {
  readonly is: readonly (readonly RecordedEvent[])[];
  readonly isNot: readonly (readonly RecordedEvent[])[];
}

/** Lists of events on one message each; in `is` all of them are what the rule is about, in `isNot` none. */
const EXAMPLES: Readonly<Record<string, Example>> = {
  prefetch_header: {
    is: [[click({ purpose: "prefetch" })], [open({ purpose: "preview" })], [click({ purpose: "prerender" })]],
    isNot: [[click()], [open()]],
  },
  no_user_agent: {
    is: [[without(click(), "userAgent")], [click({ userAgent: "" })]],
    isNot: [[without(open(), "userAgent")], [click()]],
  },
  early_open_without_user_agent: {
    is: [[without(open({ afterMs: 60 * SECOND }), "userAgent")]],
    isNot: [
      [without(open({ afterMs: 60 * SECOND + 1 }), "userAgent")],
      [open({ afterMs: SECOND })],
      [without(click({ afterMs: SECOND }), "userAgent")],
    ],
  },
  gmail_prefetch: {
    is: [[open({ userAgent: agents.GMAIL_PREFETCH })]],
    isNot: [[click({ userAgent: agents.GMAIL_PREFETCH })], [open({ userAgent: agents.GMAIL_PROXY })]],
  },
  unreleased_browser: {
    is: [[click({ userAgent: agents.GMAIL_SAMPLING })], [click({ userAgent: agents.GMAIL_PREFETCH })]],
    isNot: agents.BROWSERS.map((userAgent) => [click({ userAgent })]),
  },
  apple_mail_privacy: {
    is: [
      [open({ userAgent: agents.APPLE_MAIL_PRIVACY })],
      [open({ type: "initial_open", userAgent: "Mozilla/5.0" })],
    ],
    isNot: [
      [click({ userAgent: agents.APPLE_MAIL_PRIVACY })],
      [open({ userAgent: `${agents.APPLE_MAIL_PRIVACY} (X)` })],
    ],
  },
  bare_user_agent: {
    is: [[click({ userAgent: agents.APPLE_MAIL_PRIVACY })]],
    isNot: [[open({ userAgent: agents.APPLE_MAIL_PRIVACY })]],
  },
  gmail_image_proxy: {
    is: [[open({ userAgent: agents.GMAIL_PROXY })], [open({ userAgent: "Mozilla/5.0 (via ggpht.com)" })]],
    isNot: [[open({ userAgent: agents.YAHOO_PROXY })], [open({ userAgent: agents.GMAIL_PREFETCH })]],
  },
  yahoo_mail_proxy: {
    is: [[open({ userAgent: agents.YAHOO_PROXY })]],
    isNot: [[open({ userAgent: agents.HEY_PROXY })]],
  },
  gmail_actions: {
    is: [[click({ userAgent: agents.GMAIL_ACTIONS })]],
    isNot: [[click({ userAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/1.0 (KHTML, like Gecko)" })]],
  },
  image_proxy: {
    is: [[open({ userAgent: agents.HEY_PROXY })], [open({ userAgent: "SomeMail-Proxy/1" })]],
    isNot: [[open({ userAgent: agents.BROWSERS[0] })], [open({ userAgent: "proxy mail" })]],
  },
  cdn: {
    is: [[click({ userAgent: agents.CLOUDFRONT })], [open({ userAgent: agents.CLOUDFRONT })]],
    isNot: [[click({ userAgent: "Not Amazon CloudFront" })]],
  },
  office_discovery: {
    is: [
      [click({ userAgent: agents.OFFICE_DISCOVERY })],
      [click({ userAgent: "Microsoft Office Protocol Discovery" })],
    ],
    isNot: [[click({ userAgent: agents.MAIL_READERS[1] })]],
  },
  security_scanner: {
    is: agents.SCANNERS.map((userAgent) => [click({ userAgent })]),
    isNot: agents.MAIL_READERS.map((userAgent) => [click({ userAgent })]),
  },
  link_preview: {
    is: agents.PREVIEWS.map((userAgent) => [click({ userAgent })]),
    isNot: agents.BROWSERS.map((userAgent) => [click({ userAgent })]),
  },
  automated_client: {
    is: agents.AUTOMATED.map((userAgent) => [click({ userAgent })]),
    isNot: [...agents.BROWSERS, ...agents.MAIL_READERS, ...agents.APPS].map((userAgent) => [
      click({ userAgent }),
    ]),
  },
  unknown_program: {
    is: agents.UNKNOWN_PROGRAMS.map((userAgent) => [click({ userAgent })]),
    isNot: [
      ...agents.UNKNOWN_PROGRAMS.map((userAgent) => [open({ userAgent })]),
      ...[...agents.BROWSERS, ...agents.MAIL_READERS, ...agents.APPS].map((userAgent) => [
        click({ userAgent }),
      ]),
    ],
  },
  barracuda_network: {
    is: [[click({ ipAddress: "209.222.87.255" })], [open({ ipAddress: "64.235.144.0" })]],
    isNot: [[click({ ipAddress: "209.222.88.0" })], [click({ ipAddress: "::ffff:64.235.144.1" })]],
  },
  proofpoint_network: {
    is: [[click({ ipAddress: "148.163.130.9" })], [open({ ipAddress: "67.231.159.255" })]],
    isNot: [[click({ ipAddress: "67.231.160.0" })]],
  },
  mimecast_network: {
    is: [[click({ ipAddress: "207.211.31.127" })], [open({ ipAddress: "205.139.111.1" })]],
    isNot: [[click({ ipAddress: "207.211.31.128" })]],
  },
  microsoft_mail_network: {
    is: [[click({ ipAddress: "40.94.3.4" })], [click({ ipAddress: "2a01:111:f403::5" })]],
    isNot: [[open({ ipAddress: "40.94.3.4" })], [click({ ipAddress: "40.95.3.4" })]],
  },
  honeypot: {
    is: [
      [honeypot(HOUR)],
      [click({ afterMs: HOUR }), honeypot(HOUR + 10 * SECOND)],
      [honeypot(HOUR), click({ afterMs: HOUR + 10 * SECOND })],
    ],
    isNot: [
      [click({ targetLinkName: HONEYPOT_LINK_NAME })],
      [click({ targetLinkUrl: "http://click.acme.example/robots.txt" })],
    ],
  },
  click_burst: {
    is: [
      clicksAt(HOUR, HOUR, HOUR + 300, HOUR + 700, HOUR + SECOND),
      clicksAt(HOUR, HOUR + 1, HOUR + 2, HOUR + 3, HOUR + 4, HOUR + 500),
    ],
    isNot: [
      clicksAt(HOUR, HOUR, HOUR + 300, HOUR + SECOND),
      clicksAt(HOUR, HOUR + 1, HOUR + 300, HOUR + 700, HOUR + SECOND + 1),
      // Somebody who knocks on one link.
      Array.from({ length: 9 }, (_, n) => click({ afterMs: HOUR + n * 100 })),
    ],
  },
  early_click_series: {
    is: [clicksAt(5 * MINUTE, 302_000, 305_000, 307_000, 310_000)],
    isNot: [
      clicksAt(5 * MINUTE + 1, 302_000, 305_000, 307_000, 310_000),
      clicksAt(5 * MINUTE, 302_000, 305_000, 307_000, 310_001),
      clicksAt(5 * MINUTE, 302_000, 305_000, 310_000),
    ],
  },
  early_unsubscribe: {
    is: [],
    isNot: [
      [unsubscribe(20 * SECOND)],
      [unsubscribe(20 * SECOND), unsubscribe(21 * SECOND)],
      [click({ afterMs: 20 * SECOND }), unsubscribe(31 * SECOND)],
      [click({ afterMs: 2 * MINUTE }), unsubscribe(2 * MINUTE + SECOND)],
    ],
  },
};

function classified(events: readonly RecordedEvent[]): readonly RecordedEvent[] {
  const context = createContext({ userAgents: [], networks: [] });
  return createClassifier({ context: () => context }).classify(events).events;
}

function marksOf({ isPrefetched, isProxy, isBot }: Classification): readonly Mark[] {
  const has = { prefetched: isPrefetched, proxy: isProxy, bot: isBot };
  return MARKS.filter((mark) => has[mark]);
}

for (const rule of RULES.filter(({ marks }) => marks.length > 0)) {
  test(`${rule.reason}: ${rule.why}`, () => {
    const { is, isNot } = EXAMPLES[rule.reason] ?? assert.fail("a rule without an example");
    for (const { classification } of is.flatMap(classified)) {
      assert.ok(classification.reasons.includes(rule.reason));
      for (const mark of rule.marks) assert.ok(marksOf(classification).includes(mark));
    }
    for (const { classification } of isNot.flatMap(classified))
      assert.ok(!classification.reasons.includes(rule.reason));
  });
}

test("an unsubscribe soon after sending, between other clicks, is a scanner's, and the other clicks are not judged by it", () => {
  const [before, unsubscribed, after] = classified([
    click({ afterMs: 110 * SECOND }),
    unsubscribe(2 * MINUTE),
    click({ afterMs: 2 * MINUTE + 5 * SECOND }),
  ]);
  assert.deepEqual(unsubscribed?.classification.reasons, ["early_unsubscribe"]);
  for (const other of [before, after]) assert.deepEqual(other?.classification.reasons, []);
});

test("people's programs and apps have no mark and no reason", () => {
  for (const userAgent of [...agents.BROWSERS, ...agents.MAIL_READERS, ...agents.APPS]) {
    for (const { classification } of classified([click({ userAgent }), open({ userAgent })]))
      assert.deepEqual([classification.reasons, marksOf(classification)], [[], []]);
  }
});

test("a mail program that nobody knows is a person's", () => {
  for (const userAgent of agents.UNKNOWN_PROGRAMS)
    assert.deepEqual(classified([open({ userAgent })])[0]?.classification.reasons, []);
});

test("Apple's and Gmail's proxies are proxies and prefetchers, and no bots, although every list of bots has them", () => {
  for (const userAgent of [
    agents.APPLE_MAIL_PRIVACY,
    agents.GMAIL_PREFETCH,
    agents.GMAIL_PROXY,
    agents.YAHOO_PROXY,
  ]) {
    const [opened] = classified([open({ userAgent })]);
    assert.deepEqual([opened?.classification.isProxy, opened?.classification.isBot], [true, false]);
  }
});

test("what is known of request, user agent and network stands side by side, in the order of the table", () => {
  const [opened] = classified([
    open({ purpose: "prefetch", userAgent: agents.GMAIL_PROXY, ipAddress: "209.222.82.1" }),
  ]);
  assert.deepEqual(opened?.classification, {
    isPrefetched: true,
    isProxy: true,
    isBot: true,
    reasons: ["prefetch_header", "gmail_image_proxy", "barracuda_network"],
  });
});

test("every reason is a name of its own that fits between commas", () => {
  assert.equal(new Set(RULES.map(({ reason }) => reason)).size, RULES.length);
  for (const { reason } of RULES) assert.match(reason, /^[a-z0-9_]{1,40}$/);
});
