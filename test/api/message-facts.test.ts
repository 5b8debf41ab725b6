/** What a call that wraps says of its messages, and where it comes out. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { type Answer, onBothDatabases } from "./harness.ts";
import { startTestInstallation, type TestInstallation } from "./with-edge.ts";

const WRAP = "/api/v1/wrap";
const HTML = '<body><a href="https://www.example.com/">x</a></body>';
const MESSAGE = [
  "From: =?utf-8?q?N=C3=A9ws?= <news@Sender.example>",
  "To: ann@example.com",
  "Subject: =?utf-8?q?Caf=C3=A9?=\r\n =?utf-8?q?_au_lait?=",
  "Content-Type: text/html; charset=utf-8",
  "",
  HTML,
  "",
].join("\r\n");

function linkOf(content: string): string {
  return /href="([^"]*)"/.exec(content.replaceAll("=\r\n", "").replaceAll("=3D", "="))?.[1] ?? "";
}

/** Waits for ingest by asking, as a client does. */
async function clickOf(
  waypost: TestInstallation,
  messageId: string,
  headers: Record<string, string> = {},
): Promise<Answer["json"]> {
  for (let tries = 0; tries < 2400; tries += 1) {
    const { json } = await waypost.call("GET", `/api/v1/events/message?messages=${messageId}`, { headers });
    if (json.results.length > 0) return json.results[0];
    await sleep(25);
  }
  throw new Error(`there is no event of ${messageId}`);
}

