import assert from "node:assert/strict";
import { test } from "node:test";

import { OPTIONS, RECIPIENT } from "../../test/wrap/support.ts";
import { compileMessage, createMessageWrapper, type MessageOptions } from "./mime.ts";
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

test("a message with more than 20,000 links in all keeps the parts that are too many as they came", () => {
  const part = (count: number) =>
    lines("--B", "Content-Type: text/html", "", '<a href="http://a.example/">'.repeat(count), "").toString();
  const raw = Buffer.from(
    `Content-Type: multipart/mixed; boundary=B\r\n\r\n${part(15_000)}${part(5001)}${part(5000)}--B--\r\n`,
  );
  const { links, skipped, render } = compileMessage(raw, OPTIONS);
  assert.equal(links.length, 20_000);
  assert.deepEqual(skipped, [{ contentType: "text/html", reason: "too_large" }]);
  assert.ok(render(RECIPIENT).includes(part(5001)));
});

test("UTF-16 without a mark is read in the byte order that its bytes have", () => {
  const text = '<p>Füße</p><a href="http://a.example/é">'.repeat(3);
  const littleEndian = Buffer.from(text, "utf16le");
  for (const body of [littleEndian, Buffer.from(littleEndian).swap16()]) {
    const raw = lines(
      "Content-Type: text/html; charset=utf-16",
      "Content-Transfer-Encoding: base64",
      "",
      body.toString("base64"),
    );
    const { links } = compileMessage(raw, OPTIONS);
    assert.deepEqual(
      links.map(({ url, tracked }) => [url, tracked]),
      Array.from({ length: 3 }, () => ["http://a.example/é", true]),
    );
  }
});

test("characters of two bytes, whatever ASCII their second byte is, stay as they are around links", () => {
  for (const charset of ["shift_jis", "gbk", "big5", "euc-kr", "gb18030"]) {
    const decoder = new TextDecoder(charset, { fatal: true });
    const isCharacter = (bytes: Buffer): boolean => {
      try {
        return decoder.decode(bytes).length === 1;
      } catch {
        return false;
      }
    };
    const pairs = Array.from({ length: 0x7f * 0xc0 }, (_, n) =>
      Buffer.of(0x81 + Math.floor(n / 0xc0), 0x40 + (n % 0xc0)),
    )
      .filter(isCharacter)
      .slice(0, 15_000);
    assert.ok(pairs.length > 2000, charset);
    const [before, after] = [Buffer.from('<a href="http://a.example/">'), Buffer.from("</a>")];
    const body = Buffer.concat(pairs.flatMap((pair) => [before, pair, after, pair, Buffer.from("\r\n")]));
    const head = lines(`Content-Type: text/html; charset=${charset}`, "Content-Transfer-Encoding: 8bit", "");
    const { links, render } = compileMessage(Buffer.concat([head, Buffer.from("\r\n"), body]), {
      ...OPTIONS,
      openTracking: false,
    });
    assert.equal(links.filter(({ tracked }) => tracked).length, pairs.length, charset);
    const restored = render(RECIPIENT)
      .toString("latin1")
      .replaceAll(/"http[^"]*\/e\/[^"]*"/g, '"http://a.example/"');
    assert.ok(restored.endsWith(body.toString("latin1")), charset);
  }
});

