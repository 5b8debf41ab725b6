/** A reply whose reader reads its first bytes, and then nothing more; and enough to reply with that this holds the reply up. */
import { type ClientRequest, request } from "node:http";

import { openStore } from "../../src/store/open-store.ts";
import { recorded } from "../events/recorded.ts";
import { systemHolds } from "../system-buffers.ts";
import { FIRST_KEY, type TestApi } from "./harness.ts";

/** More than the largest page has. */
const EVENTS = 12_000;
const APPENDED_AT_ONCE = 2000;

/** Puts so many events of now into the store that neither a page of 10,000 nor an export of all is sent to a paused reader. */
export async function storeLongEvents({ location }: Pick<TestApi, "location">): Promise<void> {
  const store = await openStore(location);
  const url = `https://shop.example/${"x".repeat((2 * (await systemHolds())) / EVENTS)}`;
  // A search goes on to now: none of them is later.
  const startMs = Date.now() - EVENTS - 1000;
  for (let n = 0; n < EVENTS; n += APPENDED_AT_ONCE) {
    const events = Array.from({ length: APPENDED_AT_ONCE }, (_, k) =>
      recorded(n + k + 1, startMs, { type: "click", targetLinkUrl: url }),
    );
    await store.events.append(events);
  }
  await store.close();
}

export interface PausedReply {
  readonly asked: ClientRequest;
  /** Resolves when something of the reply has come; rejects when the connection fails before. */
  readonly began: Promise<void>;
}

export function openPaused(api: TestApi, path: string): PausedReply {
  const { promise: began, resolve, reject } = Promise.withResolvers<void>();
  const asked = request({
    ...{ host: "127.0.0.1", port: api.control.apiAddress?.port, path },
    headers: { authorization: FIRST_KEY },
  });
  asked.on("response", (response) => response.once("readable", () => resolve()));
  asked.on("error", reject);
  asked.end();
  return { asked, began };
}
