/** A whole installation with something in it, for the console to show: domains in every state, two subaccounts, some keys. */
import { parseHostname } from "../../src/domain/hostname.ts";
import { sampleEvent } from "../../src/events/message-event.ts";
import type { RecordedEvent } from "../../src/events/recorded-event.ts";
import { openStore, type Store } from "../../src/store/open-store.ts";
import type { Evidence } from "../../src/verification/evidence.ts";
import { FIRST_KEY } from "../api/harness.ts";
import { CNAME_TARGET, startTestInstallation, type TestInstallation } from "../api/with-edge.ts";
import { type Receiver, startReceiver } from "../webhooks/receiver.ts";
import { orderingTls } from "./stage-certificates.ts";

export interface Stage extends AsyncDisposable {
  readonly waypost: TestInstallation;
  /** Of webhooks. What it gets under `/failing` or `/gone` it takes when it is a test, and refuses when it is not. */
  readonly receiver: Receiver;
  /** The installation's own, by a second connection. */
  readonly store: Store;
  readonly url: string;
}

export { FIRST_KEY };

const REFUSALS: Readonly<Record<string, number>> = { failing: 503, gone: 410 };

export async function startStage({
  ordersCertificates = false,
}: {
  readonly ordersCertificates?: boolean;
} = {}): Promise<Stage> {
  const tls = ordersCertificates ? orderingTls() : undefined;
  const waypost = await startTestInstallation("sqlite", tls);
  const store = await openStore({ kind: "sqlite", dir: waypost.dataDir });
  const receiver = await startReceiver({
    behave: (response, { eventIds }, { url = "" }) => {
      response.statusCode = eventIds.length === 0 ? 200 : (REFUSALS[url.split("/").at(-1) ?? ""] ?? 200);
      response.end();
    },
  });
  return {
    waypost,
    store,
    receiver,
    url: `http://127.0.0.1:${waypost.control.apiAddress?.port}`,
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await receiver[Symbol.asyncDispose]();
      await waypost[Symbol.asyncDispose]();
      tls?.[Symbol.dispose]();
    },
  };
}

export const as = (subaccount: number) => ({ "x-msys-subaccount": String(subaccount) });

/** A key of somebody who may do less. */
export async function makeKey(
  stage: Stage,
  body: { readonly grants: readonly string[]; readonly subaccount_id?: number },
): Promise<string> {
  const { json } = await stage.waypost.call("POST", "/api/v1/keys", {
    body: { label: "Ben, support", ...body },
  });
  return json.results.key;
}

/** Domains in every state that there is. */
export async function addDomains(stage: Stage): Promise<void> {
  const { waypost } = stage;
  for (const name of ["Harbour Books", "North Shop"]) {
    await waypost.call("POST", "/api/v1/subaccounts", { body: { name } });
  }
  await waypost.addVerifiedDomain("click.acme.com");
  await waypost.call("PUT", "/api/v1/tracking-domains/click.acme.com", { body: { default: true } });
  await waypost.addVerifiedDomain("go.acme.com");
  await waypost.addVerifiedDomain("links.harbour-books.example", as(1));
  await add(stage, "click.news.acme.com", 0);
  await addPointingElsewhere(stage, "track.acme.com", 0);
  await addUnresolved(
    stage,
    "mail.a-name-that-is-rather-long-for-a-host.north-shop-and-daughters.example",
    2,
  );
  await add(stage, "spam.north-shop.example", 2);
  await stage.store.trackingDomains.setBlocked("spam.north-shop.example", true);
}

export async function add(stage: Stage, domain: string, subaccount: number): Promise<void> {
  await stage.waypost.call("POST", "/api/v1/tracking-domains", { body: { domain }, headers: as(subaccount) });
}

