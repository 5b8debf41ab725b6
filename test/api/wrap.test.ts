import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { type Answer, onBothDatabases } from "./harness.ts";
import { startTestInstallation, type TestInstallation } from "./with-edge.ts";

const WRAP = "/api/v1/wrap";
const BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0";
const HTML =
  '<body><a href="https://www.example.com/?a=1&amp;b=2" data-msys-linkname="boots">Boots</a></body>';

onBothDatabases("a mail and what comes of it", (database) => {
  let waypost: TestInstallation;
  before(async () => {
    waypost = await startTestInstallation(database);
    await waypost.call("POST", "/api/v1/subaccounts", { body: { name: "One" } });
  });
  after(() => waypost[Symbol.asyncDispose]());

  const one = { "x-msys-subaccount": "1" };
  const wrap = async (body: object, headers: Record<string, string> = {}) =>
    waypost.call("POST", WRAP, {
      body: { content: { html: HTML }, recipients: [{ address: "Ann@Example.com" }], ...body },
      headers,
    });
  const linkOf = (html: string) => /href="([^"]*)"/.exec(html)?.[1] ?? "";
  const bottomPixelOf = (html: string) => [...html.matchAll(/src="([^"]*)"/g)].at(-1)?.[1] ?? "";
  const setDefault = (domain: string, isDefault: boolean, headers = {}) =>
    waypost.call("PUT", `/api/v1/tracking-domains/${domain}`, { body: { default: isDefault }, headers });

  /** Waits for ingest by asking, as a client does. */
  const eventsOf = async (messageId: string, count: number) => {
    for (let tries = 0; tries < 2400; tries += 1) {
      const { json } = await waypost.call("GET", `/api/v1/events/message?messages=${messageId}`);
      if (json.results.length >= count) return json;
      await sleep(25);
    }
    throw new Error(`there are no ${count} events of ${messageId}`);
  };

  test("without a tracking domain a mail comes back as it was sent, with the reason", async () => {
    const { status, json } = await wrap({});
    assert.equal(status, 200);
    assert.equal(json.results.untracked_reason, "no_tracking_domain");
    assert.equal("tracking_domain" in json.results, false);
    assert.equal(json.results.messages[0].content.html, HTML);
    assert.equal(json.results.links[0].tracked, false);
    assert.equal(json.results.links[0].reason, "no_tracking_domain");
  });

  test("a click and an open of a wrapped mail become events, newest first", async () => {
    await waypost.addVerifiedDomain("click.acme.com");
    const { json } = await wrap({ tracking_domain: "CLICK.acme.com" });
    const [message] = json.results.messages;
    assert.equal(json.results.tracking_domain, "click.acme.com");
    assert.equal(message.rcpt_to, "Ann@Example.com");
    assert.match(message.message_id, /^[0-9a-f]{20}$/);
    assert.deepEqual(json.results.links, [
      { url: "https://www.example.com/?a=1&b=2", part: "html", name: "boots", tracked: true },
    ]);
    const pixel = await waypost.visit(bottomPixelOf(message.content.html));
    assert.equal(pixel.status, 200);
    assert.equal(pixel.headers["content-type"], "image/gif");
    const clicked = await waypost.visit(linkOf(message.content.html), {
      headers: { "user-agent": BROWSER, "accept-language": "de" },
    });
    assert.equal(clicked.status, 302);
    assert.equal(clicked.headers["location"], "https://www.example.com/?a=1&b=2");
    const events = await eventsOf(message.message_id, 2);
    assert.deepEqual(
      events.results.map(({ type }: { type: string }) => type),
      ["click", "open"],
    );
    assert.equal(events.total_count, 2);
    assert.deepEqual(events.links, {});
    const { event_id, timestamp, injection_time, transmission_id, ...click } = events.results[0];
    assert.match(transmission_id, /^\d{18}$/);
    assert.equal(transmission_id, json.results.transmission_id);
    assert.ok(/^\d+$/.test(event_id) && Date.parse(timestamp) >= Date.parse(injection_time));
    assert.deepEqual(click, {
      type: "click",
      customer_id: 1,
      message_id: message.message_id,
      rcpt_to: "ann@example.com",
      raw_rcpt_to: "Ann@Example.com",
      recipient_domain: "example.com",
      routing_domain: "example.com",
      rcpt_meta: {},
      rcpt_tags: [],
      msg_size: Buffer.byteLength(HTML),
      open_tracking: true,
      click_tracking: true,
      initial_pixel: true,
      amp_enabled: false,
      is_prefetched: false,
      is_proxy: false,
      is_bot: false,
      tracking_domain: "click.acme.com",
      target_link_url: "https://www.example.com/?a=1&b=2",
      target_link_name: "boots",
      ip_address: "127.0.0.1",
      user_agent: BROWSER,
      user_agent_parsed: {
        agent_family: "Firefox",
        device_brand: "Apple",
        device_family: "Mac",
        os_family: "Mac OS X",
        os_version: "10.15",
        is_mobile: false,
        is_proxy: false,
        is_prefetched: false,
      },
      accept_language: "de",
    });
  });

  test("each recipient has links of their own", async () => {
    const { json } = await wrap({
      tracking_domain: "click.acme.com",
      recipients: [
        { address: "a@example.com" },
        { address: "b@example.com", message_id: "00112233445566778899" },
      ],
    });
    const [first, second] = json.results.messages;
    assert.equal(second.message_id, "00112233445566778899");
    assert.notEqual(linkOf(first.content.html), linkOf(second.content.html));
  });

  test("a named domain that is unknown, unverified, blocked or another tenant's is refused", async () => {
    await waypost.call("POST", "/api/v1/tracking-domains", { body: { domain: "unverified.acme.com" } });
    for (const [tracking_domain, headers, description] of [
      ["unheard.acme.com", {}, "Tracking domain 'unheard.acme.com' is not a registered tracking domain"],
      ["unverified.acme.com", {}, "Tracking domain 'unverified.acme.com' unverified."],
      ["click.acme.com", one, "Tracking domain 'click.acme.com' is not a registered tracking domain"],
    ] as const) {
      const { status, json } = await wrap({ tracking_domain }, headers);
      assert.equal(status, 400);
      assert.equal(json.errors[0].description, description);
    }
  });

  test("the domain is the sending domain's, else the subaccount's default, else the account's", async () => {
    await waypost.addVerifiedDomain("account.acme.com");
    await waypost.addVerifiedDomain("own.acme.com", one);
    await waypost.addVerifiedDomain("sending.acme.com", one);
    await setDefault("account.acme.com", true);
    const chosen = async (body: object = {}) => (await wrap(body, one)).json.results.tracking_domain;
    assert.equal(await chosen(), "account.acme.com");
    await setDefault("own.acme.com", true, one);
    assert.equal(await chosen(), "own.acme.com");
    await waypost.call("PUT", "/api/v1/sending-domains/news.acme.com", {
      body: { tracking_domain: "sending.acme.com" },
      headers: one,
    });
    assert.equal(await chosen({ sending_domain: "News.acme.com" }), "sending.acme.com");
    assert.equal(await chosen({ sending_domain: "other.acme.com" }), "own.acme.com");
    assert.equal(
      await chosen({ sending_domain: "news.acme.com", tracking_domain: "own.acme.com" }),
      "own.acme.com",
    );
    waypost.dns.zone.delete("sending.acme.com");
    await waypost.call("POST", "/api/v1/tracking-domains/sending.acme.com/verify", { headers: one });
    assert.equal(await chosen({ sending_domain: "news.acme.com" }), "own.acme.com");
    await setDefault("account.acme.com", false);
  });

  test("links on the account's domain work for its subaccounts' mail", async () => {
    await setDefault("click.acme.com", true);
    await setDefault("own.acme.com", false, one);
    const { json } = await wrap({}, one);
    assert.equal(json.results.tracking_domain, "click.acme.com");
    const [message] = json.results.messages;
    assert.equal((await waypost.visit(linkOf(message.content.html))).status, 302);
    const events = await eventsOf(message.message_id, 1);
    assert.equal(events.results[0].subaccount_id, 1);
    assert.equal(
      (await waypost.call("GET", `/api/v1/events/message?messages=${message.message_id}&subaccounts=0`)).json
        .total_count,
      0,
    );
    await setDefault("click.acme.com", false);
  });

  test("a link goes on working after its domain is deleted, and the name stays taken", async () => {
    await waypost.addVerifiedDomain("leaving.acme.com");
    const { json } = await wrap({ tracking_domain: "leaving.acme.com" });
    const link = linkOf(json.results.messages[0].content.html);
    await waypost.nextSnapshot(() => waypost.call("DELETE", "/api/v1/tracking-domains/leaving.acme.com"));
    assert.equal((await waypost.visit(link)).status, 302);
    const taken = await waypost.call("POST", "/api/v1/tracking-domains", {
      body: { domain: "leaving.acme.com" },
      headers: one,
    });
    assert.equal(taken.status, 409);
  });

  test("options switch clicks and opens off, and a dry run only reports", async () => {
    const off = await wrap({
      tracking_domain: "click.acme.com",
      options: { click_tracking: false, open_tracking: false, initial_open: false },
    });
    const { json } = off;
    assert.equal(json.results.links[0].tracked, false);
    assert.ok(!json.results.messages[0].content.html.includes("/e/"));
    const dry = await wrap({ tracking_domain: "click.acme.com", dry_run: true });
    assert.deepEqual(dry.json.results.messages, []);
    assert.equal(dry.json.results.links[0].tracked, true);
  });

  test("a recipient that is no address is refused without repeating it", async () => {
    for (const address of [
      "secret",
      "a b@example.com",
      "x@y\r\nBcc: z@example.com",
      `${"a".repeat(320)}@example.com`,
      "",
    ]) {
      const { status, json, text } = await wrap({ recipients: [{ address: "ok@example.com" }, { address }] });
      assert.equal(status, 422);
      assert.equal(json.errors[0].description, "field 'recipients[1].address' is not an address");
      assert.ok(address === "" || !text.includes(address));
    }
    const tooMany = Array.from({ length: 2001 }, () => ({ address: "a@example.com" }));
    assert.equal((await wrap({ recipients: tooMany })).status, 422);
    assert.equal((await wrap({ recipients: [] })).status, 422);
    assert.equal(
      (await wrap({ recipients: [{ address: "a@example.com", message_id: "short" }] })).status,
      422,
    );
  });

  test("a message_id that two recipients of a call have is refused, and says where", async () => {
    const message_id = "bbbbbbbbbbbbbbbbbbbb";
    const { status, json } = await wrap({
      recipients: [
        { address: "ann@example.com", message_id },
        { address: "eve@example.com" },
        { address: "bob@example.com", message_id },
      ],
    });
    assert.equal(status, 422);
    assert.equal(
      json.errors[0].description,
      "field 'recipients[2].message_id' is that of recipients[0] too: each message needs its own",
    );
  });

  test("events are paged by a cursor that stays put while events arrive", async () => {
    const { json } = await wrap({ tracking_domain: "click.acme.com" });
    const [message] = json.results.messages;
    const link = linkOf(message.content.html);
    for (let clicks = 0; clicks < 5; clicks += 1) await waypost.visit(link);
    await eventsOf(message.message_id, 5);
    const seen: string[] = [];
    let next: string | undefined = `/api/v1/events/message?messages=${message.message_id}&per_page=2`;
    while (next !== undefined) {
      const page: Answer["json"] = (await waypost.call("GET", next)).json;
      seen.push(...page.results.map(({ event_id }: { event_id: string }) => event_id));
      next = page.links.next;
      await waypost.visit(link);
    }
    assert.equal(seen.length, 5);
    assert.deepEqual(seen, [...new Set(seen)].sort().reverse());
  });

  test("a question about events that cannot be understood is refused", async () => {
    for (const query of [
      "per_page=0",
      "per_page=10001",
      "from=yesterday",
      "events=clack",
      "cursor=%00",
      "event_ids=x",
      "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
    ]) {
      const { status, json } = await waypost.call("GET", `/api/v1/events/message?${query}`);
      assert.equal(status, 400, query);
      assert.equal(json.errors[0].code, "1200");
    }
  });
});
