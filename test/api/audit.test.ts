import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { GRANTS } from "../../src/domain/grants.ts";
import { sampleEvent } from "../../src/events/message-event.ts";
import { openStore } from "../../src/store/open-store.ts";
import { startReceiver } from "../webhooks/receiver.ts";
import { FIRST_KEY, onBothDatabases, startTestApi, type TestApi } from "./harness.ts";

const AUDIT = "/api/v1/audit";
const DOMAINS = "/api/v1/tracking-domains";

onBothDatabases("the audit trail", (database) => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi(database, { trustedProxies: "127.0.0.1", probePrivate: "allow" });
  });
  after(() => api[Symbol.asyncDispose]());

  const entries = async (query = "") => (await api.call("GET", `${AUDIT}${query}`)).json.results;

  test("begins with the first key, which nobody asked for", async () => {
    const { json } = await api.call("GET", "/api/v1/keys");
    const [entry, ...others] = await entries();
    assert.deepEqual(others, []);
    const { id: _id, timestamp: _timestamp, ...rest } = entry;
    assert.deepEqual(rest, {
      kind: "change",
      action: "Create the first API key",
      method: "waypost serve",
      path: `/api/v1/keys/${json.results[0].id}`,
      fields: { label: "First key", grants: [...GRANTS] },
      via: "server",
    });
  });

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
    const ofDomain = await entries("?path=last.acme.com");
    assert.deepEqual(
      ofDomain.map(({ action }: { action: string }) => action),
      ["Create a tracking domain"],
    );
    assert.deepEqual(await entries("?path=nowhere"), []);
  });

  test("names what was made by its id", async () => {
    const target = await startReceiver();
    await using _target = target;
    const make = async (path: string, body: object) =>
      (await api.call("POST", path, { body: { events: ["click"], grants: ["messages/wrap"], ...body } })).json
        .results;
    const webhook = await make("/api/v1/webhooks", { name: "Ours", target: target.url });
    const key = await make("/api/v1/keys", { label: "Ours" });
    const subaccount = await make("/api/v1/subaccounts", { name: "Theirs", key_grants: ["messages/wrap"] });
    const replay = await make(`/api/v1/webhooks/${webhook.id}/replay`, { from: new Date().toISOString() });
    const { json } = await api.call("GET", "/api/v1/keys");
    const theirs = json.results.find(({ label }: { label: string }) => label === "Theirs");
    const made = (await entries("?per_page=4")).reverse();
    assert.deepEqual(
      made.map(({ path }: { path: string }) => path),
      [
        `/api/v1/webhooks/${webhook.id}`,
        `/api/v1/keys/${key.id}`,
        `/api/v1/subaccounts/${subaccount.subaccount_id}`,
        `/api/v1/webhooks/${webhook.id}/replay`,
      ],
    );
    assert.equal(made[2].fields.key_id, theirs.id);
    assert.equal(made[3].fields.replay_id, replay.id);
  });

  test("says from which host to which a webhook moved, and nothing else of its targets", async () => {
    await using before = await startReceiver();
    await using after = await startReceiver();
    const body = { name: "Moves", target: `${before.url}/in/s3cret?token=s3cret`, events: ["click"] };
    const { id } = (await api.call("POST", "/api/v1/webhooks", { body })).json.results;
    const move = { target: `${after.url}/in/s3cret?token=s3cret` };
    await api.call("PUT", `/api/v1/webhooks/${id}`, { body: move });
    await api.call("PUT", `/api/v1/webhooks/${id}`, { body: { ...move, name: "Stays" } });
    const [stayed, moved, created] = await entries(`?path=${id}`);
    const [from, to] = [before, after].map(({ url }) => new URL(url).host);
    assert.equal(created.fields.target, from);
    assert.deepEqual(moved.fields, { target: to, previous_target: from });
    assert.deepEqual(stayed.fields, { name: "Stays", target: "…" });
    assert.equal((await api.call("GET", AUDIT)).text.includes("s3cret?token"), false);
  });

  test("says of nobody who renames a webhook that they moved it, though somebody else does meanwhile", async () => {
    await using before = await startReceiver();
    await using after = await startReceiver();
    const { id } = (
      await api.call("POST", "/api/v1/webhooks", {
        body: { name: "Busy", target: before.url, events: ["click"] },
      })
    ).json.results;
    const put = (body: object) => api.call("PUT", `/api/v1/webhooks/${id}`, { body });
    const move = async () => {
      for (const { url } of [after, before, after]) await put({ target: url });
    };
    const rename = async () => {
      for (let n = 0; n < 10; n += 1) await put({ name: `Busy ${n}` });
    };
    await Promise.all([move(), rename(), rename(), rename()]);
    const all: { fields: object }[] = await entries(`?path=${id}`);
    const renamed = all.filter(({ fields }) => "name" in fields);
    assert.equal(renamed.filter(({ fields }) => "previous_target" in fields).length, 0);
    assert.equal(renamed.length, 31);
  });

  test("tells that a webhook was switched off because its receiver answered 410", async (t) => {
    await using target = await startReceiver({
      behave: (response, { eventIds }) => response.writeHead(eventIds.length > 0 ? 410 : 200).end(),
    });
    const body = { name: "Gone", target: target.url, events: ["click"] };
    const { id } = (await api.call("POST", "/api/v1/webhooks", { body })).json.results;
    const store = await openStore(api.location);
    t.after(() => store.close());
    await store.events.append([{ ...sampleEvent("click"), timestampMs: Date.now(), subaccountId: 0 }]);
    const switchedOff = async () => {
      const [newest, created] = await entries(`?path=${id}`);
      assert.ok(created, "the entry is not there yet");
      return newest;
    };
    const {
      id: _id,
      timestamp: _timestamp,
      ...entry
    } = await t.waitFor(switchedOff, {
      interval: 50,
      timeout: 60_000,
    });
    assert.deepEqual(entry, {
      kind: "change",
      action: "Switch off a webhook whose receiver answered 410",
      method: "waypost serve",
      path: `/api/v1/webhooks/${id}`,
      fields: { active: false, batch_id: target.batches.at(-1)?.batchId },
      via: "server",
    });
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
