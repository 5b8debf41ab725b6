/** A mail, as the tests of whole installations need one. */
import { setTimeout as sleep } from "node:timers/promises";

import type { WaypostProcess } from "./waypost-process.ts";

export const DOMAINS = "/api/v1/tracking-domains";
export const KEY = "e2e-key-that-is-long-enough-for-us";
const WITHIN_MS = 60_000;

/** Makes the tracking domain `click.localhost`, and resolves when it is verified. */
export async function verifyDomain(waypost: WaypostProcess): Promise<void> {
  await waypost.call("POST", DOMAINS, { key: KEY, body: { domain: "click.localhost" } });
  // Asked again like a person would: on a machine without idle cores a probe can miss its five seconds.
  await until(async () => {
    const { json } = await waypost.call("POST", `${DOMAINS}/click.localhost/verify`, { key: KEY });
    return json.results?.verified === true;
  }, "the domain is verified");
}

/** A link of a mail wrapped with a verified `click.localhost`. */
export async function wrappedLink(waypost: WaypostProcess): Promise<{ link: string; messageId: string }> {
  await verifyDomain(waypost);
  const wrapped = await waypost.call("POST", "/api/v1/wrap", {
    key: KEY,
    body: {
      content: { html: '<a href="https://www.example.com/">x</a>' },
      recipients: [{ address: "ann@example.com" }],
      tracking_domain: "click.localhost",
    },
  });
  const [message] = wrapped.json.results.messages;
  return { link: /href="([^"]+)"/.exec(message.content.html)?.[1] ?? "", messageId: message.message_id };
}

/** Throws when it is not within a minute: machines that are busy with other tests are slow, and not broken. */
export async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const giveUpAt = performance.now() + WITHIN_MS;
  while (performance.now() < giveUpAt) {
    if (await condition()) return;
    await sleep(25);
  }
  throw new Error(`never happened: ${what}`);
}