export async function addPointingElsewhere(stage: Stage, domain: string, subaccount: number): Promise<void> {
  await add(stage, domain, subaccount);
  await recordCheck(stage, domain, "invalid", {
    dns: {
      cnameChain: [domain],
      cnameOutcome: "no_data",
      cnameMatches: false,
      addresses: ["203.0.113.7"],
      addressOutcome: "found",
      targetAddresses: ["198.51.100.20"],
      addressesMatch: false,
    },
    probe: {
      endpoint: `http://${domain}:80`,
      address: "203.0.113.7",
      outcome: { kind: "wrong_answer", status: 200 } as Evidence["probe"]["outcome"],
      tookMs: 84,
    },
    looksProxied: false,
  });
}

async function addUnresolved(stage: Stage, domain: string, subaccount: number): Promise<void> {
  await add(stage, domain, subaccount);
  await recordCheck(stage, domain, "pending", {
    dns: {
      cnameChain: [domain],
      cnameOutcome: "no_such_name",
      cnameMatches: false,
      addresses: [],
      addressOutcome: "no_such_name",
      targetAddresses: ["198.51.100.20"],
      addressesMatch: false,
    },
    probe: {
      endpoint: `http://${domain}:80`,
      address: undefined,
      outcome: { kind: "no_address" },
      tookMs: 0,
    },
    looksProxied: false,
  });
}

async function recordCheck(
  { store }: Stage,
  domain: string,
  cnameStatus: "invalid" | "pending",
  evidence: Evidence,
): Promise<void> {
  await store.verification.recordCheck(
    parseHostname(domain),
    {
      checkedAtMs: Date.now() - 60_000,
      trigger: "background",
      scheme: "http",
      result: { cnameStatus, complianceStatus: "valid" },
      failure: `Unable to reach http://${domain}:80. Please verify that your redirect is functioning.`,
      evidence,
    },
    (current) => ({ ...current, cnameStatus, nextCheckAtMs: Date.now() + 15 * 60_000 }),
  );
}

/** One that delivers, one that fails as soon as there are events, one whose receiver is gone by then, one that is paused. */
export async function addWebhooks({ waypost, receiver }: Stage): Promise<void> {
  const events = ["click", "link_unsubscribe"];
  for (const webhook of [
    { name: "Clicks to the shop", target: receiver.url, events },
    {
      name: "Data warehouse",
      target: `${receiver.url}/failing`,
      events: ["open", "initial_open", "click"],
      custom_headers: { "X-Team": "warehouse" },
    },
    { name: "The old warehouse", target: `${receiver.url}/gone`, events },
    { name: "Pager of the mail team", target: receiver.url, kind: "operational", events: ["domain_broken"] },
    { name: "The former shop", target: receiver.url, events, active: false },
  ])
    await waypost.call("POST", "/api/v1/webhooks", { body: webhook });
}

const EVENT_COUNT = 240;
const CAMPAIGNS = ["autumn-boots", "rain-or-shine", "a-campaign-with-a-name-that-goes-on"];
const RECIPIENTS = [
  "ann@example.com",
  "ben@mail.example.net",
  "a.person.with.a.long.name@subsidiary.example.org",
];

/** Opens and clicks of the last day, by people and by others. */
export async function addEvents({ store }: Stage): Promise<void> {
  const types = ["open", "open", "click", "initial_open", "click", "link_unsubscribe"] as const;
  const now = Date.now();
  const events = Array.from({ length: EVENT_COUNT }, (_, n): RecordedEvent => {
    const classification = classificationOf(n);
    const wanted = types[n % types.length] ?? "open";
    // Whoever is no person unsubscribes nobody.
    const isPerson = !classification.isBot && !classification.isPrefetched;
    const sample = sampleEvent(wanted === "link_unsubscribe" && !isPerson ? "click" : wanted);
    const timestampMs = now - n * 6 * 60_000 - 1000;
    const campaignId = CAMPAIGNS[n % CAMPAIGNS.length] ?? "";
    return {
      ...sample,
      eventId: BigInt(timestampMs) * 1000n + BigInt(n),
      timestampMs,
      subaccountId: n % 4 === 0 ? 1 : 0,
      sentAtSeconds: Math.floor(timestampMs / 1000) - 3600,
      rcptTo: RECIPIENTS[n % RECIPIENTS.length] ?? "",
      trackingDomain: "click.acme.com",
      facts: { ...sample.facts, campaignId } as NonNullable<RecordedEvent["facts"]>,
      classification,
    };
  });
  await store.events.append(events);
}

