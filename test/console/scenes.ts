/**
 * Every page of the console in every state that it has. Tests look for accessibility and for what overflows in each of
 * them, and `scripts/screenshots.ts` makes a picture of each.
 */
import type { Page, Route } from "playwright-core";

export interface Scene {
  /** Of its picture: lower-case words with hyphens. */
  readonly name: string;
  /** What the installation has: `usual` things, nothing (`empty`), or 10,000 domains (`large`). */
  readonly stage: "usual" | "empty" | "large";
  /** Whose key; `nobody` is signed out. */
  readonly as: "operator" | "viewer" | "subaccount" | "nobody";
  readonly path: string;
  /** Arranges for what the network does, before the page is opened. */
  readonly arrange?: (page: Page) => Promise<unknown>;
  /** Brings the page into its state. */
  readonly act?: (page: Page) => Promise<unknown>;
  /** What shows that the state is there. */
  readonly shows: string | RegExp;
  /** Its picture is part of the documentation. */
  readonly isDocumented?: true;
}

/** Which test plays which scenes, told by the first word of their names: together the tests take long, so they run side by side. */
export const AREAS = {
  account: ["sign", "session", "nobody", "page", "reference", "keys", "subaccounts", "audit", "settings"],
  domains: ["domains", "add", "domain"],
  events: ["events"],
  messages: ["tester"],
  overview: ["overview"],
  webhooks: ["webhooks", "webhook"],
} as const;

export function areaOf({ name }: Scene): string {
  return name.split("-", 1)[0] ?? "";
}

/** The API never answers. */
const hangs = (path: string) => (page: Page) => page.route(path, () => undefined);
/** The API answers that it cannot. */
const fails = (path: string) => (page: Page) =>
  page.route(path, (route: Route) =>
    route.fulfill({
      status: 503,
      contentType: "application/json",
      headers: { "x-request-id": "5f2d9c31a07be846" },
      body: JSON.stringify({
        errors: [{ message: "service unavailable", description: "The store does not answer. Try again." }],
      }),
    }),
  );

/** The API has none of what is listed there: where no installation that scenes are played on does without. */
const hasNone = (path: string) => (page: Page) =>
  page.route(path, (route: Route) => route.fulfill({ json: { results: [] } }));

/** The API says that it has added a webhook, and adds none: other scenes are played where this one was. */
const adds = (webhook: object) => (page: Page) =>
  page.route("**/api/v1/webhooks", (route: Route) =>
    route.request().method() === "POST" ? route.fulfill({ json: { results: webhook } }) : route.fallback(),
  );

const DOMAINS = "**/api/v1/tracking-domains";
const DOMAIN = `${DOMAINS}/click.acme.com`;
const SUBACCOUNTS = "**/api/v1/subaccounts";
const WEBHOOKS = "**/api/v1/webhooks";
const AUDIT = "**/api/v1/audit?*";
const EVENTS = "**/api/v1/events/message?*";

