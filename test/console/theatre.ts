/** The installations that scenes are played on, started when the first scene needs them, and the keys of who looks. */
import assert from "node:assert/strict";

import type { Browser, BrowserContext } from "playwright-core";

import { type Look, openTab, type Tab } from "./browser.ts";
import { playScene, type Scene } from "./scenes.ts";
import {
  addDomains,
  addEvents,
  addThousands,
  addWebhooks,
  addWeek,
  FIRST_KEY,
  makeKey,
  type Stage,
  startStage,
} from "./stage.ts";
import { addCertificates } from "./stage-certificates.ts";

const TEN_THOUSAND = 10_000;

export interface Theatre extends AsyncDisposable {
  /** The scene in a fresh browser. */
  play(scene: Scene, look: Look): Promise<Tab>;
}

type NewCookies = Parameters<BrowserContext["addCookies"]>[0];

interface Set {
  readonly stage: Stage;
  /** Of a session of each who looks. */
  readonly cookies: Readonly<Record<Scene["as"], NewCookies>>;
}

export function openTheatre(browser: Browser): Theatre {
  const sets = new Map<Scene["stage"], Promise<Set>>();
  const setOf = (name: Scene["stage"]): Promise<Set> => {
    const known = sets.get(name) ?? buildSet(name);
    sets.set(name, known);
    return known;
  };
  return {
    play: async (scene, look) => {
      const { stage, cookies } = await setOf(scene.stage);
      const tab = await openTab(browser, stage.url, look);
      await tab.context.addCookies(cookies[scene.as]);
      await playScene(scene, tab.page);
      return tab;
    },
    [Symbol.asyncDispose]: async () => {
      for (const set of sets.values()) await (await set).stage[Symbol.asyncDispose]();
    },
  };
}

async function buildSet(name: Scene["stage"]): Promise<Set> {
  const stage = await startStage({ ordersCertificates: name === "usual" });
  if (name === "usual") {
    await addDomains(stage);
    await addCertificates(stage);
    await addWebhooks(stage);
    await addEvents(stage);
    await addWeek(stage);
  } else await stage.waypost.call("POST", "/api/v1/subaccounts", { body: { name: "Harbour Books" } });
  if (name === "large") await addThousands(stage, TEN_THOUSAND);
  const viewer = await makeKey(stage, { grants: ["tracking_domains/view"] });
  const subaccount = await makeKey(stage, {
    grants: ["tracking_domains/view", "tracking_domains/manage", "message_events/view", "messages/wrap"],
    subaccount_id: 1,
  });
  const cookiesOf = (key: string) => sessionCookies(stage, key);
  return {
    stage,
    cookies: {
      operator: await cookiesOf(FIRST_KEY),
      viewer: await cookiesOf(viewer),
      subaccount: await cookiesOf(subaccount),
      nobody: [],
    },
  };
}

/** Signed in by the API: Chromium, asked for what it holds, was seen to leave that question open for ever. */
async function sessionCookies({ waypost, url }: Stage, key: string): Promise<NewCookies> {
  const { headers } = await waypost.call("POST", "/api/v1/session", {
    key: null,
    headers: { "x-waypost-console": "1" },
    body: { key },
  });
  const [cookie] = headers["set-cookie"] ?? [];
  const [, name, value] = /^([^=]+)=([^;]+)/.exec(cookie ?? "") ?? [];
  assert.ok(name !== undefined && value !== undefined);
  return [{ name, value, url, httpOnly: true, sameSite: "Strict" }];
}