const WEEK_EVENTS = 4000;
const MINUTES_A_DAY = 1440;

/** The six days before, busier by day than by night, each message with a few events; and what was sent. */
export async function addWeek({ store }: Stage): Promise<void> {
  const now = Date.now();
  const events: RecordedEvent[] = [];
  for (let n = 0; n < WEEK_EVENTS; n += 1) {
    const minutesAgo = MINUTES_A_DAY + (n / WEEK_EVENTS) * 6 * MINUTES_A_DAY;
    const timestampMs = Math.floor(now - minutesAgo * 60_000);
    const hour = new Date(timestampMs).getUTCHours();
    if ((n * 7919) % 24 > 6 + 16 * Math.sin((Math.max(hour - 5, 0) / 19) * Math.PI)) continue;
    const type = n % 4 === 0 ? "click" : "open";
    const campaignId = CAMPAIGNS[Math.floor(n / 700) % CAMPAIGNS.length] ?? "";
    const sample = sampleEvent(type);
    events.push({
      ...sample,
      eventId: BigInt(timestampMs) * 1000n + BigInt(n % 1000),
      timestampMs,
      subaccountId: 0,
      messageId: Math.floor(n / 3)
        .toString(16)
        .padStart(20, "0") as RecordedEvent["messageId"],
      sentAtSeconds: Math.floor(timestampMs / 1000) - 3600,
      rcptTo: RECIPIENTS[n % RECIPIENTS.length] ?? "",
      trackingDomain: n % 5 === 0 ? "go.acme.com" : "click.acme.com",
      ...(type === "click" && { targetLinkName: LINK_NAMES[n % LINK_NAMES.length] ?? "" }),
      facts: { ...sample.facts, campaignId } as NonNullable<RecordedEvent["facts"]>,
      classification: classificationOf(n),
    });
  }
  await store.events.append(events);
  await store.messages.record(sentInTheWeek(now));
}

const LINK_NAMES = ["Boots", "Umbrellas", "Boots", "Sale", "Boots", "Umbrellas", "Our shops"];
const MESSAGES = 6000;

function sentInTheWeek(now: number): Parameters<Stage["store"]["messages"]["record"]>[0] {
  const { facts } = sampleEvent("click");
  return CAMPAIGNS.map((campaignId, index) => ({
    subaccountId: 0,
    // The first before any event: else what was sent would not count as known.
    sentAtSeconds: Math.floor(now / 1000) - (8 - 3 * index) * 86_400,
    trackingDomain: "click.acme.com",
    facts: { ...facts, campaignId } as NonNullable<RecordedEvent["facts"]>,
    messages: Array.from({ length: MESSAGES / CAMPAIGNS.length }, (_, n) => ({
      messageId: (index * MESSAGES + n).toString(16).padStart(20, "f") as RecordedEvent["messageId"],
      rcptTo: "ann@example.com",
    })),
  }));
}

function classificationOf(n: number): RecordedEvent["classification"] {
  const person = { isPrefetched: false, isProxy: false, isBot: false, reasons: [] };
  if (n % 7 === 3) return { ...person, isPrefetched: true, isProxy: true, reasons: ["apple_mail_privacy"] };
  if (n % 11 === 5) return { ...person, isBot: true, reasons: ["click_burst"] };
  return person;
}

/** As many as a large sender has. */
export async function addThousands({ store }: Stage, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const domain = parseHostname(`click.customer-${String(n).padStart(5, "0")}.example`);
    await store.trackingDomains.create(
      { domain, subaccountId: n % 3, secure: n % 2 === 0, complianceStatus: "valid" },
      Date.now(),
    );
  }
}

export { CNAME_TARGET };
