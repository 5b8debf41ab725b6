import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { decodeHeaderText } from "./header-text.ts";

const latin1 = (text: string) => Buffer.from(text).toString("latin1");

test("a subject reads as its sender wrote it", () => {
  for (const [field, text] of [
    ["News", "News"],
    ["  two  spaces inside ", "two  spaces inside"],
    ["=?utf-8?q?Caf=C3=A9_au_lait?=", "Café au lait"],
    ["=?UTF-8?B?w6nDoA==?= plain =?iso-8859-1?Q?=E9?=", "éà plain é"],
    ["=?utf-8?q?a?= =?utf-8?q?b?=\t =?utf-8?q?c?=", "abc"],
    ["=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b"],
    // A character cut in two, and a language.
    ["=?utf-8?q?=C3?= =?utf-8*fr?q?=A9?=", "é"],
    ["=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"],
    ["=?x-unheard?q?a=20b?=", "=?x-unheard?q?a=20b?="],
    [latin1("Café"), "Café"],
    ["Caf\xe9", "Café"],
    ["bell \x07 and tab \t.", "bell   and tab  ."],
    ["=?utf-8?q?=0D=0AX-Injected:_1?=", "X-Injected: 1"],
    ["=?utf-8?q?unfinished", "=?utf-8?q?unfinished"],
  ] as const)
    assert.equal(decodeHeaderText(field), text);
});

test("any text survives being encoded, whole or cut at any byte, and no field takes long", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1 }), fc.nat(), (text, cut) => {
      const bytes = Buffer.from(text);
      const at = cut % (bytes.length + 1);
      const words = [bytes.subarray(0, at), bytes.subarray(at)]
        .map((part) => `=?utf-8?B?${part.toString("base64")}?=`)
        .join(" ");
      const expected = text.replace(/\p{Cc}+/gu, " ").trim();
      assert.equal(decodeHeaderText(words), expected.startsWith("\ufeff") ? expected.slice(1) : expected);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (field) => {
      assert.doesNotMatch(decodeHeaderText(latin1(field)), /\p{Cc}/u);
    }),
  );
  const startedMs = performance.now();
  for (const piece of ["=?", "=?a?q?", "=?utf-8?q?a?= ", "?="]) decodeHeaderText(piece.repeat(100_000));
  assert.ok(performance.now() - startedMs < 5000);
});
