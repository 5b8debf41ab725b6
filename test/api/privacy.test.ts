/** Privacy modes, from the call that wraps to the events that come of it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { filesWith } from "../files-with.ts";
import { type Answer, onBothDatabases } from "./harness.ts";
import { startTestInstallation, type TestInstallation } from "./with-edge.ts";

const WRAP = "/api/v1/wrap";
const EVENTS = "/api/v1/events/message";
const SUBACCOUNTS = "/api/v1/subaccounts";
const HTML = '<body><a href="https://www.example.com/boots?to=you">x</a></body>';
const BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0";
const MESSAGE = [
  "From: News <news@acme.com>",
  "Subject: Hello",
  "Content-Type: text/html; charset=utf-8",
  "",
  HTML,
  "",
].join("\r\n");

function linkOf(content: string): string {
  return /href="([^"]*)"/.exec(content.replaceAll("=\r\n", "").replaceAll("=3D", "="))?.[1] ?? "";
}

onBothDatabases("privacy", (database) => {
  let waypost: TestInstallation;
  let strict: Record<string, string>;
  before(async () => {
    waypost = await startTestInstallation(database);
    await waypost.addVerifiedDomain("click.acme.com");
    await waypost.call("PUT", "/api/v1/tracking-domains/click.acme.com", { body: { default: true } });
    const { json } = await waypost.call("POST", SUBACCOUNTS, { body: { name: "Strict" } });
    strict = { "x-msys-subaccount": String(json.results.subaccount_id) };
  });
  after(() => waypost[Symbol.asyncDispose]());

  const wrap = async (body: object, headers: Record<string, string> = {}): Promise<Answer["json"]> => {
    const { status, json } = await waypost.call("POST", WRAP, {
      body: { content: { html: HTML }, ...body },
      headers,
    });
    assert.equal(status, 200, JSON.stringify(json));
    return json.results;
  };
  const setPrivacy = (privacy: string) =>
    waypost.call("PUT", `${SUBACCOUNTS}/${strict["x-msys-subaccount"]}`, { body: { privacy } });
  const search = async (query: string) => (await waypost.call("GET", `${EVENTS}?${query}`)).json.results;

  /** Visits, and waits for ingest by asking, as a client does. A later visit without privacy shows that all before it is stored. */
  const eventsOf = async (campaign: string, content: string): Promise<Answer["json"]> => {
    await waypost.visit(linkOf(content), {
      headers: { "user-agent": BROWSER, "accept-language": "de" },
    });
    const marker = await wrap({ recipients: [{ address: "marker@example.com" }] });
    await waypost.visit(linkOf(marker.messages[0].content.html));
    for (let tries = 0; tries < 2400; tries += 1) {
      if ((await search(`messages=${marker.messages[0].message_id}`)).length > 0)
        return search(`campaigns=${campaign}`);
      await sleep(25);
    }
    throw new Error(`the event of ${campaign} is not stored`);
  };

  test("a pseudonymous recipient is the same keyed pseudonym in every event, and found by it", async () => {
    const recipients = [{ address: "Paula@Example.com", privacy: "pseudonymous", metadata: { id: 1 } }];
    const facts = { subject: "Paula!", return_path: "b+paula=example.com@acme.com", tags: ["news"] };
    const first = await wrap({ campaign_id: "p1", recipients, ...facts });
    const [message] = first.messages;
    assert.deepEqual([message.rcpt_to, message.privacy], ["Paula@Example.com", "pseudonymous"]);
    const [event] = await eventsOf("p1", message.content.html);
    assert.match(event.rcpt_to, /^pseudonym-[0-9a-f]{32}@example\.com$/);
    assert.equal(event.recipient_domain, "example.com");
    assert.equal(event.message_id, message.message_id);
    assert.equal(event.transmission_id, first.transmission_id);
    assert.equal(event.target_link_url, "https://www.example.com/boots");
    assert.equal(event.ip_address, "127.0.0.0");
    assert.equal(event.user_agent, BROWSER);
    assert.deepEqual([event.rcpt_meta, event.rcpt_tags], [{}, ["news"]]);
    assert.ok(!("subject" in event) && !("msg_from" in event));
    assert.ok(!JSON.stringify(event).toLowerCase().includes("paula"));
    const again = await wrap({
      campaign_id: "p2",
      recipients: [{ ...recipients[0], address: "paula@example.com" }],
    });
    await eventsOf("p2", again.messages[0].content.html);
    assert.equal((await search(`recipients=${event.rcpt_to}`)).length, 2);
  });

  test("of an anonymous recipient no file has the address, and no event what the caller could know them by", async () => {
    const local = "quincyanonymous";
    const results = await wrap({
      campaign_id: "a1",
      metadata: { who: local },
      tags: [local],
      subject: `Hello ${local}`,
      return_path: `bounces+${local}=example.com@acme.com`,
      recipients: [{ address: `${local}@example.com`, privacy: "anonymous", metadata: { n: local } }],
    });
    assert.ok(!("transmission_id" in results));
    const [message] = results.messages;
    assert.equal(message.rcpt_to, `${local}@example.com`);
    assert.equal(message.privacy, "anonymous");
    const [event, ...more] = await eventsOf("a1", message.content.html);
    assert.deepEqual(more, []);
    assert.deepEqual([event.rcpt_to, event.raw_rcpt_to], ["", ""]);
    assert.ok(!("recipient_domain" in event));
    for (const gone of [
      "ip_address",
      "user_agent",
      "user_agent_parsed",
      "accept_language",
      "subject",
      "msg_size",
    ])
      assert.ok(!(gone in event), gone);
    assert.notEqual(event.message_id, message.message_id);
    assert.deepEqual(await search(`messages=${message.message_id}`), []);
    assert.deepEqual([event.rcpt_meta, event.rcpt_tags, event.campaign_id], [{}, [], "a1"]);
    assert.equal(event.is_bot, false);
    assert.deepEqual(filesWith(waypost.dataDir, local), []);
    assert.ok(filesWith(waypost.dataDir, "pseudonym-").length > 0 || database === "postgres");
  });

  test("nothing is wrapped for a recipient who is off, and the others of the call get theirs", async () => {
    const results = await wrap({
      recipients: [
        { address: "off@example.com", privacy: "off" },
        { address: "on@example.com", privacy: "full" },
      ],
    });
    const [off, on] = results.messages;
    assert.equal(off.content.html, HTML);
    assert.equal(off.privacy, "off");
    assert.notEqual(on.content.html, HTML);
    assert.ok(!("privacy" in on));
  });

  test("a subaccount's mode holds for all its mail, also for mail that was sent before it was set", async () => {
    const recipients = [{ address: "sam@example.com", privacy: "full" }];
    const before = await wrap({ campaign_id: "s1", recipients }, strict);
    assert.ok(!("privacy" in before.messages[0]));
    await setPrivacy("anonymous");
    const later = await wrap({ campaign_id: "s2", recipients }, strict);
    assert.equal(later.messages[0].privacy, "anonymous");
    for (const [campaign, { messages }] of [
      ["s1", before],
      ["s2", later],
    ] as const) {
      const [event] = await eventsOf(campaign, messages[0].content.html);
      assert.ok(event.rcpt_to === "" && !("ip_address" in event), campaign);
      assert.notEqual(event.message_id, messages[0].message_id);
      assert.ok(event.transmission_id.length === 18 && event.transmission_id !== before.transmission_id);
    }
    await setPrivacy("off");
    assert.equal((await eventsOf("s1", before.messages[0].content.html)).length, 1, "nothing new is stored");
    assert.equal((await wrap({ recipients }, strict)).messages[0].content.html, HTML);
    await setPrivacy("full");
    assert.equal((await eventsOf("s1", before.messages[0].content.html)).length, 2);
  });

  test("subaccounts show their mode, and take no other", async () => {
    const created = await waypost.call("POST", SUBACCOUNTS, {
      body: { name: "New", privacy: "pseudonymous" },
    });
    const { json } = await waypost.call("GET", `${SUBACCOUNTS}/${created.json.results.subaccount_id}`);
    assert.equal(json.results.privacy, "pseudonymous");
    assert.equal((await setPrivacy("none")).status, 422);
  });

  test("a whole message says it in the query or in X-MSYS-API, and the stricter one counts", async () => {
    const send = (query: string, header?: string) =>
      waypost.call("POST", `${WRAP}?rcpt_to=raw@example.com${query}`, {
        raw: `${header === undefined ? "" : `X-MSYS-API: ${header}\r\n`}${MESSAGE}`,
        headers: { "content-type": "message/rfc822" },
      });
    const inHeader = JSON.stringify({ options: { privacy: "anonymous" } });
    for (const [query, header, mode] of [
      ["", undefined, undefined],
      ["&privacy=pseudonymous", undefined, "pseudonymous"],
      ["&privacy=pseudonymous", inHeader, "anonymous"],
      ["&privacy=off", inHeader, "off"],
    ] as const) {
      const answer = await send(query, header);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers["x-waypost-privacy"], mode);
      assert.equal(
        "x-waypost-transmission-id" in answer.headers,
        mode === undefined || mode === "pseudonymous",
      );
      assert.equal(linkOf(answer.text).includes("/e/"), mode !== "off");
    }
    assert.equal((await send("&privacy=secret")).status, 400);
    assert.equal((await send("", JSON.stringify({ options: { privacy: true } }))).status, 400);
    const inJson = await wrap({
      content: { email_rfc822: `X-MSYS-API: ${inHeader}\r\n${MESSAGE}` },
      recipients: [{ address: "raw@example.com", privacy: "pseudonymous" }],
    });
    assert.equal(inJson.messages[0].privacy, "anonymous");
  });
});