onBothDatabases("message facts", (database) => {
  let waypost: TestInstallation;
  before(async () => {
    waypost = await startTestInstallation(database);
    await waypost.addVerifiedDomain("click.acme.com");
    await waypost.call("PUT", "/api/v1/tracking-domains/click.acme.com", { body: { default: true } });
  });
  after(() => waypost[Symbol.asyncDispose]());

  const wrap = (body: object) =>
    waypost.call("POST", WRAP, {
      body: { content: { html: HTML }, recipients: [{ address: "ann@example.com" }], ...body },
    });

  test("what a call says of its messages and their recipients comes back in their events", async () => {
    const { json } = await wrap({
      campaign_id: "november",
      template_id: "boots",
      template_version: "3",
      transmission_id: "4711",
      subject: "Boots, größer",
      from: { name: "News", email: "news@Acme.com" },
      return_path: "bounces@acme.com",
      ip_pool: "marketing",
      metadata: { shop: "nl", n: 1 },
      tags: ["a", "b"],
      options: { initial_open: false },
      recipients: [
        { address: "ann@example.com", metadata: { n: 2, deep: { x: [null] } }, tags: ["b", "c"] },
        { address: "bob@example.com", tracking: "clicks" },
      ],
    });
    assert.equal(json.results.transmission_id, "4711");
    const [ann, bob] = json.results.messages;
    for (const { content } of [ann, bob]) await waypost.visit(linkOf(content.html));
    const common = {
      campaign_id: "november",
      template_id: "boots",
      template_version: "3",
      transmission_id: "4711",
      subject: "Boots, größer",
      friendly_from: "News <news@Acme.com>",
      msg_from: "bounces@acme.com",
      sending_domain: "acme.com",
      ip_pool: "marketing",
      msg_size: HTML.length,
      click_tracking: true,
      initial_pixel: false,
      amp_enabled: false,
    };
    const clickOfAnn = await clickOf(waypost, ann.message_id);
    assert.deepEqual({ ...clickOfAnn, ...common, open_tracking: true }, clickOfAnn);
    assert.deepEqual(clickOfAnn.rcpt_meta, { shop: "nl", n: 2, deep: { x: [null] } });
    assert.deepEqual(clickOfAnn.rcpt_tags, ["a", "b", "c"]);
    const clickOfBob = await clickOf(waypost, bob.message_id);
    assert.deepEqual({ ...clickOfBob, ...common, open_tracking: false }, clickOfBob);
    assert.deepEqual(clickOfBob.rcpt_meta, { shop: "nl", n: 1 });
    assert.deepEqual(clickOfBob.rcpt_tags, ["a", "b"]);
  });

  test("what a subaccount says of a message is in no event of another one that chose the same message_id", async () => {
    const id = "bbbbbbbbbbbbbbbbbbbb";
    const words = (name: string) => ({ campaign_id: name, subject: name, metadata: { name } });
    const tenants = await Promise.all(
      ["One", "Two", "Three"].map(async (name) => {
        const { json } = await waypost.call("POST", "/api/v1/subaccounts", { body: { name } });
        return { name, headers: { "x-msys-subaccount": String(json.results.subaccount_id) } };
      }),
    );
    // In the same second, or at the border of two.
    const replies = await Promise.all(
      tenants.map(({ name, headers }) =>
        waypost.call("POST", WRAP, {
          headers,
          body: {
            ...words(name),
            content: { html: HTML },
            recipients: [{ address: `${name}@example.com`, message_id: id }],
          },
        }),
      ),
    );
    for (const { json } of replies) await waypost.visit(linkOf(json.results.messages[0].content.html));
    for (const { name, headers } of tenants) {
      const event = await clickOf(waypost, id, headers);
      const { campaign_id, subject, rcpt_meta: metadata } = event;
      assert.deepEqual({ campaign_id, subject, metadata }, words(name));
    }
  });

  test("a whole message says its subject and sender itself, and the rest in X-MSYS-API; the call wins", async () => {
    const control = `X-MSYS-API: ${JSON.stringify({
      campaign_id: "from the header",
      metadata: { a: 1, b: 1, word: "Größe" },
      tags: ["header"],
    })}\r\n`;
    const { json } = await wrap({
      content: { email_rfc822: `${control}${MESSAGE}` },
      metadata: { b: 2 },
      tags: ["call"],
    });
    const [message] = json.results.messages;
    await waypost.visit(linkOf(message.content.email_rfc822));
    const expected = {
      campaign_id: "from the header",
      subject: "Café au lait",
      friendly_from: "Néws <news@Sender.example>",
      sending_domain: "sender.example",
      rcpt_meta: { a: 1, b: 2, word: "Größe" },
      rcpt_tags: ["header", "call"],
    };
    const click = await clickOf(waypost, message.message_id);
    assert.deepEqual({ ...click, ...expected }, click);

    const metadata = encodeURIComponent('{"b":3}');
    const raw = await waypost.call(
      "POST",
      `${WRAP}?rcpt_to=ann@example.com&campaign_id=query&metadata=${metadata}&tags=x,y&transmission_id=12`,
      { raw: `${control}${MESSAGE}`, headers: { "content-type": "message/rfc822" } },
    );
    assert.equal(raw.headers["x-waypost-transmission-id"], "12");
    await waypost.visit(linkOf(raw.text));
    const rawClick = await clickOf(waypost, String(raw.headers["x-waypost-message-id"]));
    assert.deepEqual(
      {
        ...rawClick,
        ...expected,
        campaign_id: "query",
        transmission_id: "12",
        rcpt_meta: { a: 1, b: 3, word: "Größe" },
        rcpt_tags: ["header", "x", "y"],
        msg_size: Buffer.byteLength(`${control}${MESSAGE}`),
      },
      rawClick,
    );
  });

  test("what is too long, too many or of another type is refused, and says where", async () => {
    const bytes = (length: number) => "x".repeat(length);
    for (const [body, description] of [
      [
        { campaign_id: `${bytes(63)}é` },
        "field 'campaign_id' is of length '65', but needs to be of max length '64'",
      ],
      [{ campaign_id: 1 }, "field 'campaign_id' is of type 'number', but needs to be of type 'string'"],
      [{ subject: bytes(1001) }, "field 'subject' is of length '1001', but needs to be of max length '1000'"],
      [{ transmission_id: "abc" }, "field 'transmission_id' must be at most 20 digits"],
      [{ metadata: [] }, "field 'metadata' is of type 'array', but needs to be of type 'object'"],
      [
        { metadata: { a: bytes(993) } },
        "field 'metadata' is of length '1001', but needs to be of max length '1000'",
      ],
      [
        { metadata: { a: bytes(900) }, recipients: [{ address: "a@x.com", metadata: { b: bytes(100) } }] },
        "field 'recipients[0].metadata' is of length '1015', but needs to be of max length '1000'",
      ],
      [
        { tags: ["1", "2", "3"], recipients: [{ address: "a@x.com", tags: [..."abcdefgh"] }] },
        "field 'recipients[0].tags' may have at most 10 entries",
      ],
      [{ tags: [bytes(256)] }, "field 'tags' is of length '256', but needs to be of max length '255'"],
      [{ tags: [1] }, "field 'tags[0]' is of type 'number', but needs to be of type 'string'"],
    ] as const) {
      const { status, json } = await wrap(body);
      assert.equal(status, 422);
      assert.equal(json.errors[0].description, description);
    }
    const deep = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
    const nested = await waypost.call("POST", WRAP, {
      raw: `{"content":{"html":"x"},"recipients":[{"address":"a@example.com"}],"metadata":${deep}}`,
      headers: { "content-type": "application/json" },
    });
    assert.equal(nested.status, 422);
    assert.match(nested.json.errors[0].description, /^field 'metadata' is (nested too deeply|of length)/);
    for (const control of ['{"campaign_id":1}', '{"metadata":"x"}', '{"tags":"x"}', '{"tags":[1]}']) {
      const { status, json } = await wrap({
        content: { email_rfc822: `X-MSYS-API: ${control}\r\n${MESSAGE}` },
      });
      assert.equal(status, 400);
      assert.match(json.errors[0].description, /^X-MSYS-API '\w+' must be of type '/);
    }
  });

  test("a dry run, an untracked recipient and an untracked call record nothing", async () => {
    assert.equal((await wrap({ dry_run: true })).json.results.transmission_id, undefined);
    const off = await wrap({ recipients: [{ address: "ann@example.com", tracking: "off" }] });
    assert.equal(off.json.results.transmission_id, undefined);
    const raw = await waypost.call("POST", `${WRAP}?rcpt_to=a@example.com&tracking=off`, {
      raw: MESSAGE,
      headers: { "content-type": "message/rfc822" },
    });
    assert.equal(raw.headers["x-waypost-transmission-id"], undefined);
  });

  test("a message counts as tracked by what its content has: text without links by nothing", async () => {
    const contents = [
      { html: HTML },
      { html: "<p>no link</p>" },
      { text: "See https://www.example.com/" },
      { text: "no link" },
      { email_rfc822: "From: a@example.com\r\n\r\nno link\r\n" },
    ];
    const shown: boolean[] = [];
    for (const content of contents) {
      const { json } = await wrap({ content, campaign_id: "contents" });
      shown.push(json.results.transmission_id !== undefined);
    }
    for (const text of ["no link", "See https://www.example.com/", "no link ".repeat(100_000)]) {
      const { status, headers } = await waypost.call(
        "POST",
        `${WRAP}?rcpt_to=a@example.com&campaign_id=contents`,
        {
          raw: `From: a@example.com\r\n\r\n${text}\r\n`,
          headers: { "content-type": "message/rfc822" },
        },
      );
      assert.equal(status, 200);
      shown.push(headers["x-waypost-transmission-id"] !== undefined);
    }
    // Of a long message it is not known before it goes out.
    assert.deepEqual(shown, [true, true, true, false, false, false, true, true]);
    const metrics = "count_targeted,count_open_tracked,count_click_tracked";
    const path = `/api/v1/metrics/deliverability?campaigns=contents&metrics=${metrics}`;
    let counts: object = {};
    for (let tries = 0; tries < 2400; tries += 1) {
      const { json } = await waypost.call("GET", path);
      counts = json.results[0];
      if (json.results[0].count_targeted === 5) break;
      await sleep(25);
    }
    assert.deepEqual(counts, { count_targeted: 5, count_open_tracked: 3, count_click_tracked: 4 });
  });
});

suite("message facts on a store that does not answer", () => {
  test("a call gets 503 before any content, and works when the store does", async () => {
    await using waypost = await startTestInstallation("sqlite");
    await waypost.addVerifiedDomain("click.acme.com");
    const index = new DatabaseSync(join(waypost.dataDir, "messages", "index.db"));
    index.exec("begin immediate");
    const wrap = () =>
      waypost.call("POST", WRAP, {
        body: {
          content: { html: HTML },
          recipients: [{ address: "ann@example.com" }],
          tracking_domain: "click.acme.com",
        },
      });
    const refused = await wrap();
    assert.equal(refused.status, 503);
    assert.equal(refused.headers["retry-after"], "5");
    assert.doesNotMatch(refused.text, /href/);
    index.exec("rollback");
    index.close();
    assert.equal((await wrap()).status, 200);
  });
});
