/** A reply whose reader reads its first bytes, and then nothing more. */
import { type ClientRequest, request } from "node:http";

import { FIRST_KEY, type TestApi } from "./harness.ts";

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
