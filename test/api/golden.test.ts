import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, suite, test } from "node:test";

import { ERROR_KINDS } from "../../src/api/error-reply.ts";
import { createRoutes } from "../../src/api/routes.ts";
import { EVENT_TYPES } from "../../src/domain/event.ts";
import { sampleEvent, toMessageEvent, toWebhookEvent } from "../../src/events/message-event.ts";
import { bareRecord } from "../../src/events/recorded-event.ts";
import { startTestApi, type TestApi } from "./harness.ts";

const FOLDER = resolve(import.meta.dirname, "../golden");

/** Compares with the recorded file; `UPDATE_GOLDEN=1` records anew. */
function assertGolden(name: string, content: string): void {
  const path = join(FOLDER, name);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, content);
  assert.equal(
    content,
    readFileSync(path, "utf8"),
    `${name} has changed: review it, then UPDATE_GOLDEN=1 npm test`,
  );
}

suite("what is published", () => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi("sqlite");
  });
  after(() => api[Symbol.asyncDispose]());

  test("every route keeps its method, path and grant, and its place in the audit trail", () => {
    const nothing = {} as Parameters<typeof createRoutes>[0];
    const routes = createRoutes({ ...nothing, store: {} as (typeof nothing)["store"] });
    const rows = routes.map(({ method, url, grant, audited }) => {
      const unaudited = method !== "GET" && audited === false ? "  (not audited)" : "";
      return `${method.padEnd(6)} ${url}  ${grant}${unaudited}`;
    });
    assertGolden("routes.txt", `${rows.join("\n")}\n`);
  });

  test("the OpenAPI document is the one that was reviewed", async () => {
    const { json, status } = await api.call("GET", "/api/v1/openapi.json", { key: null });
    assert.equal(status, 200);
    assert.equal(json.openapi, "3.1.0");
    assertGolden("openapi.json", `${JSON.stringify(json, null, 2)}\n`);
  });

  test("an event of every type keeps the shapes in which the Events API and webhooks show it", () => {
    const bare = bareRecord({ ...sampleEvent("click"), subaccountId: 0 });
    const { facts: _facts, geoIp: _geoIp, targetLinkName: _name, ...untold } = bare;
    const shapes = [...EVENT_TYPES.map(sampleEvent), untold].map((event) => ({
      api: toMessageEvent(event),
      webhook: toWebhookEvent(event),
    }));
    assertGolden("message-events.json", `${JSON.stringify(shapes, null, 2)}\n`);
  });

  test("the error catalogue is the one that was reviewed", () => {
    assertGolden("errors.json", `${JSON.stringify(ERROR_KINDS, null, 2)}\n`);
  });

  test("every error has its row in docs/errors.md, with its status, code and message", () => {
    const page = readFileSync(resolve(FOLDER, "../../docs/errors.md"), "utf8");
    const documented = page
      .split("\n")
      .filter((line) => /^\| \d{3} /.test(line))
      .map((line) =>
        line
          .split("|")
          .slice(1, 4)
          .map((cell) => cell.trim())
          .join("|"),
      );
    const actual = Object.values(ERROR_KINDS).map(
      (kind) => `${kind.status}|${"code" in kind ? kind.code : ""}|${kind.message}`,
    );
    const expected = [...new Set([...actual, "500||internal error"])].sort();
    assert.deepEqual([...documented].sort(), expected);
  });
});