export const SCENES: readonly Scene[] = [
  { name: "sign-in", stage: "usual", as: "nobody", path: "/", shows: "first-key", isDocumented: true },
  {
    name: "sign-in-wrong-key",
    stage: "usual",
    as: "nobody",
    path: "/",
    act: async (page) => {
      await page.getByLabel("API key").fill("not a key");
      await page.getByRole("button", { name: "Sign in" }).click();
    },
    shows: "No such key.",
  },
  {
    name: "session-ended",
    stage: "usual",
    as: "operator",
    path: "/domains",
    act: async (page) => {
      await page.getByText("track.acme.com").waitFor();
      await page.context().clearCookies();
      // Through the dialog where the page has found out by itself.
      await page.getByText("track.acme.com").click({ force: true });
    },
    shows: "Your session has ended",
  },
  {
    name: "nobody-answers",
    stage: "usual",
    as: "nobody",
    path: "/",
    arrange: (page) => page.route("**/api/**", (route) => route.abort()),
    shows: "Nobody answers",
  },
  { name: "page-not-found", stage: "usual", as: "operator", path: "/nowhere", shows: "There is no page" },
  // No page of the console, but one that it leads to.
  {
    name: "reference",
    stage: "usual",
    as: "nobody",
    path: "/docs",
    shows: "Before the first call",
    isDocumented: true,
  },
  {
    name: "overview",
    stage: "usual",
    as: "operator",
    path: "/",
    shows: /^Last 7 days: [1-9][\d,]* opens/,
    isDocumented: true,
  },
  {
    name: "overview-everybody",
    stage: "usual",
    as: "operator",
    path: "/?everybody=1&range=day",
    shows: /^Last 24 hours: [1-9][\d,]* opens/,
  },
  { name: "overview-empty", stage: "empty", as: "operator", path: "/", shows: /0 opens and 0 clicks/ },
  {
    name: "overview-loading",
    stage: "usual",
    as: "operator",
    path: "/",
    arrange: hangs("**/api/v1/metrics/**"),
    shows: /Loading the counts/,
  },
  {
    name: "overview-error",
    stage: "usual",
    as: "operator",
    path: "/",
    arrange: fails("**/api/v1/metrics/**"),
    shows: "The chart could not be loaded.",
  },
  {
    name: "overview-no-permission",
    stage: "usual",
    as: "viewer",
    path: "/",
    shows: "may not see how many opened",
  },
  {
    name: "domains",
    stage: "usual",
    as: "operator",
    path: "/domains",
    // The clicks of a week, which come after the domains.
    shows: /^[1-9]\d* clicks in 7 days/,
    isDocumented: true,
  },
  {
    name: "domains-empty",
    stage: "empty",
    as: "operator",
    path: "/domains",
    shows: "no tracking domain yet",
  },
  {
    name: "domains-loading",
    stage: "usual",
    as: "operator",
    path: "/domains",
    arrange: hangs(DOMAINS),
    shows: /Loading tracking domains/,
  },
  {
    name: "domains-error",
    stage: "usual",
    as: "operator",
    path: "/domains",
    arrange: fails(DOMAINS),
    shows: "could not be loaded",
  },
  {
    name: "domains-no-match",
    stage: "usual",
    as: "operator",
    path: "/domains?q=zzz",
    shows: "No domain matches",
  },
  {
    name: "domains-ten-thousand",
    stage: "large",
    as: "operator",
    path: "/domains",
    shows: "1–100 of 10,000",
  },
  {
    name: "domains-certificates",
    stage: "usual",
    as: "operator",
    path: "/domains?q=acme.com",
    shows: "https, 61 days",
  },
  { name: "domains-viewer", stage: "usual", as: "viewer", path: "/domains", shows: "track.acme.com" },
  {
    name: "domains-subaccount",
    stage: "usual",
    as: "subaccount",
    path: "/domains",
    shows: "links.harbour-books.example",
  },
  { name: "add-domain", stage: "usual", as: "operator", path: "/domains/add", shows: "Name it" },
  {
    name: "add-domain-wrong-name",
    stage: "usual",
    as: "operator",
    path: "/domains/add",
    act: async (page) => {
      await page.getByLabel("Host name").fill("https://click.example.com/");
      await page.getByRole("button", { name: "Add the domain" }).click();
    },
    shows: "no scheme, path, port or space",
  },
  {
    name: "add-domain-waiting",
    stage: "usual",
    as: "operator",
    path: "/domains/add?name=click.news.acme.com",
    shows: "does not exist in DNS",
    isDocumented: true,
  },
  {
    name: "add-domain-without-target",
    stage: "usual",
    as: "operator",
    path: "/domains/add?name=click.news.acme.com",
    arrange: (page) =>
      page.route(`${DOMAINS}/click.news.acme.com/checks`, (route) =>
        route.fulfill({ json: { results: { domain: "click.news.acme.com", checks: [] } } }),
      ),
    shows: "WAYPOST_CNAME_TARGET",
  },
  {
    name: "add-domain-done",
    stage: "usual",
    as: "operator",
    path: "/domains/add?name=go.acme.com",
    shows: "reached this installation",
  },
  {
    name: "add-domain-no-permission",
    stage: "usual",
    as: "viewer",
    path: "/domains/add",
    shows: "tracking_domains/manage",
  },
  {
    name: "domain-verified",
    stage: "usual",
    as: "operator",
    path: "/domains/click.acme.com",
    shows: "reaches this installation",
    isDocumented: true,
  },
  {
    name: "domain-points-elsewhere",
    stage: "usual",
    as: "viewer",
    path: "/domains/track.acme.com",
    shows: "Points elsewhere",
    isDocumented: true,
  },
  {
    name: "domain-blocked",
    stage: "usual",
    as: "operator",
    path: "/domains/spam.north-shop.example",
    shows: "is blocked",
  },
  {
    name: "domain-loading",
    stage: "usual",
    as: "operator",
    path: "/domains/click.acme.com",
    arrange: hangs(DOMAIN),
    shows: /Loading click\.acme\.com/,
  },
  {
    name: "domain-error",
    stage: "usual",
    as: "operator",
    path: "/domains/click.acme.com",
    arrange: fails(DOMAIN),
    shows: "click.acme.com could not be loaded.",
  },
  {
    name: "domain-unknown",
    stage: "usual",
    as: "operator",
    path: "/domains/no.acme.com",
    shows: "no such tracking domain",
  },
  {
    name: "domain-check",
    stage: "usual",
    as: "operator",
    path: "/domains/click.acme.com",
    act: async (page) => {
      await page.getByRole("table", { name: "Past checks" }).locator("[data-row]").first().click();
    },
    shows: "What was seen",
  },
  {
    name: "domain-make-default",
    stage: "usual",
    as: "operator",
    path: "/domains/go.acme.com",
    act: (page) => page.getByRole("button", { name: "Make it the default" }).click(),
    shows: "from the next message on",
  },
  {
    name: "domain-delete",
    stage: "usual",
    as: "operator",
    path: "/domains/click.acme.com",
    act: (page) => page.getByRole("button", { name: "Delete this domain" }).click(),
    shows: "to confirm",
    isDocumented: true,
  },
  {
    name: "domain-certificate",
    stage: "usual",
    as: "operator",
    path: "/domains/click.acme.com",
    act: (page) => page.getByRole("button", { name: "Bring a certificate" }).click(),
    shows: "Its private key",
  },
  {
    name: "domain-ordered-certificate",
    stage: "usual",
    as: "operator",
    path: "/domains/shop.acme.com",
    shows: "By Waypost itself",
  },
  {
    name: "domain-failed-order",
    stage: "usual",
    as: "operator",
    path: "/domains/promo.acme.com",
    shows: "The last order failed. Waypost tries again by itself.",
  },
  {
    name: "events",
    stage: "usual",
    as: "operator",
    path: "/events",
    shows: /^\d+ events$/,
    isDocumented: true,
  },
  { name: "events-empty", stage: "empty", as: "operator", path: "/events", shows: "No event matches." },
  {
    name: "events-filtered",
    stage: "usual",
    as: "operator",
    path: "/events?campaigns=autumn-boots&is_bot=true&range=week&subaccounts=0",
    shows: /^\d+ events$/,
  },
  {
    name: "events-between",
    stage: "usual",
    as: "operator",
    path: "/events?range=between&from=2026-11-01T00:00&to=2026-11-02T00:00",
    shows: "No event matches.",
  },
  {
    name: "events-one",
    stage: "usual",
    as: "operator",
    path: "/events?events=click",
    act: (page) => page.getByRole("table", { name: "Events" }).locator("[data-row]").first().click(),
    shows: "As the API has it",
    isDocumented: true,
  },
  {
    name: "events-live",
    stage: "usual",
    as: "operator",
    path: "/events?live=1",
    shows: "Live: events appear here",
  },
  {
    name: "events-paused",
    stage: "usual",
    as: "operator",
    path: "/events?live=1",
    act: async (page) => {
      await page.getByText("Live: events appear here").waitFor();
      await page.getByRole("button", { name: "Pause" }).click();
    },
    shows: /^Paused/,
  },
  {
    name: "events-loading",
    stage: "usual",
    as: "operator",
    path: "/events",
    arrange: hangs(EVENTS),
    shows: /Loading events/,
  },
  {
    name: "events-error",
    stage: "usual",
    as: "operator",
    path: "/events",
    arrange: fails(EVENTS),
    shows: "could not be loaded",
  },
  {
    name: "events-export-error",
    stage: "usual",
    as: "operator",
    path: "/events",
    arrange: fails("**/api/v1/events/message.csv*"),
    act: (page) => page.getByRole("button", { name: "Export CSV" }).click(),
    shows: "The events could not be exported.",
  },
  {
    name: "events-no-permission",
    stage: "usual",
    as: "viewer",
    path: "/events",
    shows: "message_events/view",
  },
  {
    name: "webhooks",
    stage: "usual",
    as: "operator",
    path: "/webhooks",
    shows: "Failing",
    isDocumented: true,
  },
  { name: "webhooks-empty", stage: "empty", as: "operator", path: "/webhooks", shows: "no webhook yet" },
  {
    name: "webhooks-loading",
    stage: "usual",
    as: "operator",
    path: "/webhooks",
    arrange: hangs(WEBHOOKS),
    shows: /Loading webhooks/,
  },
  {
    name: "webhooks-error",
    stage: "usual",
    as: "operator",
    path: "/webhooks",
    arrange: fails(WEBHOOKS),
    shows: "could not be loaded",
  },
  {
    name: "webhooks-no-match",
    stage: "usual",
    as: "operator",
    path: "/webhooks?q=zzz",
    shows: "Nothing matches.",
  },
  { name: "webhooks-no-permission", stage: "usual", as: "viewer", path: "/webhooks", shows: "webhooks/view" },
  {
    name: "webhooks-add",
    stage: "usual",
    as: "operator",
    path: "/webhooks/add",
    shows: "Whose events",
    isDocumented: true,
  },
  {
    name: "webhooks-add-refused",
    stage: "usual",
    as: "operator",
    path: "/webhooks/add",
    act: async (page) => {
      await page.getByLabel("Name").fill("Clicks to the shop");
      await page.getByLabel("Target").fill("http://127.0.0.1:9/nobody");
      await page.getByLabel("Authentication").selectOption("basic");
      await page.getByLabel("User name").fill("shop");
      await page.getByRole("button", { name: "Add the webhook" }).click();
    },
    shows: /There was no answer/,
  },
  {
    name: "webhooks-added",
    stage: "usual",
    as: "operator",
    path: "/webhooks/add",
    arrange: adds({
      id: "00000000-0000-4000-8000-000000000000",
      signing_secret: `whsec_${"9vQx".repeat(11)}`,
    }),
    act: async (page) => {
      await page.getByLabel("Name").fill("Clicks to the shop");
      await page.getByLabel("Target").fill("https://shop.example.net/waypost");
      await page.getByRole("button", { name: "Add the webhook" }).click();
    },
    shows: /This is its signing secret/,
  },
  {
    name: "webhook-failing",
    stage: "usual",
    as: "operator",
    path: "/webhooks",
    act: (page) => page.getByRole("link", { name: "Data warehouse" }).click(),
    shows: "Will be tried again",
    isDocumented: true,
  },
  {
    name: "webhook-delivers",
    stage: "usual",
    as: "operator",
    path: "/webhooks",
    act: async (page) => {
      await page.getByRole("link", { name: "Clicks to the shop" }).click();
      await page.getByRole("button", { name: "Send a test" }).click();
    },
    shows: "The target took the test",
  },
  {
    name: "webhook-gone",
    stage: "usual",
    as: "operator",
    path: "/webhooks",
    act: (page) => page.getByRole("link", { name: "The old warehouse" }).click(),
    shows: "Off: its receiver is gone",
  },
  {
    name: "webhook-moves",
    stage: "usual",
    as: "operator",
    path: "/webhooks",
    act: async (page) => {
      await page.getByRole("link", { name: "Data warehouse" }).click();
      await page.getByLabel("Target").fill("https://warehouse.example.net/waypost");
      await page.getByRole("button", { name: "Save" }).scrollIntoViewIfNeeded();
    },
    shows: "The target moves to another server.",
  },
  {
    name: "webhook-delete",
    stage: "usual",
    as: "operator",
    path: "/webhooks",
    act: async (page) => {
      await page.getByRole("link", { name: "Clicks to the shop" }).click();
      await page.getByRole("button", { name: "Delete this webhook" }).click();
    },
    shows: "what waits for it is dropped",
  },
  {
    name: "webhook-unknown",
    stage: "usual",
    as: "operator",
    path: "/webhooks/00000000-0000-4000-8000-000000000000",
    shows: "no such webhook",
  },
  { name: "tester", stage: "usual", as: "operator", path: "/tester", shows: "Nothing is sent from here" },
  {
    name: "tester-result",
    stage: "usual",
    as: "operator",
    path: "/tester",
    act: wrapExample,
    shows: "3 of 6 links are tracked, with click.acme.com.",
    isDocumented: true,
  },
  {
    name: "tester-source",
    stage: "usual",
    as: "operator",
    path: "/tester",
    act: async (page) => {
      await wrapExample(page);
      await page.getByRole("button", { name: "As it goes out" }).click();
    },
    shows: "3 of 6 links are tracked, with click.acme.com.",
  },
  {
    name: "tester-untracked",
    stage: "empty",
    as: "operator",
    path: "/tester",
    act: wrapExample,
    shows: "Nothing was tracked",
  },
  {
    name: "tester-opened-link",
    stage: "usual",
    as: "operator",
    path: "/tester",
    act: async (page) => {
      await wrapExample(page);
      await page.getByRole("button", { name: "As it goes out" }).click();
      const link = await page.locator("mark").nth(1).textContent();
      await page.getByLabel("Tracked link").fill(link ?? "");
      await page.getByRole("button", { name: "Open it" }).click();
    },
    shows: "Leads to",
  },
  {
    name: "tester-foreign-link",
    stage: "usual",
    as: "operator",
    path: "/tester",
    act: async (page) => {
      await page.getByLabel("Tracked link").fill("https://click.acme.com/e/not-one-of-ours");
      await page.getByRole("button", { name: "Open it" }).click();
    },
    shows: "This is not a link of yours",
  },
  { name: "keys", stage: "usual", as: "operator", path: "/keys", shows: "Ben, support", isDocumented: true },
  {
    name: "keys-new",
    stage: "usual",
    as: "operator",
    path: "/keys",
    act: (page) => page.getByRole("button", { name: "Make a key" }).click(),
    shows: "Usable from",
    isDocumented: true,
  },
  {
    name: "keys-made",
    stage: "usual",
    as: "operator",
    path: "/keys",
    act: async (page) => {
      await page.getByRole("button", { name: "Make a key" }).click();
      await page.getByLabel("Label").fill("Newsletter server");
      await page.getByLabel("Wrap mail, and open tracked links").check();
      await page.getByRole("button", { name: "Make the key" }).click();
    },
    shows: "it is shown this once",
  },
  {
    name: "keys-one",
    stage: "usual",
    as: "operator",
    path: "/keys",
    act: (page) => page.getByRole("link", { name: /First key/ }).click(),
    shows: "Revoke this key",
  },
  { name: "keys-no-permission", stage: "usual", as: "viewer", path: "/keys", shows: "keys/manage" },
  {
    name: "keys-error",
    stage: "usual",
    as: "operator",
    path: "/keys",
    arrange: fails("**/api/v1/keys"),
    shows: "The keys could not be loaded.",
  },
  {
    name: "subaccounts",
    stage: "usual",
    as: "operator",
    path: "/subaccounts",
    shows: "North Shop",
    isDocumented: true,
  },
  {
    name: "subaccounts-empty",
    stage: "empty",
    as: "operator",
    path: "/subaccounts",
    arrange: hasNone(SUBACCOUNTS),
    shows: "There is no subaccount.",
  },
  {
    name: "subaccounts-error",
    stage: "usual",
    as: "operator",
    path: "/subaccounts",
    arrange: fails(SUBACCOUNTS),
    shows: "The subaccounts could not be loaded.",
  },
  {
    name: "subaccounts-one",
    stage: "usual",
    as: "operator",
    path: "/subaccounts?subaccount=2",
    shows: "Its keys may do whatever they are granted.",
  },
  {
    name: "audit",
    stage: "usual",
    as: "operator",
    path: "/audit",
    shows: "Created a subaccount",
    isDocumented: true,
  },
  {
    name: "audit-loading",
    stage: "usual",
    as: "operator",
    path: "/audit",
    arrange: hangs(AUDIT),
    shows: /Loading the audit trail/,
  },
  {
    name: "audit-error",
    stage: "usual",
    as: "operator",
    path: "/audit",
    arrange: fails(AUDIT),
    shows: "The audit trail could not be loaded.",
  },
  {
    name: "audit-one",
    stage: "usual",
    as: "operator",
    path: "/audit?q=tracking-domains",
    act: (page) => page.getByRole("link", { name: "Created a tracking domain" }).first().click(),
    shows: "What it was given",
  },
  {
    name: "audit-no-match",
    stage: "usual",
    as: "operator",
    path: "/audit?q=zzz",
    shows: "No entry matches.",
  },
  {
    name: "settings",
    stage: "empty",
    as: "operator",
    path: "/settings",
    shows: "WAYPOST_CNAME_TARGET",
    isDocumented: true,
  },
  {
    name: "settings-warnings",
    stage: "usual",
    as: "operator",
    path: "/settings",
    shows: "Valid, and yet most likely not meant",
  },
  {
    name: "settings-error",
    stage: "usual",
    as: "operator",
    path: "/settings",
    arrange: fails("**/api/v1/settings"),
    shows: "The settings could not be loaded.",
  },
  { name: "settings-no-permission", stage: "usual", as: "viewer", path: "/settings", shows: "settings/view" },
];

async function wrapExample(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Use an example" }).click();
  await page.getByRole("button", { name: "Wrap it" }).click();
  await page.getByText(/links are tracked|Nothing was tracked/).waitFor();
}

/** Webhooks are told of what is on a new stage by a look that is taken now and then. */
const STATE_TIMEOUT_MS = 30_000;

/** Opens the scene and waits until its state is there and nothing moves. */
export async function playScene(scene: Scene, page: Page): Promise<void> {
  await scene.arrange?.(page);
  await page.goto(scene.path);
  await page.locator("#root > *, main").first().waitFor();
  await scene.act?.(page);
  await page
    .getByText(scene.shows)
    .or(page.getByLabel(scene.shows))
    .first()
    .waitFor({ timeout: STATE_TIMEOUT_MS });
  await page.evaluate("document.fonts.ready.then(() => undefined)");
}
