/** Every page of the console: where it is, what it is called, and what a key needs to see it. */
import { type ComponentType, lazy } from "react";

type Load = () => Promise<ComponentType>;

const loads: Load[] = [];

function page(load: Load): ComponentType {
  loads.push(load);
  return lazy(async () => ({ default: await load() }));
}

/** Fetches the code of all pages, so that they open at once, and open too when nobody answers. */
export function fetchAllPages(): void {
  for (const load of loads) load().catch(() => undefined); // Tried again when the page is opened.
}

export interface PageEntry {
  /** wouter's pattern. */
  readonly path: string;
  readonly Component: ComponentType;
  /** In the navigation; absent: reached from another page. */
  readonly name?: string;
  readonly group?: "work" | "account";
  /** In a sentence: `This key may not see …`. */
  readonly what: string;
  /** One of them is enough. None: every key. */
  readonly grants: readonly string[];
}

export const PAGES: readonly PageEntry[] = [
  {
    path: "/",
    Component: page(async () => (await import("./pages/overview.tsx")).Overview),
    name: "Overview",
    group: "work",
    what: "the overview",
    grants: [],
  },
  {
    path: "/domains",
    Component: page(async () => (await import("./pages/domains.tsx")).Domains),
    name: "Tracking domains",
    group: "work",
    what: "tracking domains",
    grants: ["tracking_domains/view"],
  },
  {
    path: "/domains/add",
    Component: page(async () => (await import("./pages/add-domain.tsx")).AddDomain),
    what: "how domains are added",
    grants: ["tracking_domains/manage"],
  },
  {
    path: "/domains/:domain",
    Component: page(async () => (await import("./pages/domain.tsx")).Domain),
    what: "tracking domains",
    grants: ["tracking_domains/view"],
  },
  {
    path: "/events",
    Component: page(async () => (await import("./pages/events.tsx")).Events),
    name: "Events",
    group: "work",
    what: "events",
    grants: ["message_events/view"],
  },
  {
    path: "/webhooks",
    Component: page(async () => (await import("./pages/webhooks.tsx")).Webhooks),
    name: "Webhooks",
    group: "work",
    what: "webhooks",
    grants: ["webhooks/view"],
  },
  {
    path: "/webhooks/add",
    Component: page(async () => (await import("./pages/add-webhook.tsx")).AddWebhook),
    what: "how webhooks are added",
    grants: ["webhooks/modify"],
  },
  {
    path: "/webhooks/:id",
    Component: page(async () => (await import("./pages/webhook.tsx")).WebhookPage),
    what: "webhooks",
    grants: ["webhooks/view"],
  },
  {
    path: "/tester",
    Component: page(async () => (await import("./pages/tester.tsx")).Tester),
    name: "Link tester",
    group: "work",
    what: "the link tester",
    grants: ["messages/wrap"],
  },
  {
    path: "/keys",
    Component: page(async () => (await import("./pages/keys.tsx")).Keys),
    name: "API keys",
    group: "account",
    what: "keys",
    grants: ["keys/manage"],
  },
  {
    path: "/subaccounts",
    Component: page(async () => (await import("./pages/subaccounts.tsx")).Subaccounts),
    name: "Subaccounts",
    group: "account",
    what: "subaccounts",
    grants: ["subaccounts/view"],
  },
  {
    path: "/audit",
    Component: page(async () => (await import("./pages/audit.tsx")).Audit),
    name: "Audit trail",
    group: "account",
    what: "the audit trail",
    grants: ["audit/view"],
  },
  {
    path: "/settings",
    Component: page(async () => (await import("./pages/settings.tsx")).Settings),
    name: "Settings",
    group: "account",
    what: "the configuration",
    grants: ["settings/view"],
  },
];
