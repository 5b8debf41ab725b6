/** Chromium, driven as a person would use it. Whatever the page complains about fails the test. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

import { findChromium } from "../../scripts/chromium.ts";

export interface Look {
  readonly width: number;
  readonly theme: "light" | "dark";
}

export const DESKTOP: Look = { width: 1440, theme: "light" };
export const PHONE: Look = { width: 390, theme: "light" };
const HEIGHTS: Readonly<Record<number, number>> = { 1440: 900, 390: 844 };

/** All names lead to this machine: nothing that a test opens leaves it. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium(),
    args: ["--no-sandbox", "--host-resolver-rules=MAP * 127.0.0.1", "--disable-gpu"],
  });
}

type Cookies = Awaited<ReturnType<BrowserContext["cookies"]>>;

export interface Tab extends AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the page said on its console, and what broke in it. */
  readonly complaints: readonly string[];
}

/** A browser with nothing in it, at a fixed zone and language. */
export async function openTab(
  browser: Browser,
  baseURL: string,
  { width, theme }: Look = DESKTOP,
): Promise<Tab> {
  const context = await browser.newContext({
    baseURL,
    viewport: { width, height: HEIGHTS[width] ?? 900 },
    colorScheme: theme,
    reducedMotion: "reduce",
    timezoneId: "UTC",
    locale: "en-GB",
    hasTouch: width < 640,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // A refused request is the API's answer, which the page shows in its own way.
    const isAnswer = message.text().startsWith("Failed to load resource");
    // That mail's own pictures are not loaded is what its frame is for.
    const isMailPicture = message.text().includes('directive: "img-src data:"');
    if (message.type() === "error" && !isAnswer && !isMailPicture) complaints.push(message.text());
  });
  return { page, context, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** The same page in another window and theme. */
export async function lookFrom(page: Page, { width, theme }: Look): Promise<void> {
  await page.setViewportSize({ width, height: HEIGHTS[width] ?? 900 });
  await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
}

export async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page
    .getByRole("button", { name: "Sign out" })
    .or(page.getByRole("button", { name: "Menu" }))
    .first()
    .waitFor();
}

const COOKIES_PATIENCE_MS = 5000;
const COOKIES_TRIES = 3;

/** Asked again: Chromium was seen to leave the question open for ever on a busy machine. */
export async function cookiesIn(context: BrowserContext): Promise<Cookies> {
  for (let tries = 0; tries < COOKIES_TRIES; tries += 1) {
    const answer = await Promise.race([context.cookies(), sleep(COOKIES_PATIENCE_MS)]);
    if (answer !== undefined) return answer;
  }
  throw new Error("the browser does not say which cookies it has");
}

/** Nothing is wider than the window, less its scroll bar. */
export async function assertNoSidewaysScroll(page: Page): Promise<void> {
  const content = await page.evaluate<number>("document.documentElement.scrollWidth");
  const room = await page.evaluate<number>("document.documentElement.clientWidth");
  assert.ok(content <= room, `the page is ${content} px wide where there is room for ${room} px`);
}
