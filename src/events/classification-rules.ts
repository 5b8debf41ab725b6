/**
 * Who else than the recipient asks, and how it is known: an ordered table, each row with its reason. The row's name
 * goes with the event, so that a verdict can be looked up and argued with; docs/classification.md is made from this.
 *
 * Rows are about the request, its user agent, its network or the message's clicks together. Of the rows about the user
 * agent the first that matches decides, and of those about networks the most specific network: that is how a mail
 * provider's image proxy is no bot, although any list of bots has it. Then the marks of all that was found are joined.
 */
import { createIsbotFromList, isbot, list } from "isbot";

import type { EngagementEvent, EventType } from "../domain/event.ts";
import { APP_PATTERN, MAIL_PROGRAMS } from "./mail-programs.ts";
import {
  type ClicksOfMessage,
  earlySeries,
  earlyUnsubscribes,
  nearHoneypot,
  withinBursts,
} from "./message-clicks.ts";
import {
  BARRACUDA_NETWORKS,
  MICROSOFT_MAIL_NETWORKS,
  MIMECAST_NETWORKS,
  PROOFPOINT_NETWORKS,
} from "./scanner-networks.ts";

export const MARKS = ["prefetched", "proxy", "bot"] as const;
export type Mark = (typeof MARKS)[number];

/** An open is a request for a pixel, a click one for a link. */
export type RequestKind = "opens" | "clicks";

export interface Rule {
  readonly reason: string;
  /** None: a person's, and no later row about the same is asked. */
  readonly marks: readonly Mark[];
  /** Absent: both. */
  readonly on?: RequestKind;
  /** For docs/classification.md. */
  readonly why: string;
}

export interface RequestRule extends Rule {
  readonly matches: (event: EngagementEvent) => boolean;
}
export interface UserAgentRule extends Rule {
  readonly matches: (userAgent: string) => boolean;
  /** How `user_agent_parsed` calls it. */
  readonly family?: string;
}
export interface NetworkRule extends Rule {
  readonly networks: readonly string[];
}
export interface MessageRule extends Rule {
  /** The clicks of one message that it is about, as indices. */
  readonly find: (clicks: ClicksOfMessage) => readonly number[];
}

/** 84% of the first pixel requests of scanners were within 20 seconds of sending; the rest is for the mail's way. */
const EARLY_OPEN_MS = 60_000;

export const REQUEST_RULES: readonly RequestRule[] = [
  {
    reason: "prefetch_header",
    marks: ["prefetched"],
    why: "The request says itself that nobody has asked for the page yet (`Sec-Purpose`, `Purpose`, `X-Purpose`, `X-Moz`).",
    matches: ({ purpose }) => purpose !== undefined,
  },
  {
    reason: "no_user_agent",
    marks: ["bot"],
    on: "clicks",
    why: "Every browser that a person clicks in names itself.",
    matches: (event) => !hasUserAgent(event),
  },
  {
    reason: "early_open_without_user_agent",
    marks: ["bot"],
    on: "opens",
    why: "Within 60 seconds of sending, and without a user agent: gateways look at mail then, and few mail programs hide their name.",
    matches: (event) =>
      !hasUserAgent(event) && event.timestampMs - event.sentAtSeconds * 1000 <= EARLY_OPEN_MS,
  },
];

/** By those of the package's patterns that have a word in them. The others go by shape, and mail programs have the same. */
const isNamedBot = createIsbotFromList(
  list.filter((pattern) => /[a-z]{2}/.test(pattern.replace(/\\[a-z]/g, ""))),
);

