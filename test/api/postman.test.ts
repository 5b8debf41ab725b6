import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { startReceiver } from "../webhooks/receiver.ts";
import { send } from "./harness.ts";
import { startTestInstallation, type TestInstallation } from "./with-edge.ts";

interface PostmanRequest {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly url: {
      readonly raw: string;
      readonly variable: readonly { readonly key: string; readonly value: string }[];
    };
    readonly body?: { readonly raw: string };
  };
}

/** They need what no example can have: a certificate and its key, a link of this installation, a browser. */
const NOT_AS_THEY_ARE = [
  "Bring a certificate of your own",
  "Show what a tracked URL holds",
  "Sign in to the console",
];

suite("the Postman collection", () => {
  let waypost: TestInstallation;
  let items: readonly PostmanRequest[];
  before(async () => {
    waypost = await startTestInstallation("sqlite");
    const port = waypost.control.apiAddress?.port ?? 0;
    const { json } = await send(port, "GET", "/api/v1/postman.json", { key: null });
    items = json.item.flatMap((folder: { item: readonly PostmanRequest[] }) => folder.item);
  });
  after(() => waypost[Symbol.asyncDispose]());

  const bodyOf = (name: string) =>
    JSON.parse(items.find((item) => item.name === name)?.request.body?.raw ?? "{}");

  test("every request with a body does something as it is, once its path is filled in", async () => {
    await using target = await startReceiver();
    await waypost.addVerifiedDomain("tracks.domain.com");
    await waypost.call("PUT", "/api/v1/tracking-domains/tracks.domain.com", { body: { default: true } });
    let lastId = "";
    for (const { name, request } of items) {
      if (request.body === undefined || NOT_AS_THEY_ARE.includes(name)) continue;
      const { method, url } = request;
      const path = url.variable.reduce(
        (text, { key, value }) => text.replace(`:${key}`, value || lastId),
        url.raw.replace("{{baseUrl}}", ""),
      );
      const body = {
        ...JSON.parse(request.body.raw),
        ...(name.endsWith("a webhook") && { target: target.url }),
      };
      const { status, text, json } = await waypost.call(method, path, { body });
      assert.equal(status, 200, `${name}: ${text}`);
      lastId = json.results.id ?? lastId;
      if (name === "Wrap content for its recipients") assert.equal(json.results.links[0].tracked, true);
    }
  });

  test("a request changes only what somebody asks it to", () => {
    assert.deepEqual(bodyOf("Update a tracking domain"), { secure: true });
    assert.deepEqual(Object.keys(bodyOf("Create a webhook")), ["name", "target", "events"]);
    assert.deepEqual(Object.keys(bodyOf("Send events again")), ["from"]);
    assert.deepEqual(Object.keys(bodyOf("Create an API key")), ["label", "grants"]);
  });
});
