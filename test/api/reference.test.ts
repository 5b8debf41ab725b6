import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { type DefaultTreeAdapterTypes, parse } from "parse5";

import { fieldsOf, type Schema } from "../../src/api/open-api-model.ts";
import { EVENT_TYPES } from "../../src/domain/event.ts";
import { GRANTS, SUBACCOUNT_GRANTS } from "../../src/domain/grants.ts";
import { OPERATIONAL_KINDS } from "../../src/domain/operational-event.ts";
import { send, startTestApi, type TestApi } from "./harness.ts";

interface RequestBody {
  readonly content: { readonly "application/json": { readonly schema: Schema } };
}
type Node = DefaultTreeAdapterTypes.Node;

function* elementsOf(node: Node): Generator<DefaultTreeAdapterTypes.Element> {
  if ("tagName" in node) yield node;
  for (const child of "childNodes" in node ? node.childNodes : []) yield* elementsOf(child);
}

describe("what the API says of itself", () => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi("sqlite");
  });
  after(() => api[Symbol.asyncDispose]());

  const get = (path: string) => send(api.control.apiAddress?.port ?? 0, "GET", path, { key: null });

  test("the reference is one page for anybody, that runs no script and loads nothing", async () => {
    const { status, headers, text } = await get("/docs");
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "text/html; charset=utf-8");
    assert.match(String(headers["content-security-policy"]), /^default-src 'none'; style-src 'sha256-/);
    const errors: string[] = [];
    const document = parse(text, { onParseError: ({ code }) => errors.push(code) });
    assert.deepEqual(errors, []);
    for (const { tagName, attrs } of elementsOf(document)) {
      assert.ok(!["script", "img", "link", "iframe", "object"].includes(tagName), tagName);
      for (const { name, value } of attrs) {
        assert.doesNotMatch(name, /^(on|src)/);
        if (name === "href") assert.match(value, /^[#/]/);
      }
    }
  });

  test("every route of the API is in the reference, with its fields, and each link in it leads somewhere", async () => {
    const { text } = await get("/docs");
    const { json } = await get("/api/v1/openapi.json");
    for (const path of Object.keys(json.paths)) assert.ok(text.includes(`<code>${path}</code>`), path);
    assert.match(text, /<code>recipients\[\]\.address<\/code>/);
    const ids = new Set([...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    for (const [, target] of text.matchAll(/href="#([^"]+)"/g)) assert.ok(ids.has(target), target);
  });

  test("every field of a body says what it means", async () => {
    const fields = Object.entries<Record<string, { requestBody?: RequestBody }>>(
      (await get("/api/v1/openapi.json")).json.paths,
    ).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { requestBody }]) =>
        fieldsOf(requestBody?.content["application/json"].schema ?? {}, `${method} ${path} `),
      ),
    );
    assert.ok(fields.length > 50);
    assert.deepEqual(
      fields.filter(({ description }) => description === "").map(({ name }) => name),
      [],
    );
  });

  test("grants and types of events are documented as the closed sets that they are", async () => {
    const { paths } = (await get("/api/v1/openapi.json")).json;
    const body = (path: string) => paths[path].post.requestBody.content["application/json"].schema.properties;
    assert.deepEqual(body("/api/v1/keys").grants.items.enum, [...GRANTS]);
    assert.deepEqual(body("/api/v1/subaccounts").key_grants.items.enum, [...SUBACCOUNT_GRANTS]);
    const events: string[] = body("/api/v1/webhooks").events.items.enum;
    for (const type of [...EVENT_TYPES, ...OPERATIONAL_KINDS, "bounce"]) assert.ok(events.includes(type));
  });

  test("the Postman collection has every route once, with its parameters and a body to change", async () => {
    const { json, headers } = await get("/api/v1/postman.json");
    assert.equal(headers["content-type"], "application/json");
    const openApi = (await get("/api/v1/openapi.json")).json;
    const count = Object.values<object>(openApi.paths).flatMap((methods) => Object.keys(methods)).length;
    const items = json.item.flatMap((folder: { item: object[] }) => folder.item);
    assert.equal(items.length, count);
    const verify = items.find(({ name }: { name: string }) => name === "Verify a tracking domain").request;
    assert.equal(verify.url.raw, "{{baseUrl}}/api/v1/tracking-domains/:domain/verify");
    assert.equal(verify.url.variable[0].key, "domain");
    const create = items.find(({ name }: { name: string }) => name === "Create a tracking domain").request;
    assert.deepEqual(JSON.parse(create.body.raw), { domain: "example.domain.com" });
    const session = items.find(({ request }: { request: { auth?: object } }) => request.auth !== undefined);
    assert.deepEqual(session.request.auth, { type: "noauth" });
  });
});
