import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { startTestInstallation, type TestInstallation } from "./with-edge.ts";

const WRAP = "/api/v1/wrap";
const MESSAGE = [
  "From: News <news@sender.example>",
  "To: ann@example.com",
  "Subject: =?utf-8?q?Caf=C3=A9?=",
  "MIME-Version: 1.0",
  'Content-Type: multipart/mixed; boundary="b"',
  "",
  "preamble stays",
  "--b",
  "Content-Type: text/html; charset=utf-8",
  "Content-Transfer-Encoding: quoted-printable",
  "",
  '<p>Caf=C3=A9 <a href=3D"https://www.example.com/?a=3D1">x</a></p>',
  "--b",
  "Content-Type: text/plain",
  "Content-Disposition: attachment; filename=a.txt",
  "Content-Transfer-Encoding: base64",
  "",
  "AAECAwQFBgc=",
  "--b--",
  "epilogue stays",
  "",
].join("\r\n");
const RAW = { "content-type": "message/rfc822" };

suite("raw messages", () => {
  let waypost: TestInstallation;
  before(async () => {
    waypost = await startTestInstallation("sqlite");
    await waypost.addVerifiedDomain("click.acme.com");
    await waypost.addVerifiedDomain("sender.acme.com");
    await waypost.call("PUT", "/api/v1/tracking-domains/click.acme.com", { body: { default: true } });
  });
  after(() => waypost[Symbol.asyncDispose]());

  const wrap = (query: string, raw: string | Buffer = MESSAGE) =>
    waypost.call("POST", `${WRAP}?${query}`, { raw, headers: RAW });

  test("a message goes in and comes out wrapped, with everything else as it was", async () => {
    const { status, headers, text } = await wrap("rcpt_to=ann@example.com&message_id=00112233445566778899");
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "message/rfc822");
    assert.equal(headers["x-waypost-tracking-domain"], "click.acme.com");
    assert.equal(headers["x-waypost-message-id"], "00112233445566778899");
    const decoded = text.replaceAll("=\r\n", "").replaceAll("=3D", "=");
    const link = /href="(http:\/\/click\.acme\.com:\d+\/e\/[^"]+)"/.exec(decoded)?.[1] ?? "";
    const reply = await waypost.visit(link);
    assert.equal(reply.status, 302, reply.text);
    assert.equal(reply.headers["location"], "https://www.example.com/?a=1");
    const [before = "", after = ""] = MESSAGE.split('<a href=3D"https://www.example.com/?a=3D1">');
    assert.ok(text.startsWith(before.slice(0, before.indexOf("<p>"))));
    assert.ok(text.endsWith(after.slice(after.indexOf("\r\n--b\r\nContent-Type: text/plain"))));
    assert.ok(text.split("\r\n").every((line) => line.length <= 76));
  });

  test("the domain of From: chooses the tracking domain, a named one wins", async () => {
    const association = { body: { tracking_domain: "sender.acme.com" } };
    await waypost.call("PUT", "/api/v1/sending-domains/sender.example", association);
    assert.equal(
      (await wrap("rcpt_to=a@example.com")).headers["x-waypost-tracking-domain"],
      "sender.acme.com",
    );
    const named = await wrap("rcpt_to=a@example.com&tracking_domain=click.acme.com");
    assert.equal(named.headers["x-waypost-tracking-domain"], "click.acme.com");
    assert.equal((await wrap("rcpt_to=a@example.com&tracking_domain=unheard.example")).status, 400);
  });

  test("options stand in the X-MSYS-API header, which is taken out, and the query wins", async () => {
    const message = `X-MSYS-API: {"options":{"open_tracking":false,\r\n "click_tracking":false}}\r\n${MESSAGE}`;
    const off = await wrap("rcpt_to=a@example.com", message);
    assert.equal(off.text, MESSAGE);
    const on = await wrap("rcpt_to=a@example.com&click_tracking=true", message);
    assert.ok(on.text.includes("/e/") && !on.text.includes("X-MSYS-API") && !on.text.includes("<img"));
    for (const header of ["not json", "[]", '{"options":1}', '{"options":{"open_tracking":"no"}}']) {
      const { status, json } = await wrap("rcpt_to=a@example.com", `X-MSYS-API: ${header}\r\n${MESSAGE}`);
      assert.equal(status, 400);
      assert.match(json.errors[0].description, /^X-MSYS-API /);
    }
  });

  test("a dry run answers with the report", async () => {
    const { json } = await wrap("rcpt_to=a@example.com&dry_run=true");
    assert.deepEqual(json.results.links, [
      { url: "https://www.example.com/?a=1", part: "html", tracked: true },
    ]);
    assert.deepEqual(json.results.messages, []);
  });

  test("a recipient who agreed to nothing gets the message as it was", async () => {
    assert.equal((await wrap("rcpt_to=a@example.com&tracking=off")).text, MESSAGE);
  });

  test("what is missing or wrong in the query is said", async () => {
    for (const [query, status] of [
      ["", 422],
      ["rcpt_to=", 422],
      ["rcpt_to=nobody", 422],
      ["rcpt_to=a@example.com&message_id=1", 422],
      ["rcpt_to=a@example.com&tracking=some", 400],
      ["rcpt_to=a@example.com&open_tracking=maybe", 400],
    ] as const) {
      assert.equal((await wrap(query)).status, status, query);
    }
  });

  test("a message over 64 MiB is refused before it is read", async () => {
    const { status, json } = await waypost.call("POST", `${WRAP}?rcpt_to=a@example.com`, {
      raw: Buffer.alloc(64 * 1024 * 1024 + 1, "a\r\n"),
      headers: RAW,
    });
    assert.equal(status, 413);
    assert.equal(json.errors[0].message, "request body too large");
  });

  test("other calls take no raw message", async () => {
    const { status } = await waypost.call("POST", "/api/v1/tracking-domains", { raw: MESSAGE, headers: RAW });
    assert.equal(status, 415);
  });

  test("a message in JSON is wrapped for each of its recipients", async () => {
    const { json } = await waypost.call("POST", WRAP, {
      body: {
        content: { email_rfc822: MESSAGE },
        recipients: [{ address: "a@example.com" }, { address: "b@example.com", tracking: "off" }],
      },
    });
    const [first, second] = json.results.messages;
    assert.ok(first.content.email_rfc822.includes("/e/"));
    assert.equal(second.content.email_rfc822, MESSAGE);
    assert.deepEqual(json.results.skipped, [{ content_type: "text/plain", reason: "attachment" }]);
    const both = await waypost.call("POST", WRAP, {
      body: { content: { email_rfc822: MESSAGE, html: "x" }, recipients: [{ address: "a@example.com" }] },
    });
    assert.equal(both.status, 422);
  });

  test("a message in JSON loses its X-MSYS-API header, which says what the call leaves open, tracked or not", async () => {
    const wrapped = async (header: string, more = {}) => {
      const { status, json } = await waypost.call("POST", WRAP, {
        body: {
          content: { email_rfc822: `X-MSYS-API: ${header}\r\n${MESSAGE}` },
          recipients: [{ address: "a@example.com" }],
          ...more,
        },
      });
      return { status, message: json.results?.messages[0].content.email_rfc822 };
    };
    const header = '{"options":\r\n {"click_tracking": false, "open_tracking": false}}';
    assert.equal((await wrapped(header)).message, MESSAGE);
    const called = await wrapped(header, { options: { click_tracking: true } });
    assert.match(called.message, /\/e\//);
    assert.doesNotMatch(called.message, /msys/i);
    assert.equal((await wrapped("nonsense")).status, 400);
  });

  test("a header longer than can be looked into is refused, since what stands in it could not be taken out", async () => {
    const raw = Buffer.from(`Subject: ${"x".repeat(1_100_000)}\r\nX-MSYS-API: {}\r\n${MESSAGE}`);
    const { status, json } = await waypost.call("POST", `${WRAP}?rcpt_to=a@example.com`, {
      raw,
      headers: RAW,
    });
    assert.equal(status, 413);
    assert.match(json.errors[0].description, /header is longer/);
  });
});
