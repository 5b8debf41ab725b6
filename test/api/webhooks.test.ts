import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { after, before, type TestContext, test } from "node:test";

import { openStore } from "../../src/store/open-store.ts";
import { recorded } from "../events/recorded.ts";
import { until } from "../webhooks/delivery-setup.ts";
import { type Receiver, type ReceiverOptions, startReceiver } from "../webhooks/receiver.ts";
import { tokenServer } from "../webhooks/token-server.ts";
import { type CallOptions, onBothDatabases, startTestApi, type TestApi } from "./harness.ts";

const WEBHOOKS = "/api/v1/webhooks";
const MASK = "********";

async function receiver(t: TestContext, options: ReceiverOptions = {}): Promise<Receiver> {
  const started = await startReceiver(options);
  t.after(() => started[Symbol.asyncDispose]());
  return started;
}

const as = (subaccount: number) => ({ headers: { "x-msys-subaccount": String(subaccount) } });

onBothDatabases("webhooks API", (database) => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi(database, { probePrivate: "allow" });
    for (const name of ["One", "Two"]) await api.call("POST", "/api/v1/subaccounts", { body: { name } });
  });
  after(() => api[Symbol.asyncDispose]());

  const post = (body: object, options: CallOptions = {}) =>
    api.call("POST", WEBHOOKS, { body: { name: "Example webhook", events: ["click"], ...body }, ...options });
  const create = async (body: object, options: CallOptions = {}) => {
    const { status, json } = await post(body, options);
    assert.equal(status, 200, JSON.stringify(json));
    return json.results as { id: string; signing_secret: string };
  };
  const get = async (id: string, options: CallOptions = {}) =>
    (await api.call("GET", `${WEBHOOKS}/${id}`, options)).json.results;

  test("a webhook is created as SparkPost creates one, with a test POST to its target", async (t) => {
    const target = await receiver(t);
    const { status, json } = await post({
      target: target.url,
      events: ["delivery", "injection", "open", "click"],
      custom_headers: { "x-api-key": "abcd" },
      auth_type: "basic",
      auth_credentials: { username: "basicauthuser", password: "mypassword" },
    });
    assert.equal(status, 200);
    const { id, links, signing_secret: secret } = json.results;
    assert.match(id, /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    assert.deepEqual(links, [
      { href: `${WEBHOOKS}/${id}`, rel: "urn.msys.webhooks.webhook", method: ["GET", "PUT"] },
    ]);
    assert.match(secret, /^whsec_/);
    const [tested] = target.batches;
    assert.equal(tested?.body, '[{"msys":{}}]');
    assert.equal(tested?.headers["content-type"], "application/json");
    assert.equal(tested?.headers["x-api-key"], "abcd");
    assert.equal(
      tested?.headers.authorization,
      `Basic ${Buffer.from("basicauthuser:mypassword").toString("base64")}`,
    );
    assert.deepEqual(await get(id), {
      id,
      name: "Example webhook",
      kind: "events",
      target: target.url,
      events: ["delivery", "injection", "open", "click"],
      active: true,
      auth_type: "basic",
      auth_request_details: {},
      auth_credentials: { username: "basicauthuser", password: MASK },
      auth_token: "",
      custom_headers: { "x-api-key": MASK },
      all_subaccounts: true,
      exception_subaccounts: [],
      links: [
        { href: `${WEBHOOKS}/${id}`, rel: "urn.msys.webhooks.webhook", method: ["GET", "PUT"] },
        { href: `${WEBHOOKS}/${id}/validate`, rel: "urn.msys.webhooks.validate", method: ["POST"] },
        { href: `${WEBHOOKS}/${id}/batch-status`, rel: "urn.msys.webhooks.batches", method: ["GET"] },
      ],
    });
  });

  test("a target that refuses the test POST makes no webhook, and its answer is shown as SparkPost shows it", async (t) => {
    const target = await receiver(t, {
      behave: (response) => response.writeHead(502, { "content-type": "text/html" }).end("response body"),
    });
    const { status, json } = await post({ target: target.url, name: "refused" });
    assert.equal(status, 400);
    const [{ response, ...error }, ...more] = json.errors;
    assert.deepEqual(more, []);
    assert.deepEqual(error, {
      code: 400,
      message: "POST to webhook target URL failed",
      description: "The target answered 502 instead of 2xx",
    });
    assert.equal(response.status, 502);
    assert.equal(response.body, "response body");
    assert.equal(response.headers["content-type"], "text/html");
    const { json: listed } = await api.call("GET", WEBHOOKS);
    assert.ok(!listed.results.some(({ name }: { name: string }) => name === "refused"));
  });

  test("a target that nobody answers at is refused without a response to show", async () => {
    const { status, json } = await post({ target: "http://127.0.0.1:9/" });
    assert.equal(status, 400);
    assert.deepEqual(json.errors, [
      {
        code: 400,
        message: "POST to webhook target URL failed",
        description: "There was no answer: ECONNREFUSED",
      },
    ]);
  });

  test("with oauth2 a token is fetched and presented, and its failure has SparkPost's own message", async (t) => {
    const tokens = await tokenServer(t);
    const target = await receiver(t, {
      behave: (response, { headers }) =>
        response.writeHead(headers.authorization === "Bearer token-1" ? 200 : 401).end(),
    });
    const oauth = {
      target: target.url,
      auth_type: "oauth2",
      auth_request_details: {
        url: tokens.url,
        body: { client_id: "CLIENT123", client_secret: "9sdfj791d2bsbf", grant_type: "client_credentials" },
      },
    };
    const { id } = await create(oauth);
    assert.deepEqual(tokens.asked[0], {
      type: "application/x-www-form-urlencoded",
      body: "client_id=CLIENT123&client_secret=9sdfj791d2bsbf&grant_type=client_credentials",
    });
    const shown = await get(id);
    assert.deepEqual(shown.auth_request_details, {
      url: tokens.url,
      body: { client_id: "CLIENT123", client_secret: MASK, grant_type: "client_credentials" },
    });
    tokens.status = () => 403;
    const { status, json } = await post({ ...oauth, target: target.url });
    assert.equal(status, 400);
    assert.equal(json.errors[0].message, "POST to webhook tokens URL failed");
    assert.equal(json.errors[0].response.status, 403);
    // A token with a line break can be used for nothing here, but perhaps elsewhere.
    tokens.status = () => 200;
    tokens.extra = { access_token: "secret-\ntoken" };
    const unusable = await post({ ...oauth, target: target.url });
    assert.equal(unusable.status, 400);
    assert.doesNotMatch(unusable.text, /secret-/);
  });

  test("fields that are not given stay as they are, and a mask that comes back leaves its secret", async (t) => {
    const target = await receiver(t);
    const { id } = await create({
      target: target.url,
      custom_headers: { "X-Api-Key": "abcd", "X-Other": "efgh" },
      auth_type: "basic",
      auth_credentials: { username: "ann", password: "secret" },
    });
    const shown = await get(id);
    const { status, json } = await api.call("PUT", `${WEBHOOKS}/${id}`, {
      body: { ...shown, name: "Renamed webhook", custom_headers: { "x-api-key": MASK, "X-New": "ijkl" } },
    });
    assert.equal(status, 200, JSON.stringify(json));
    assert.deepEqual(json.results, {
      id,
      links: [{ href: `${WEBHOOKS}/${id}/validate`, rel: "urn.msys.webhooks.validate", method: ["POST"] }],
    });
    assert.equal(target.batches.length, 1, "no test POST as long as the target stays");
    await api.call("POST", `${WEBHOOKS}/${id}/validate`);
    const headers: IncomingHttpHeaders = target.batches[1]?.headers ?? {};
    assert.equal(headers.authorization, `Basic ${Buffer.from("ann:secret").toString("base64")}`);
    assert.deepEqual(
      [headers["x-api-key"], headers["x-other"], headers["x-new"]],
      ["abcd", undefined, "ijkl"],
    );
    assert.equal((await get(id)).name, "Renamed webhook");
    const masked = await api.call("PUT", `${WEBHOOKS}/${id}`, {
      body: { custom_headers: { "x-unknown": MASK } },
    });
    assert.equal(masked.status, 422);
    assert.match(masked.json.errors[0].description, /is masked/);
  });

  test("a new target must pass the test too, else nothing is changed", async (t) => {
    const target = await receiver(t);
    const { id } = await create({ target: target.url });
    const bad = await receiver(t, { behave: (response) => response.writeHead(404).end() });
    const { status, json } = await api.call("PUT", `${WEBHOOKS}/${id}`, {
      body: { target: bad.url, name: "Other" },
    });
    assert.deepEqual([status, json.errors[0].response.status], [400, 404]);
    const shown = await get(id);
    assert.deepEqual([shown.target, shown.name], [target.url, "Example webhook"]);
  });

  test("validate shows what the target answers", async (t) => {
    const target = await receiver(t);
    const { id } = await create({ target: target.url });
    for (const raw of ['[{"msys":{}}]', '{"message":{"msys":{}}}', ""]) {
      const { status, json } = await api.call("POST", `${WEBHOOKS}/${id}/validate`, {
        raw,
        headers: { "content-type": "application/json" },
      });
      assert.equal(status, 200);
      assert.equal(json.results.msg, "Test POST to endpoint succeeded");
      assert.deepEqual([json.results.response.status, json.results.response.body], [200, "OK"]);
    }
    target.behave = (response) => response.writeHead(500).end("no");
    const { status, json } = await api.call("POST", `${WEBHOOKS}/${id}/validate`);
    assert.deepEqual([status, json.errors[0].response.body], [400, "no"]);
  });

  test("the signing secret signs from the first test on, and after a rotation the new one does too", async (t) => {
    const target = await receiver(t);
    const { id, signing_secret: first } = await create({ target: target.url });
    assert.ok(!JSON.stringify(await get(id)).includes("whsec_"));
    const rotated = await api.call("POST", `${WEBHOOKS}/${id}/rotate-secret?overlap_hours=1`);
    assert.equal(rotated.status, 200);
    const { signing_secret: second, previous_valid_until: until } = rotated.json.results;
    assert.ok(Math.abs(Date.parse(until) - Date.now() - 3_600_000) < 60_000);
    const strict = await receiver(t, { secrets: () => [first] });
    await api.call("PUT", `${WEBHOOKS}/${id}`, { body: { target: strict.url } });
    const newer = await receiver(t, { secrets: () => [second] });
    await api.call("PUT", `${WEBHOOKS}/${id}`, { body: { target: newer.url } });
    assert.deepEqual([strict.batches.length, newer.batches.length], [1, 1]);
    const last = await api.call("POST", `${WEBHOOKS}/${id}/rotate-secret?overlap_hours=0`);
    assert.equal(last.json.results.previous_valid_until, undefined);
    const { status } = await api.call("POST", `${WEBHOOKS}/${id}/validate`);
    assert.equal(status, 400, "the old secret signs no more");
    assert.deepEqual(newer.complaints, ["it is not signed"]);
  });

  test("a secret that is rotated while a new target is being tested stays rotated", async (t) => {
    const target = await receiver(t);
    const { id, signing_secret: first } = await create({ target: target.url });
    const answer = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    let secret = first;
    const slow = await receiver(t, {
      secrets: () => [secret],
      behave: (response) => {
        asked.resolve();
        void answer.promise.then(() => response.end("OK"));
      },
    });
    const moving = api.call("PUT", `${WEBHOOKS}/${id}`, {
      body: { target: slow.url, name: "Moved", custom_headers: { "x-api-key": "abcd" } },
    });
    await asked.promise;
    const rotated = await api.call("POST", `${WEBHOOKS}/${id}/rotate-secret?overlap_hours=0`);
    secret = rotated.json.results.signing_secret;
    answer.resolve();
    assert.equal((await moving).status, 200);
    assert.deepEqual([(await get(id)).target, (await get(id)).name], [slow.url, "Moved"]);
    assert.equal((await api.call("POST", `${WEBHOOKS}/${id}/validate`)).status, 200);
    assert.deepEqual(slow.complaints, []);
    assert.equal(slow.batches.at(-1)?.headers["x-api-key"], "abcd");
  });

  const BASIC = { auth_type: "basic", auth_credentials: { username: "ann", password: "secret" } };
  for (const [what, stored, again, field] of [
    [
      "password",
      BASIC,
      { auth_credentials: { username: "ann", password: MASK } },
      "auth_credentials.password",
    ],
    [
      "header",
      { custom_headers: { "x-api-key": "abcd" } },
      { custom_headers: { "x-api-key": MASK } },
      "custom_headers",
    ],
    ["token", { auth_token: "abcd" }, { auth_token: MASK }, "auth_token"],
  ] as const) {
    test(`a stored ${what} is not sent to a target on another server, unless it is given again`, async (t) => {
      const target = await receiver(t);
      const other = await receiver(t);
      const { id } = await create({ target: target.url, ...stored });
      const put = (body: object) => api.call("PUT", `${WEBHOOKS}/${id}`, { body });
      for (const body of [{}, again]) {
        const { status, json } = await put({ target: other.url, ...body });
        assert.equal(status, 422);
        assert.ok(json.errors[0].description.startsWith(`field '${field}' must be sent again`));
      }
      assert.equal(other.batches.length, 0);
      assert.equal((await put({ target: `${target.url}/elsewhere` })).status, 200, "the same server has it");
      assert.equal((await put({ target: other.url, ...stored })).status, 200);
      assert.equal(other.batches.length, 1);
    });
  }

  test("a webhook that drops its secrets may move to another server", async (t) => {
    const target = await receiver(t);
    const other = await receiver(t);
    const { id } = await create({
      target: target.url,
      ...BASIC,
      custom_headers: { "x-api-key": "abcd" },
      auth_token: "abcd",
    });
    const { status } = await api.call("PUT", `${WEBHOOKS}/${id}`, {
      body: { target: other.url, auth_type: "none", custom_headers: {}, auth_token: "" },
    });
    assert.equal(status, 200);
    const { headers } = other.batches[0] ?? {};
    assert.deepEqual(
      [headers?.authorization, headers?.["x-api-key"], headers?.["x-messagesystems-webhook-token"]],
      [undefined, undefined, undefined],
    );
  });

  test("a stored client secret and its tokens are used with no other authorization server or target", async (t) => {
    const [tokens, otherTokens] = [await tokenServer(t), await tokenServer(t)];
    const [target, other] = [await receiver(t), await receiver(t)];
    const body = { client_id: "one", client_secret: "9sdfj791d2bsbf" };
    const { id } = await create({
      target: target.url,
      auth_type: "oauth2",
      auth_request_details: { url: tokens.url, body },
    });
    const put = (change: object) => api.call("PUT", `${WEBHOOKS}/${id}`, { body: change });
    const masked = { url: otherTokens.url, body: { ...body, client_secret: MASK } };
    for (const change of [{ auth_request_details: masked }, { target: other.url }]) {
      const { status, json } = await put(change);
      assert.equal(status, 422);
      assert.match(json.errors[0].description, /field 'auth_request_details.body' must be sent again/);
    }
    assert.equal(otherTokens.asked.length + other.batches.length, 0);
    const given = { url: otherTokens.url, body: { client_id: "two", client_secret: "other" } };
    assert.equal((await put({ target: other.url, auth_request_details: given })).status, 200);
    assert.equal(otherTokens.asked.length, 1, "the new target is tested with a token of the new server");
    assert.equal(tokens.asked.length, 1);
  });

  test("X-MSYS-SUBACCOUNT says whose events a webhook gets, and whose webhooks are seen", async (t) => {
    const target = await receiver(t);
    const everybody = await create({ target: target.url, exception_subaccounts: [2, "1"] });
    const primary = await create({ target: target.url }, as(0));
    const one = await create({ target: target.url }, as(1));
    const ids = async (options: CallOptions = {}) => {
      const { json } = await api.call("GET", WEBHOOKS, options);
      const all = [everybody.id, primary.id, one.id];
      return json.results.map(({ id }: { id: string }) => id).filter((id: string) => all.includes(id));
    };
    assert.deepEqual(new Set(await ids()), new Set([everybody.id, primary.id, one.id]));
    assert.deepEqual(await ids(as(0)), [primary.id]);
    assert.deepEqual(await ids(as(1)), [one.id]);
    assert.deepEqual(await ids(as(2)), []);
    const whose = async (id: string, options: CallOptions = {}) => {
      const { all_subaccounts, exception_subaccounts, subaccount_id } = await get(id, options);
      return [all_subaccounts, exception_subaccounts, subaccount_id];
    };
    assert.deepEqual(await whose(everybody.id), [true, [2, 1], undefined]);
    assert.deepEqual(await whose(primary.id), [false, [], undefined]);
    assert.deepEqual(await whose(one.id), [false, [], 1]);
    for (const path of ["", "/validate", "/batch-status", "/replays"])
      assert.equal(
        (await api.call(path === "/validate" ? "POST" : "GET", `${WEBHOOKS}/${one.id}${path}`, as(2))).status,
        404,
      );
    assert.equal(
      (await api.call("DELETE", `${WEBHOOKS}/${one.id}`)).status,
      404,
      "a subaccount's needs the header",
    );
    assert.equal((await api.call("DELETE", `${WEBHOOKS}/${everybody.id}`, as(0))).status, 404);
    assert.equal((await api.call("DELETE", `${WEBHOOKS}/${one.id}`, as(1))).status, 204);
    assert.equal((await api.call("DELETE", `${WEBHOOKS}/${one.id}`, as(1))).status, 404);
  });

  test("a subaccount's key makes and sees its own webhooks alone", async (t) => {
    const target = await receiver(t);
    const { json } = await api.call("POST", "/api/v1/keys", {
      body: { label: "sub", grants: ["webhooks/view", "webhooks/modify"], subaccount_id: 2 },
    });
    const { key } = json.results;
    const { id } = await create({ target: target.url }, { key });
    assert.equal((await get(id)).subaccount_id, 2);
    const { json: listed } = await api.call("GET", WEBHOOKS, { key });
    assert.deepEqual(
      listed.results.map((webhook: { id: string }) => webhook.id),
      [id],
    );
    const refused = await post({ target: target.url, exception_subaccounts: [1] }, { key });
    assert.equal(refused.status, 422);
  });

  test("reading needs webhooks/view and everything else webhooks/modify", async () => {
    const { json } = await api.call("POST", "/api/v1/keys", {
      body: { label: "view", grants: ["webhooks/view"] },
    });
    const { key } = json.results;
    assert.equal((await api.call("GET", WEBHOOKS, { key })).status, 200);
    for (const [method, path] of [
      ["POST", ""],
      ["PUT", "/x"],
      ["DELETE", "/x"],
      ["POST", "/x/validate"],
      ["POST", "/x/rotate-secret"],
      ["POST", "/x/replay"],
      ["DELETE", "/x/replays/y"],
    ] as const)
      assert.equal((await api.call(method, `${WEBHOOKS}${path}`, { key, body: {} })).status, 403);
  });

  for (const [name, body, status, words] of [
    ["a missing name", { name: undefined }, 422, /field 'name' is required/],
    ["a missing target", { target: undefined }, 422, /field 'target' is required/],
    ["no events", { events: [] }, 422, /field 'events' must not be empty/],
    ["an unknown event", { events: ["click", "clack"] }, 422, /unknown type 'clack'/],
    ["an operational event of the other kind", { events: ["domain_broken"] }, 422, /unknown type/],
    ["a click as operational event", { kind: "operational", events: ["click"] }, 422, /unknown type/],
    ["a target that is no URL", { target: "client.example.com" }, 422, /http or https URL/],
    ["credentials in the target", { target: "http://a:b@127.0.0.1/" }, 422, /must not hold credentials/],
    ["an unknown auth_type", { auth_type: "digest" }, 422, /must be one of: none, basic, oauth2/],
    ["basic without a user", { auth_type: "basic" }, 422, /'auth_credentials.username' is required/],
    [
      "a user with a colon",
      { auth_type: "basic", auth_credentials: { username: "a:b" } },
      422,
      /auth_credentials.username/,
    ],
    ["oauth2 without details", { auth_type: "oauth2" }, 422, /'auth_request_details.url' is required/],
    [
      "a token URL inside",
      { auth_type: "oauth2", auth_request_details: { url: "gopher://x", body: {} } },
      422,
      /auth_request_details.url' must be an http/,
    ],
    [
      "a token request with 21 fields",
      {
        auth_type: "oauth2",
        auth_request_details: {
          url: "http://127.0.0.1/",
          body: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`f${n}`, "x"])),
        },
      },
      422,
      /'auth_request_details.body' may have at most 20 entries/,
    ],
    [
      "a token request of more than 4096 bytes",
      {
        auth_type: "oauth2",
        auth_request_details: { url: "http://127.0.0.1/", body: { ["ä".repeat(48)]: "x".repeat(4001) } },
      },
      422,
      /'auth_request_details.body' may have at most 4096 bytes in all/,
    ],
    ["six headers", { custom_headers: { a: "", b: "", c: "", d: "", e: "", f: "" } }, 422, /at most 5/],
    ["a header with a line break", { custom_headers: { a: "b\r\nc: d" } }, 422, /cannot have/],
    ["a header that is ours", { custom_headers: { "Webhook-Id": "x" } }, 422, /must not set/],
    [
      "eleven exceptions",
      { exception_subaccounts: Array.from({ length: 11 }, (_, n) => n) },
      422,
      /at most 10 entries/,
    ],
    ["an exception that is no number", { exception_subaccounts: ["one"] }, 422, /numbers of subaccounts/],
  ] as const) {
    test(`${name} is refused with a reason, before anything is posted`, async (t) => {
      const target = await receiver(t);
      const answer = await post({ target: target.url, ...body });
      assert.equal(answer.status, status);
      assert.match(answer.json.errors[0].description, words);
      assert.equal(target.batches.length + target.complaints.length, 0);
    });
  }

  test("replays begin at a time or an event, and their progress is shown until they are taken back", async (t) => {
    const target = await receiver(t);
    const { id } = await create({ target: target.url });
    const replay = (body: object) => api.call("POST", `${WEBHOOKS}/${id}/replay`, { body });
    const started = await replay({ from: "2026-11-22T21:00:00Z" });
    assert.equal(started.status, 200);
    assert.equal(started.json.results.status, "queued");
    const { json } = await api.call("GET", `${WEBHOOKS}/${id}/replays`);
    const [shown] = json.results;
    assert.deepEqual([shown.id, shown.status, shown.progress], [started.json.results.id, "finished", 100]);
    assert.equal((await api.call("DELETE", `${WEBHOOKS}/${id}/replays/${shown.id}`)).status, 204);
    assert.equal((await api.call("DELETE", `${WEBHOOKS}/${id}/replays/${shown.id}`)).status, 404);
    for (const [body, status] of [
      [{}, 400],
      [{ from: "2026-11-22T21:00:00Z", event_id: "1" }, 400],
      [{ from: "yesterday" }, 400],
      [{ from: "" }, 400],
      [{ event_id: "123456789" }, 404],
      [{ event_id: "x" }, 404],
      [{ batch_id: "x" }, 404],
    ] as const)
      assert.equal((await replay(body)).status, status, JSON.stringify(body));
    assert.deepEqual((await api.call("GET", `${WEBHOOKS}/${id}/batch-status?limit=10`)).json, {
      results: [],
    });
    assert.deepEqual((await api.call("GET", `${WEBHOOKS}/${id}/batch-status?state=delivered`)).json, {
      results: [],
    });
    for (const query of ["limit=0", "state=lost", "state=dead,failing"])
      assert.equal((await api.call("GET", `${WEBHOOKS}/${id}/batch-status?${query}`)).status, 400);
  });

  test("a replay from an event sends it and what was stored since, to a subaccount only what is its own", async (t) => {
    const store = await openStore(api.location);
    t.after(() => store.close());
    const target = await receiver(t);
    const { id } = await create({ target: target.url });
    const own = await receiver(t);
    const { id: ownId } = await create({ target: own.url }, as(1));
    const longAgoMs = Date.now() - 100_000;
    const [first, second, third] = [71_001, 71_002, 71_003];
    await store.events.append([first, second].map((n) => recorded(n, longAgoMs)));
    await store.events.append([recorded(third, longAgoMs, { subaccountId: 1 })]);
    await until(() => target.deliveredIds().length === 3, "they arrive at first");
    await until(() => own.deliveredIds().length === 1, "its own too");
    const replay = (webhook: string, event: number, options: CallOptions = {}) =>
      api.call("POST", `${WEBHOOKS}/${webhook}/replay`, { body: { event_id: String(event) }, ...options });
    const { status, json } = await replay(id, second);
    assert.equal(status, 200);
    const replayed = ({ batches }: Receiver) =>
      batches.flatMap(({ headers, eventIds }) =>
        headers["x-waypost-replay"] === json.results.id ? eventIds : [],
      );
    await until(() => replayed(target).length === 2, "it arrives");
    assert.deepEqual(replayed(target), [String(second), String(third)]);
    assert.equal((await replay(ownId, second, as(1))).status, 404);
    assert.equal((await replay(ownId, third, as(1))).status, 200);
    await until(() => own.deliveredIds().length === 2, "its own");
    assert.equal(own.batches.filter(({ headers }) => headers["x-waypost-replay"]).length, 1);
    assert.deepEqual(own.deliveredIds(), [String(third), String(third)]);
  });

  test("documentation and samples show each event as a webhook gets it", async () => {
    const { json } = await api.call("GET", `${WEBHOOKS}/events/documentation`);
    assert.deepEqual(Object.keys(json.results), ["track_event", "unsubscribe_event"]);
    assert.deepEqual(Object.keys(json.results.unsubscribe_event.events), ["link_unsubscribe"]);
    const { click } = json.results.track_event.events;
    assert.equal(click.display_name, "Click");
    assert.match(click.event.timestamp.sampleValue, /^\d+$/);
    assert.deepEqual(click.event.bot_reasons.sampleValue, ["proofpoint_network"]);
    assert.equal(click.event.geo_ip.sampleValue.zip, "1012");
    assert.ok(
      Object.values(click.event).every((field) => (field as { description: string }).description !== ""),
    );
    const samples = await api.call("GET", `${WEBHOOKS}/events/samples?events=click,bounce,link_unsubscribe`);
    assert.deepEqual(
      samples.json.results.map(({ msys }: { msys: object }) => Object.keys(msys)),
      [["track_event"], ["unsubscribe_event"]],
    );
    assert.equal((await api.call("GET", `${WEBHOOKS}/events/samples`)).json.results.length, 7);
    assert.equal((await api.call("GET", `${WEBHOOKS}/events/samples?events=clack`)).status, 400);
  });

  test("times are in the time zone asked for, and an unknown one is refused", async (t) => {
    const target = await receiver(t);
    const { id } = await create({ target: target.url });
    for (const path of [WEBHOOKS, `${WEBHOOKS}/${id}`]) {
      assert.equal((await api.call("GET", `${path}?timezone=America/New_York`)).status, 200);
      assert.equal((await api.call("GET", `${path}?timezone=Mars/Olympus`)).status, 400);
    }
  });

  test("no secret is in the audit trail", async (t) => {
    const target = await receiver(t);
    const { id } = await create({
      target: target.url,
      auth_type: "basic",
      auth_credentials: { username: "ann", password: "very-secret" },
      custom_headers: { "x-api-key": "very-secret" },
      auth_token: "very-secret",
    });
    const { text } = await api.call("GET", "/api/v1/audit?path=webhooks");
    assert.ok(text.includes("Create a webhook") && !text.includes("very-secret"));
    const shown = await get(id);
    assert.equal(shown.auth_token, MASK);
    assert.ok(!JSON.stringify(shown).includes("very-secret"));
    assert.equal(target.batches[0]?.headers["x-messagesystems-webhook-token"], "very-secret");
  });
});

test("without WAYPOST_PROBE_PRIVATE neither the own network nor other ports can be targets", async (t) => {
  await using api = await startTestApi("sqlite");
  const target = await receiver(t);
  for (const [url, words] of [
    [target.url, /standard port|private network/],
    ["http://127.0.0.1/hook", /private network/],
    ["http://localhost/hook", /private network/],
    ["https://client.example.com:8443/hook", /standard port/],
  ] as const) {
    const { status, json } = await api.call("POST", WEBHOOKS, {
      body: { name: "x", target: url, events: ["click"] },
    });
    assert.equal(status, 422);
    assert.match(json.errors[0].description, words);
  }
  assert.equal(target.batches.length, 0);
});
