import assert from "node:assert/strict";
import { test } from "node:test";

import { OPTIONS, RECIPIENT } from "../../test/wrap/support.ts";
import { compileMessage, createMessageWrapper } from "./mime.ts";
import { messageHeaderField } from "./mime-header.ts";

const lines = (...all: string[]) => Buffer.from(all.join("\r\n"));

test("a header field that is left out goes with its folded lines, and no other byte changes", () => {
  const raw = lines("X-MSYS-API: {", ' "options": {}}', "Subject: x", "x-msys-api: again", "", "body", "");
  const { render } = compileMessage(raw, { ...OPTIONS, dropFields: ["X-MSYS-API"] });
  assert.equal(render(RECIPIENT).toString(), "Subject: x\r\n\r\nbody\r\n");
  assert.equal(messageHeaderField(raw, "X-MSYS-API"), '{ "options": {}}');
  assert.equal(messageHeaderField(raw, "X-Other"), undefined);
});

test("a header field is not looked for in the body", () => {
  assert.equal(messageHeaderField(lines("Subject: x", "", "X-MSYS-API: {}"), "X-MSYS-API"), undefined);
});

test("a text part beyond four mebibytes goes out as it came, and what follows is still wrapped", () => {
  const large = "y".repeat(70).concat("\r\n").repeat(60_000);
  const raw = lines(
    "Content-Type: multipart/mixed; boundary=B",
    "",
    "--B",
    "Content-Type: text/plain",
    "",
    `http://a.example/1 ${large}`,
    "--B",
    "",
    "http://a.example/2",
    "--B--",
  );
  const { links, skipped, render } = compileMessage(raw, OPTIONS);
  assert.deepEqual(skipped, [{ contentType: "text/plain", reason: "too_large" }]);
  assert.deepEqual(
    links.map(({ url }) => url),
    ["http://a.example/2"],
  );
  assert.ok(render(RECIPIENT).includes("http://a.example/1 "));
});

test("a part with more than 20,000 links goes out as it came", () => {
  for (const [type, link] of [
    ["html", '<a href="http://a.example/">'],
    ["plain", "http://a.example/ "],
  ] as const) {
    const raw = lines(`Content-Type: text/${type}`, "", `${link}\r\n`.repeat(20_001));
    const { skipped, render } = compileMessage(raw, OPTIONS);
    assert.deepEqual(skipped, [{ contentType: `text/${type}`, reason: "too_large" }]);
    assert.ok(render(RECIPIENT).equals(raw));
  }
});

test("a header without an end goes out as it came", () => {
  const raw = Buffer.from(`Subject: ${"x".repeat(300_000)}`);
  const wrapper = createMessageWrapper(RECIPIENT, OPTIONS);
  const out = [];
  for (let at = 0; at < raw.length; at += 1000) out.push(...wrapper.write(raw.subarray(at, at + 1000)));
  assert.ok(Buffer.concat([...out, ...wrapper.end()]).equals(raw));
  assert.deepEqual(wrapper.skipped, [{ contentType: "message/rfc822", reason: "malformed" }]);
});

test("parts without a Content-Type are text, but messages in a digest", () => {
  const digest = (subtype: string) =>
    compileMessage(
      lines(
        `Content-Type: multipart/${subtype}; boundary=B`,
        "",
        "--B",
        "",
        "Subject: http://a.example/1",
        "--B--",
      ),
      OPTIONS,
    );
  assert.equal(digest("mixed").links.length, 1);
  assert.equal(digest("digest").links.length, 0);
});

test("a signature over nothing of the body lets the body be wrapped", () => {
  const signed = (l: string) =>
    compileMessage(lines(`DKIM-Signature: v=1;${l} b=x`, "", "http://a.example/"), OPTIONS);
  assert.equal(signed(" l=0;").links.length, 1);
  assert.equal(signed(" l=10;").skipped[0]?.reason, "dkim_signed");
  assert.equal(signed("").skipped[0]?.reason, "dkim_signed");
});

test("changed lines of quoted-printable never begin like a boundary", () => {
  const body = `${"x".repeat(74)}http://a.example/--B--\r\n`;
  const raw = lines("Content-Type: text/plain", "Content-Transfer-Encoding: quoted-printable", "", body);
  assert.doesNotMatch(compileMessage(raw, OPTIONS).render(RECIPIENT).toString(), /^[-.]/m);
});
