import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { FIRST_KEY, onBothDatabases, startTestApi, type TestApi } from "./harness.ts";

const AUDIT = "/api/v1/audit";
const DOMAINS = "/api/v1/tracking-domains";

onBothDatabases("the audit trail", (database) => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi(database, { trustedProxies: "127.0.0.1" });
  });
  after(() => api[Symbol.asyncDispose]());

  const entries = async (query = "") => (await api.call("GET", `${AUDIT}${query}`)).json.results;

  test("says who changed what, when, from where and for whom", async () => {
    await api.call("POST", "/api/v1/subaccounts", { body: { name: "One" } });
    const headers = { "x-forwarded-for": "192.0.2.9", "x-msys-subaccount": "1" };
    await api.call("POST", DOMAINS, { body: { domain: "click.acme.com", secure: true }, headers });
    const [entry] = await entries();
    const { id, timestamp, key_id, ...rest } = entry;
    assert.match(id, /^\d+$/);
    assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000);
    assert.match(key_id, /^[0-9a-f-]{36}$/);
    assert.deepEqual(rest, {
      kind: "change",
      action: "Create a tracking domain",
      method: "POST",
      path: DOMAINS,
      fields: { domain: "click.acme.com", secure: true },
      key_label: "First key",
      via: "key",
      subaccount_id: 1,
      ip_address: "192.0.2.9",
    });
  });

  test("what failed, what was only read and what only wraps leaves no entry", async () => {
    const before = (await entries()).length;
    await api.call("POST", DOMAINS, { body: { domain: "click.acme.com" } });
    await api.call("POST", DOMAINS, { body: { domain: "no" } });
    await api.call("DELETE", `${DOMAINS}/unknown.acme.com`);
    await api.call("GET", DOMAINS);
    await api.call("POST", "/api/v1/wrap", {
      body: { content: { html: "x" }, recipients: [{ address: "ann@example.com" }] },
    });
    assert.equal((await entries()).length, before);
  });

  test("holds no secret, whatever the field", async () => {
    const made = await api.call("POST", "/api/v1/keys", {
      body: { label: "Ci", grants: ["messages/wrap"], valid_ips: ["192.0.2.0/24"], secret: "s3cret" },
    });
    const [entry] = await entries();
    assert.deepEqual(entry.fields, {
      label: "Ci",
      grants: ["messages/wrap"],
      valid_ips: ["192.0.2.0/24"],
      secret: "…",
    });
    const { text } = await api.call("GET", `${AUDIT}?per_page=1000`);
    for (const secret of [FIRST_KEY, made.json.results.key, "s3cret"])
      assert.equal(text.includes(secret), false);
  });

  test("outlives the key that it names, and is found by it and by the path", async () => {
    const grants = ["tracking_domains/manage"];
    const { key, id } = (await api.call("POST", "/api/v1/keys", { body: { label: "Leaver", grants } })).json
      .results;
    await api.call("POST", DOMAINS, { key, body: { domain: "last.acme.com" } });
    await api.call("DELETE", `/api/v1/keys/${id}`);
    const [entry] = await entries(`?keys=${id}`);
    assert.equal(entry.key_label, "Leaver");
    const [revoked] = await entries(`?path=${id}`);
    assert.equal(revoked.action, "Revoke an API key");
    assert.deepEqual(await entries("?path=nowhere"), []);
  });

  test("is read page by page, each entry once", async () => {
    const all = await entries("?per_page=1000");
    const seen: string[] = [];
    let path: string | undefined = `${AUDIT}?per_page=2&kinds=change`;
    while (path !== undefined) {
      const { json } = await api.call("GET", path);
      seen.push(...json.results.map(({ id }: { id: string }) => id));
      path = json.links.next;
    }
    assert.deepEqual(
      seen,
      all.map(({ id }: { id: string }) => id),
    );
    assert.equal((await api.call("GET", `${AUDIT}?cursor=x`)).status, 400);
  });

  test("needs a grant that no subaccount's key can have", async () => {
    const { key } = (
      await api.call("POST", "/api/v1/keys", { body: { label: "x", grants: ["keys/manage"] } })
    ).json.results;
    assert.equal((await api.call("GET", AUDIT, { key })).status, 403);
    const forOne = { label: "x", grants: ["audit/view"], subaccount_id: 1 };
    assert.equal((await api.call("POST", "/api/v1/keys", { body: forOne })).status, 400);
  });
});
