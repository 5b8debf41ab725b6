import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { GRANTS } from "../../src/domain/grants.ts";
import { FIRST_KEY, onBothDatabases, startTestApi, type TestApi } from "./harness.ts";

const DOMAINS = "/api/v1/tracking-domains";
const UNAUTHORIZED = { errors: [{ message: "Unauthorized." }] };
const FORBIDDEN = { errors: [{ message: "Forbidden." }] };

onBothDatabases("API keys", (database) => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi(database, { trustedProxies: "127.0.0.1" });
  });
  after(() => api[Symbol.asyncDispose]());

  /** Every test fails from an address of its own, so that none is slowed down by another's failures. */
  const from = (address: string) => ({ "x-forwarded-for": address });
  const makeKey = async (body: object) =>
    (await api.call("POST", "/api/v1/keys", { body: { label: "test", ...body } })).json.results;

  test("a key works bare and as the user of HTTP Basic", async () => {
    for (const authorization of [
      FIRST_KEY,
      `Basic ${Buffer.from(`${FIRST_KEY}:`).toString("base64")}`,
      `basic ${Buffer.from(`${FIRST_KEY}:ignored`).toString("base64")}`,
    ]) {
      assert.equal((await api.call("GET", DOMAINS, { key: authorization })).status, 200);
    }
  });

  test("without a key, or with an unknown one, the answer is 401", async () => {
    for (const key of [
      null,
      "unknown",
      `Bearer ${FIRST_KEY}`,
      "Basic !!!",
      FIRST_KEY.slice(0, -1),
      "x".repeat(5000),
    ]) {
      const { status, json } = await api.call("GET", DOMAINS, { key, headers: from("192.0.2.1") });
      assert.equal(status, 401);
      assert.deepEqual(json, UNAUTHORIZED);
    }
  });

  test("a key is shown once, and its hash is all that is stored", async () => {
    const created = await makeKey({ grants: ["tracking_domains/view"], label: "reader" });
    assert.match(created.key, /^[0-9a-f]{40}$/);
    assert.equal(created.short_key, created.key.slice(0, 4));
    const shown = (await api.call("GET", `/api/v1/keys/${created.id}`)).json.results;
    assert.deepEqual(shown.grants, ["tracking_domains/view"]);
    assert.equal("key" in shown, false);
    const listed = await api.call("GET", "/api/v1/keys");
    assert.equal(listed.text.includes(created.key), false);
    assert.equal(listed.json.results[0].label, "First key");
    assert.deepEqual(listed.json.results[0].grants, [...GRANTS]);
  });

  test("a key that lacks the grant is refused with 403", async () => {
    const { key } = await makeKey({ grants: ["tracking_domains/view"] });
    assert.equal((await api.call("GET", DOMAINS, { key })).status, 200);
    const { status, json } = await api.call("POST", DOMAINS, { key, body: { domain: "a.acme.com" } });
    assert.equal(status, 403);
    assert.deepEqual(json, FORBIDDEN);
    assert.equal((await api.call("GET", "/api/v1/keys", { key })).status, 403);
  });

  test("a key can give only what it has", async () => {
    const { key } = await makeKey({ grants: ["keys/manage", "tracking_domains/view"] });
    const beyond = await api.call("POST", "/api/v1/keys", {
      key,
      body: { label: "x", grants: ["tracking_domains/manage"] },
    });
    assert.equal(beyond.status, 403);
    const within = await api.call("POST", "/api/v1/keys", {
      key,
      body: { label: "x", grants: ["tracking_domains/view"] },
    });
    assert.equal(within.status, 200);
  });

  test("a revoked key stops working at once", async () => {
    const { key, id } = await makeKey({ grants: ["tracking_domains/view"] });
    assert.equal((await api.call("DELETE", `/api/v1/keys/${id}`)).status, 204);
    assert.equal((await api.call("GET", DOMAINS, { key, headers: from("192.0.2.2") })).status, 401);
    assert.equal((await api.call("DELETE", `/api/v1/keys/${id}`)).status, 404);
  });

  test("a key with allowed addresses is refused from any other", async () => {
    const { key } = await makeKey({
      grants: ["tracking_domains/view"],
      valid_ips: ["198.51.100.0/24", "2001:db8::/32"],
    });
    for (const [address, status] of [
      ["198.51.100.7", 200],
      ["2001:db8::7", 200],
      ["198.51.101.7", 403],
    ] as const) {
      assert.equal((await api.call("GET", DOMAINS, { key, headers: from(address) })).status, status);
    }
  });

  test("a key cannot be made with grants, addresses or a subaccount that do not exist", async () => {
    for (const body of [
      { grants: ["everything"] },
      { grants: ["tracking_domains/view"], valid_ips: ["here"] },
      { grants: ["tracking_domains/view"], subaccount_id: 99 },
    ]) {
      const { status, json } = await api.call("POST", "/api/v1/keys", { body: { label: "x", ...body } });
      assert.equal(status, 400);
      assert.equal(json.errors[0].code, "1200");
    }
    await api.call("POST", "/api/v1/subaccounts", { body: { name: "One" } });
    const beyond = await api.call("POST", "/api/v1/keys", {
      body: { label: "x", grants: ["keys/manage"], subaccount_id: 1 },
    });
    assert.equal(beyond.status, 400);
  });

  test("X-MSYS-SUBACCOUNT names the owner of a new key, and a body that names another is refused", async () => {
    const { subaccount_id: id } = (await api.call("POST", "/api/v1/subaccounts", { body: { name: "Owner" } }))
      .json.results;
    const create = (header: number, body: object = {}) =>
      api.call("POST", "/api/v1/keys", {
        headers: { "x-msys-subaccount": String(header) },
        body: { label: "x", grants: ["tracking_domains/view"], ...body },
      });
    const owners = [];
    for (const [header, body] of [
      [id, {}],
      [id, { subaccount_id: id }],
      [0, {}],
      [0, { subaccount_id: 0 }],
    ] as const) {
      const { json } = await create(header, body);
      const [entry] = (await api.call("GET", "/api/v1/audit?per_page=1")).json.results;
      assert.equal(entry.subaccount_id, json.results.subaccount_id);
      owners.push(json.results.subaccount_id);
    }
    assert.deepEqual(owners, [id, id, undefined, undefined]);
    for (const [header, body] of [
      [id, { subaccount_id: 0 }],
      [0, { subaccount_id: id }],
      [id, { grants: ["audit/view"] }],
      [99, {}],
    ] as const) {
      const { status, json } = await create(header, body);
      assert.equal(status, 400);
      assert.equal(json.errors[0].code, "1200");
    }
  });

  test("the audit trail names the owner of a key that was made or revoked, whoever asked for it", async () => {
    const { subaccount_id: id } = (await api.call("POST", "/api/v1/subaccounts", { body: { name: "Noted" } }))
      .json.results;
    const key = await makeKey({ grants: ["tracking_domains/view"], subaccount_id: id });
    await api.call("DELETE", `/api/v1/keys/${key.id}`);
    const { json } = await api.call("GET", `/api/v1/audit?path=${key.id}`);
    assert.deepEqual(
      json.results.map(({ subaccount_id }: { subaccount_id?: number }) => subaccount_id),
      [id, id],
    );
  });

  test("X-MSYS-SUBACCOUNT says whose keys are seen and revoked", async () => {
    const { subaccount_id: id } = (await api.call("POST", "/api/v1/subaccounts", { body: { name: "Seen" } }))
      .json.results;
    const theirs = await makeKey({ grants: ["tracking_domains/view"], subaccount_id: id });
    const ours = await makeKey({ grants: ["tracking_domains/view"] });
    const as = (subaccount: number) => ({ headers: { "x-msys-subaccount": String(subaccount) } });
    const ids = async (options = {}) =>
      (await api.call("GET", "/api/v1/keys", options)).json.results.map((key: { id: string }) => key.id);
    assert.deepEqual(await ids(as(id)), [theirs.id]);
    assert.equal((await ids(as(0))).includes(theirs.id), false);
    assert.ok((await ids()).includes(theirs.id) && (await ids(as(0))).includes(ours.id));
    for (const method of ["GET", "DELETE"])
      assert.equal((await api.call(method, `/api/v1/keys/${ours.id}`, as(id))).status, 404);
    assert.equal((await api.call("DELETE", `/api/v1/keys/${theirs.id}`, as(id))).status, 204);
    assert.equal((await api.call("DELETE", `/api/v1/keys/${ours.id}`)).status, 204);
  });

  test("an address that fails too often is slowed down, and others are not", async () => {
    const guess = () => api.call("GET", DOMAINS, { key: "guess", headers: from("192.0.2.99") });
    const statuses: number[] = [];
    for (let tries = 0; tries < 21; tries += 1) statuses.push((await guess()).status);
    assert.equal(statuses[0], 401);
    assert.equal(statuses.at(-1), 429);
    const { json } = await guess();
    assert.equal(json.errors[0].message, "Too many requests");
    assert.equal((await api.call("GET", DOMAINS, { headers: from("192.0.2.100") })).status, 200);
  });

  test("the addresses of one IPv6 network fail together", async () => {
    for (let host = 1; host <= 20; host += 1) {
      await api.call("GET", DOMAINS, { key: "guess", headers: from(`2001:db8:1:2::${host}`) });
    }
    assert.equal(
      (await api.call("GET", DOMAINS, { key: "guess", headers: from("2001:db8:1:2::ffff") })).status,
      429,
    );
    assert.equal(
      (await api.call("GET", DOMAINS, { key: "guess", headers: from("2001:db8:1:3::1") })).status,
      401,
    );
  });
});
