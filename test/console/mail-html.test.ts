import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { htmlOfMessage } from "../../console/src/mail-html.ts";

const lines = (...all: readonly string[]) => all.join("\r\n");

test("the HTML of a message is found in whatever it is packed", () => {
  const html = "<p>Grüße, <b>Ann</b> = 1</p>";
  const inBase64 = Buffer.from(html).toString("base64");
  const quoted = "<p>Gr=C3=BC=C3=9Fe, <b>A=\r\nnn</b> =3D 1</p>";
  const part = lines(
    "Content-Type: text/html; charset=utf-8",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    quoted,
  );
  for (const [name, message] of [
    ["as it is", lines("Subject: x", "Content-Type: text/html", "", html)],
    ["in base64", lines("Content-Type: TEXT/HTML", "content-transfer-encoding: BASE64", "", inBase64)],
    ["quoted-printable", part],
    [
      "beside text, in a mixed message",
      lines(
        'Content-Type: multipart/mixed;\r\n boundary="out er"',
        "",
        "a preamble",
        "--out er",
        "Content-Type: multipart/alternative; boundary=inner",
        "",
        "--inner",
        "Content-Type: text/plain",
        "",
        "Hello",
        "--inner",
        part,
        "--inner--",
        "--out er--",
      ),
    ],
  ] as const) {
    assert.equal(htmlOfMessage(message)?.trim(), html, name);
  }
});

test("a message without HTML has none, and none breaks the page", () => {
  assert.equal(htmlOfMessage("Subject: x\n\nHello"), undefined);
  assert.equal(htmlOfMessage(""), undefined);
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 300 }), (head, body) => {
      htmlOfMessage(`${head}\n\n${body}`);
      htmlOfMessage(`Content-Type: multipart/x; boundary=b\n\n--b\n${head}\n\n${body}\n--b--`);
      htmlOfMessage(`Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n${body}`);
      htmlOfMessage(`Content-Type: text/html; charset=${head}\nContent-Transfer-Encoding: base64\n\n${body}`);
    }),
  );
});
