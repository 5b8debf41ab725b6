import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { SUBACCOUNT_GRANTS } from "../../src/domain/grants.ts";
import { CNAME_TARGET, startTestInstallation, type TestInstallation } from "./with-edge.ts";

const OPEN = "/api/v1/links/open";

suite("what a tracked URL holds", () => {
  let waypost: TestInstallation;
  let link: string;
  let pixel: string;
  let keyOfTwo: string;

  before(async () => {
    waypost = await startTestInstallation("sqlite");
    await waypost.call("POST", "/api/v1/subaccounts", { body: { name: "One" } });
    const two = { name: "Two", key_label: "two", key_grants: SUBACCOUNT_GRANTS };
    keyOfTwo = (await waypost.call("POST", "/api/v1/subaccounts", { body: two })).json.results.key;
    await waypost.addVerifiedDomain("click.acme.com", { "x-msys-subaccount": "1" });
    const html =
      '<body><a href="https://www.example.com/boots?a=1&amp;b=2" data-msys-linkname="Boots" data-msys-sublink="app/x">x</a></body>';
    const { json } = await waypost.call("POST", "/api/v1/wrap", {
      headers: { "x-msys-subaccount": "1" },
      body: {
        content: { html },
        recipients: [{ address: "Ann@Example.com", message_id: "0123456789abcdef0123" }],
        tracking_domain: "click.acme.com",
      },
    });
    const wrapped = json.results.messages[0].content.html;
    link = /href="([^"]+)"/.exec(wrapped)?.[1] ?? "";
    pixel = [...wrapped.matchAll(/src="([^"]+)"/g)].at(-1)?.[1] ?? "";
  });
  after(() => waypost[Symbol.asyncDispose]());

  const open = (url: string, options: object = {}) =>
    waypost.call("POST", OPEN, { body: { url }, ...options });

  test("a link shows its target, its message and its recipient", async () => {
    const { json } = await open(link);
    const { injection_time, ...rest } = json.results;
    assert.ok(Math.abs(Date.parse(injection_time) - Date.now()) < 60_000);
    assert.deepEqual(rest, {
      type: "click",
      target_link_url: "https://www.example.com/boots?a=1&b=2",
      target_link_name: "Boots",
      message_id: "0123456789abcdef0123",
      rcpt_to: "Ann@Example.com",
      expired: false,
      subaccount_id: 1,
      host: "click.acme.com",
      is_tracking_domain: true,
    });
  });

  test("a pixel shows that it is one, on whatever host and port it is", async () => {
    const { pathname } = new URL(pixel);
    const { json } = await open(`https://cdn.example.net:8443${pathname}?utm=1`);
    assert.equal(json.results.type, "open");
    assert.equal("target_link_url" in json.results, false);
    assert.equal(json.results.host, "cdn.example.net");
    assert.equal(json.results.is_tracking_domain, false);
  });

  test("a link of another subaccount is as unknown as one that nobody made", async () => {
    const foreign = await open(link, { key: keyOfTwo });
    const forged = await open(`${link.slice(0, -2)}AA`, { key: keyOfTwo });
    assert.equal(foreign.status, 404);
    assert.deepEqual(foreign.json, forged.json);
    assert.equal((await open(link, { headers: { "x-msys-subaccount": "0" } })).status, 404);
    assert.equal((await open(link, { headers: { "x-msys-subaccount": "1" } })).status, 200);
  });

  test("what is no URL, no link or no string is refused, and nothing is recorded", async () => {
    assert.equal((await open("click.acme.com/e/abc")).status, 422);
    assert.equal((await open(`http://${CNAME_TARGET}/`)).status, 404);
    assert.equal((await open("http://click.acme.com/e/")).status, 404);
    assert.equal((await open(`http://a.example/${"x".repeat(20_000)}`)).status, 422);
    assert.equal((await waypost.call("GET", "/api/v1/events/message")).json.total_count, 0);
  });
});