export const USER_AGENT_RULES: readonly UserAgentRule[] = [
  {
    reason: "gmail_prefetch",
    marks: ["prefetched", "proxy"],
    on: "opens",
    family: "Gmail Image Proxy",
    why: "Gmail loads images before it shows a mail, with this user agent of its own; SparkPost marks it as prefetched, too.",
    matches: (userAgent) => userAgent.endsWith(" Edge/12.246 Mozilla/5.0"),
  },
  {
    reason: "unreleased_browser",
    marks: ["bot"],
    why: "Edge 12.246 was never released. Gmail's content sampling and other scanners say that they are it.",
    matches: (userAgent) => /\bEdge\/12\.246\b|\bGmail-content-sampling\b/.test(userAgent),
  },
  {
    reason: "apple_mail_privacy",
    marks: ["prefetched", "proxy"],
    on: "opens",
    family: "Apple Mail",
    why: "A bare `Mozilla/5.0` is Apple's Mail Privacy Protection: images are loaded through relays as mail comes in, read or not.",
    matches: (userAgent) => userAgent === BARE,
  },
  {
    reason: "bare_user_agent",
    marks: ["bot"],
    on: "clicks",
    why: "Mail Privacy Protection loads images and never follows links, and no browser has this user agent.",
    matches: (userAgent) => userAgent === BARE,
  },
  {
    reason: "gmail_image_proxy",
    marks: ["proxy"],
    family: "Gmail Image Proxy",
    why: "Gmail fetches an image when its reader opens the mail, and keeps it: a person, whose address and program are hidden.",
    matches: (userAgent) => /GoogleImageProxy|\bvia ggpht\.com\b/i.test(userAgent),
  },
  {
    reason: "yahoo_mail_proxy",
    marks: ["proxy"],
    family: "Yahoo Mail Proxy",
    why: "The same at Yahoo Mail and AOL.",
    matches: (userAgent) => /\bYahooMailProxy\b/i.test(userAgent),
  },
  {
    reason: "gmail_actions",
    marks: ["proxy"],
    family: "Gmail",
    why: "Gmail asks on behalf of a reader who pressed one of its own buttons.",
    matches: (userAgent) => /\bGmail Actions\b/.test(userAgent),
  },
  {
    reason: "image_proxy",
    marks: ["proxy"],
    family: "Mail Image Proxy",
    why: "Calls itself a proxy for images or mail, as HEY's does (`hey.com/imageproxy`).",
    matches: (userAgent) => /(?:image|mail)-?proxy\b/i.test(userAgent),
  },
  {
    reason: "cdn",
    marks: ["proxy"],
    why: "A CDN in front of the tracking domain that does not pass the user agent on hides who asks (docs/proxy.md).",
    matches: (userAgent) => /^Amazon CloudFront$/.test(userAgent),
  },
  {
    reason: "office_discovery",
    marks: ["prefetched"],
    family: "Microsoft Office",
    why: "Office looks whether a link leads to a document, before it hands the link to a browser that asks again.",
    matches: (userAgent) => /\bMicrosoft Office (?:Existence|Protocol) Discovery\b/i.test(userAgent),
  },
  {
    reason: "security_scanner",
    marks: ["bot"],
    why: "A mail gateway that says who it is.",
    matches: (userAgent) =>
      /barracuda|proofpoint|mimecast|messagelabs|symantec|trend ?micro|\bTMES\b|iron-?port|cisco ?secure ?email|forcepoint|sophos|fortiguard|fortimail|f-?secure|vade ?secure|safelinks/i.test(
        userAgent,
      ),
  },
  {
    reason: "link_preview",
    marks: ["bot"],
    why: "Somebody pasted the link, and a chat or a social network draws its preview.",
    matches: (userAgent) =>
      /facebookexternalhit|^WhatsApp\/|slackbot|twitterbot|linkedinbot|telegrambot|discordbot|skypeuripreview|microsoftpreview|bingpreview|google-pagerenderer/i.test(
        userAgent,
      ),
  },
  {
    reason: "mail_program",
    marks: [],
    why: "A mail program that people read in, however little its user agent looks like a browser's.",
    matches: (userAgent) => MAIL_PROGRAMS.some(({ pattern }) => pattern.test(userAgent)),
  },
  {
    reason: "app",
    marks: [],
    why: "An app that opens a universal link asks with its system's library (`okhttp`, `CFNetwork`): somebody tapped it.",
    matches: (userAgent) => APP_PATTERN.test(userAgent),
  },
  {
    reason: "automated_client",
    marks: ["bot"],
    why: "A crawler or an HTTP library that the `isbot` package knows by name.",
    matches: isNamedBot,
  },
  {
    reason: "unknown_program",
    marks: ["bot"],
    on: "clicks",
    why: "A link is opened by a browser, or by an app with its system's library; what the `isbot` package takes for neither by the shape of its user agent is a program. Opens are not judged by it: mail programs have such names.",
    matches: (userAgent) => isbot(userAgent),
  },
];

export const NETWORK_RULES: readonly NetworkRule[] = [
  {
    reason: "barracuda_network",
    marks: ["bot"],
    why: "Barracuda Email Gateway Defense. It does not name itself in its user agent.",
    networks: BARRACUDA_NETWORKS,
  },
  {
    reason: "proofpoint_network",
    marks: ["bot"],
    why: "Proofpoint's URL Defense and sandboxes.",
    networks: PROOFPOINT_NETWORKS,
  },
  {
    reason: "mimecast_network",
    marks: ["bot"],
    why: "Mimecast's URL Protect.",
    networks: MIMECAST_NETWORKS,
  },
  {
    reason: "microsoft_mail_network",
    marks: ["bot"],
    on: "clicks",
    why: "Exchange Online's scans and Safe Links: a person's own browser is sent on by Safe Links and comes from elsewhere. Clicks only, because Outlook on the web also loads images for its readers from Microsoft.",
    networks: MICROSOFT_MAIL_NETWORKS,
  },
];

/** They come last, and may come late: a click is marked when those behind it have shown what it was part of. */
export const MESSAGE_RULES: readonly MessageRule[] = [
  {
    reason: "honeypot",
    marks: ["bot"],
    on: "clicks",
    why: "The invisible link was followed (`WAYPOST_HONEYPOT_LINK`): it and every click on the message within 10 seconds of it.",
    find: nearHoneypot,
  },
  {
    reason: "click_burst",
    marks: ["bot"],
    on: "clicks",
    why: "Five different links of a message within a second. A study found 836 such bursts, at a median of 43 seconds after sending.",
    find: withinBursts,
  },
  {
    reason: "early_click_series",
    marks: ["bot"],
    on: "clicks",
    why: "Five different links of a message within 10 seconds, begun within 5 minutes of sending: gateways that take their time take about a second a link, and 97% begin that early.",
    find: earlySeries,
  },
  {
    reason: "early_unsubscribe",
    marks: ["bot"],
    on: "clicks",
    why: "An unsubscribe link within 2 minutes of sending, and another link of the message within 10 seconds of it: of 497 unsubscribes that early 489 were scanners'.",
    find: earlyUnsubscribes,
  },
];

/** What marks can be given for, in the order in which reasons stand with an event. */
export const RULES: readonly Rule[] = [
  ...REQUEST_RULES,
  ...USER_AGENT_RULES,
  ...NETWORK_RULES,
  ...MESSAGE_RULES,
];

const BARE = "Mozilla/5.0";

export function kindOf(type: EventType): RequestKind {
  switch (type) {
    case "click":
    case "amp_click":
    case "link_unsubscribe":
      return "clicks";
    case "open":
    case "initial_open":
    case "amp_open":
    case "amp_initial_open":
      return "opens";
  }
}

function hasUserAgent({ userAgent }: EngagementEvent): boolean {
  return userAgent !== undefined && userAgent !== "";
}