test("a header without an end goes out as it came", () => {
  const raw = Buffer.from(`Subject: ${"x".repeat(1_100_000)}`);
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

const wrapped = (raw: Buffer, options: MessageOptions = OPTIONS) =>
  compileMessage(raw, options).render(RECIPIENT).toString("latin1");

test("a pixel in a part of a single line gets the line breaks of the message", () => {
  const raw = lines("Content-Type: text/html", "", "<body><p>x");
  assert.doesNotMatch(wrapped(raw), /(?<!\r)\n/);
});

test("a message that is nothing but a header loses the fields that are left out too", () => {
  const dropFields = ["x-msys-api"];
  for (const [raw, expected] of [
    ["X-MSYS-API: {}\r\nSubject: x", "Subject: x"],
    ["Subject: x\r\nX-MSYS-API: {}\r\n", "Subject: x\r\n"],
    ["Subject: x\nX-MSYS-API: {}", "Subject: x\n"],
  ] as const) {
    assert.equal(wrapped(Buffer.from(raw), { ...OPTIONS, dropFields }), expected);
  }
});

test("a marker's name in text is read in the charset of the part", () => {
  for (const [charset, encoding] of [
    ["utf-8", "utf8"],
    ["iso-8859-1", "latin1"],
  ] as const) {
    const body = Buffer.from('http://a.example/[[data-msys-linkname="café"]]', encoding);
    const raw = Buffer.concat([lines(`Content-Type: text/plain; charset=${charset}`, "", ""), body]);
    assert.equal(compileMessage(raw, OPTIONS).links[0]?.name, "café");
  }
});

test("an encrypted text is left alone, its comment too", () => {
  const raw = lines("", "-----BEGIN PGP MESSAGE-----", "Comment: https://a.example", "", "abcd");
  assert.deepEqual(compileMessage(raw, OPTIONS).skipped, [
    { contentType: "text/plain", reason: "encrypted" },
  ]);
  assert.equal(wrapped(raw), raw.toString());
});

test("parts inside of an attached multipart are left alone", () => {
  const raw = lines(
    "Content-Type: multipart/mixed; boundary=A",
    "",
    "--A",
    "Content-Type: multipart/alternative; boundary=B",
    "Content-Disposition: attachment",
    "",
    "--B",
    "",
    "http://a.example/",
    "--B--",
    "--A",
    "",
    "http://b.example/",
    "--A--",
  );
  const { links, skipped } = compileMessage(raw, OPTIONS);
  assert.deepEqual(skipped, [{ contentType: "multipart/alternative", reason: "attachment" }]);
  assert.deepEqual(
    links.map(({ url }) => url),
    ["http://b.example/"],
  );
});

test("bytes that are no text in the charset they declare are left alone", () => {
  const html = '<a href="http://a.example/">x</a>';
  for (const [charset, body] of [
    ["utf-8", Buffer.from(`\ufeff${html}`, "utf16le")],
    ["utf-16", Buffer.from(html)],
  ] as const) {
    const raw = Buffer.concat([lines(`Content-Type: text/html; charset=${charset}`, "", ""), body]);
    const { skipped, render } = compileMessage(raw, OPTIONS);
    assert.deepEqual(skipped, [{ contentType: "text/html", reason: "unsupported_charset" }]);
    assert.ok(render(RECIPIENT).equals(raw));
  }
});

test("comments in a header nest, and an unclosed string costs time in proportion to its length", () => {
  const [link] = compileMessage(
    lines("Content-Type: text/html (a (b) c)", "", "<a href=http://a.example>"),
    OPTIONS,
  ).links;
  assert.equal(link?.part, "html");
  const start = performance.now();
  for (const piece of ['\\"', "\\("]) {
    compileMessage(lines(`Content-Type: text/html; x="(${piece.repeat(120_000)}`, "", "x"), OPTIONS);
    compileMessage(lines(`Content-Type: text/html ((${piece.repeat(120_000)}`, "", "x"), OPTIONS);
  }
  assert.ok(performance.now() - start < 15_000);
});

test("base64 lines of any length keep it, and blank lines behind them stay", () => {
  const html = `<p>${"text ".repeat(40)}</p><a href="http://a.example/">x</a>`;
  for (const width of [75, 74, 70, 998]) {
    const encoded = Buffer.from(html.repeat(5)).toString("base64");
    const body = encoded.replace(new RegExp(`.{${width}}`, "g"), "$&\r\n");
    const head = lines("Content-Type: text/html", "Content-Transfer-Encoding: base64", "", "").toString();
    const out = wrapped(Buffer.from(`${head}\r\n${body}\r\n\r\n\r\n`), { ...OPTIONS, openTracking: false });
    assert.ok(out.endsWith("\r\n\r\n\r\n"));
    const [, text = ""] = /\r\n\r\n\r\n([\s\S]*?)\r\n\r\n\r\n$/.exec(out) ?? [];
    const all = text.split("\r\n");
    assert.ok(all.slice(0, -1).every((line) => line.length === width));
  }
});

test("white space that pads a quoted-printable line goes where the changed line would be over 76", () => {
  const head = ["Content-Type: text/plain", "Content-Transfer-Encoding: quoted-printable", ""];
  const raw = lines(...head, `http://a.example/${" ".repeat(50)}`, "");
  const body = wrapped(raw).split("\r\n\r\n")[1] ?? "";
  assert.ok(body.split("\r\n").every((line) => line.length <= 76));
});

test("a body that must become quoted-printable keeps each of its line breaks as it is", () => {
  const link = `<a href="http://a.example/">${"y".repeat(900)}</a>`;
  const raw = Buffer.from(`Content-Type: text/html\r\n\r\none\r\ntwo\n${link}\r\nfour\n`);
  const out = wrapped(raw, { ...OPTIONS, openTracking: false });
  assert.match(out, /\r\n\r\none\r\ntwo\n<a/);
  assert.ok(out.endsWith("</a>\r\nfour\n"));
});
