import assert from "node:assert/strict";
import { test } from "node:test";

import { SETTINGS } from "../../src/config.ts";
import { FIRST_KEY, startTestApi } from "./harness.ts";

test("the running configuration is shown with its warnings, and no secret of it", async () => {
  const secret = "a-secret-for-tests-that-is-long-enough";
  await using api = await startTestApi("sqlite", {
    secret,
    trustedProxies: "10.0.0.0/8",
    supportEmail: "help@waypost.example",
  });
  const { json, text } = await api.call("GET", "/api/v1/settings");
  const { settings, version, warnings } = json.results;
  assert.match(version, /^\d+\.\d+\.\d+/);
  assert.deepEqual(warnings, []);
  assert.equal(settings.length, Object.keys(SETTINGS).length);
  const shown = (name: string) => settings.find((one: { name: string }) => one.name === name)?.value;
  assert.deepEqual(shown("WAYPOST_TRUSTED_PROXIES"), ["10.0.0.0/8"]);
  assert.equal(shown("WAYPOST_CNAME_TARGET"), "edge.waypost.example");
  assert.equal(shown("WAYPOST_SECRET"), true);
  assert.equal(shown("WAYPOST_DATABASE_URL"), false);
  assert.equal(text.includes(secret) || text.includes(FIRST_KEY), false);
});

test("a key without the grant does not see the configuration", async () => {
  await using api = await startTestApi("sqlite");
  const body = { label: "x", grants: ["tracking_domains/view"] };
  const { key } = (await api.call("POST", "/api/v1/keys", { body })).json.results;
  assert.equal((await api.call("GET", "/api/v1/settings", { key })).status, 403);
  assert.equal((await api.call("GET", "/api/v1/session", { key })).json.results.key_label, "x");
});

test("a list of thousands is sent compressed to whoever takes it so, and no reply is kept by a browser", async () => {
  await using api = await startTestApi("sqlite");
  for (let n = 0; n < 200; n += 1) {
    await api.call("POST", "/api/v1/tracking-domains", { body: { domain: `d${n}.acme.com` } });
  }
  const plain = await api.call("GET", "/api/v1/tracking-domains");
  assert.equal(plain.headers["content-encoding"], undefined);
  assert.equal(plain.headers["cache-control"], "no-store");
  assert.match(String(plain.headers["x-request-id"]), /^[0-9a-f]{16}$/);
  const response = await fetch(`http://127.0.0.1:${api.control.apiAddress?.port}/api/v1/tracking-domains`, {
    headers: { authorization: FIRST_KEY },
  });
  assert.equal(response.headers.get("content-encoding"), "gzip");
  assert.deepEqual(await response.json(), plain.json);
});
