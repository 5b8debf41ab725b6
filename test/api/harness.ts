/** A whole control plane on real sockets and a real database, with a key, and a client that checks every reply. */
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "node:test";

import { loadConfig, type SettingKey } from "../../src/config.ts";
import { type Control, startControl } from "../../src/main.ts";
import { createLogger } from "../../src/ops/logger.ts";
import type { StoreLocation } from "../../src/store/open-store.ts";
import { storeLocation } from "../../src/store-location.ts";
import { createTestDatabase } from "../postgres.ts";
import { createReplyCheck, type OpenApiDocument, type ReplyCheck } from "./open-api-check.ts";

export const FIRST_KEY = "14ac5499cfdd2bb2859e4476d2e5b1d2bad079bf";
const DATABASES = ["sqlite", "postgres"] as const;
export type Database = (typeof DATABASES)[number];

/** Runs the same tests on both databases. */
export function onBothDatabases(name: string, tests: (database: Database) => void): void {
  for (const database of DATABASES) suite(`${name} (${database})`, () => tests(database));
}

export interface CallOptions {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is. */
  readonly raw?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** `null` sends no key. */
  readonly key?: string | null;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** `undefined` for an empty body. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read replies of many shapes, each held against OpenAPI before
  readonly json: any;
}

export interface TestApi extends AsyncDisposable {
  readonly control: Control;
  /** As the settings have it; `undefined`: the one in the data directory. */
  readonly secret: string | undefined;
  readonly dataDir: string;
  /** For another process beside the control plane's. */
  readonly location: StoreLocation;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
}

export async function startTestApi(
  database: Database,
  settings: Partial<Record<SettingKey, string>> = {},
): Promise<TestApi> {
  const dataDir = mkdtempSync(join(tmpdir(), "waypost-api-"));
  const shared = database === "postgres" ? await createTestDatabase() : undefined;
  const { config } = loadConfig({
    environment: {},
    flags: {
      dataDir,
      apiKey: FIRST_KEY,
      apiListen: "127.0.0.1:0",
      opsListen: "127.0.0.1:0",
      cnameTarget: "edge.waypost.example",
      webhookBatchWaitMs: "0",
      ...(shared === undefined
        ? {}
        : { databaseUrl: shared.url, secret: "a-secret-for-tests-that-is-long-enough" }),
      ...settings,
    },
  });
  const control = await startControl(
    config,
    createLogger({ level: "silent", terminal: false, part: "test" }),
  );
  const port = control.apiAddress?.port ?? 0;
  let check: ReplyCheck | undefined;
  return {
    control,
    dataDir,
    location: storeLocation(config),
    secret: config.secret,
    call: async (method, path, options = {}) => {
      check ??= replyCheckOf((await send(port, "GET", "/api/v1/openapi.json", {})).text);
      const answer = await send(port, method, path, options);
      const isRawMessage = answer.headers["content-type"] === "message/rfc822";
      if (method !== "HEAD" && !isRawMessage)
        check({ method, path, status: answer.status, body: answer.json });
      return answer;
    },
    [Symbol.asyncDispose]: async () => {
      await control.stop();
      await shared?.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** By document: most APIs of a test file serve the same one, and its schemas take long to compile. */
const replyChecks = new Map<string, ReplyCheck>();

function replyCheckOf(document: string): ReplyCheck {
  const known = replyChecks.get(document) ?? createReplyCheck(JSON.parse(document) as OpenApiDocument);
  replyChecks.set(document, known);
  return known;
}

/** Not fetch: these tests send what fetch refuses, such as a GET with a body. */
export function send(port: number, method: string, path: string, options: CallOptions): Promise<Answer> {
  const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const key = options.key === undefined ? FIRST_KEY : options.key;
  const headers = {
    ...(key === null ? {} : { authorization: key }),
    ...(options.body === undefined ? {} : { "content-type": "application/json" }),
    ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: parseIfJson(text, response.headers["content-type"]),
        });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function parseIfJson(text: string, type: string | undefined): unknown {
  return text !== "" && type === "application/json" ? JSON.parse(text) : undefined;
}
