import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import fc from "fast-check";

import { EVENT_TYPES } from "../domain/event.ts";
import type { MessageId } from "../domain/message-id.ts";
import { createKeyRing, type KeyRing, rotateKeyRing, tokenKey } from "./key-ring.ts";
import {
  type ClickType,
  type LinkToken,
  MAX_LINK_NAME_BYTES,
  type OpenType,
  openLink,
  sealLink,
  TOKEN_OVERHEAD_BYTES,
} from "./link-token.ts";

const ring = createKeyRing();
const wellFormed = fc.string({ unit: "grapheme" }).filter((text) => text.isWellFormed());
const facts = {
  subaccountId: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2_147_483_647 })),
  messageId: fc
    .string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 20, maxLength: 20 })
    .map((id) => id as MessageId),
  rcptTo: wellFormed,
  sentAtSeconds: fc.integer({ min: 0, max: 0xffff_ffff }),
};
const expiry = { expiresAtSeconds: fc.integer({ min: 0, max: 0xffff_ffff }) };
const target = fc.oneof(
  fc.webUrl(),
  fc
    .tuple(fc.constantFrom("http://", "https://", "HTTP://", "https://www."), wellFormed)
    .map((parts) => parts.join("")),
);
const clickTypes = ["click", "amp_click", "link_unsubscribe"] as const satisfies readonly ClickType[];
const openTypes = [
  "open",
  "initial_open",
  "amp_open",
  "amp_initial_open",
] as const satisfies readonly OpenType[];
const anyToken: fc.Arbitrary<LinkToken> = fc.oneof(
  fc.record(
    {
      type: fc.constantFrom(...clickTypes),
      target,
      ...facts,
      ...expiry,
      linkName: wellFormed.filter((name) => Buffer.byteLength(name) <= MAX_LINK_NAME_BYTES),
    },
    {
      noNullPrototype: true,
      requiredKeys: ["type", "target", "subaccountId", "messageId", "rcptTo", "sentAtSeconds"],
    },
  ),
  fc.record(
    { type: fc.constantFrom(...openTypes), ...facts, ...expiry },
    { noNullPrototype: true, requiredKeys: ["type", "subaccountId", "messageId", "rcptTo", "sentAtSeconds"] },
  ),
);
const aClick: LinkToken = {
  type: "click",
  target: "https://www.example.com/spring?a=1&b=2",
  subaccountId: 12,
  messageId: "0123456789abcdef0123" as MessageId,
  rcptTo: "ada@example.com",
  sentAtSeconds: 1_790_000_000,
};

describe("a link token", () => {
  test("opens to exactly the facts that were sealed", () => {
    fc.assert(
      fc.property(anyToken, (token) => {
        assert.deepEqual(openLink(sealLink(token, ring), ring), { ok: true, token });
      }),
    );
  });

  test("is one path segment of letters that no mail client encodes", () => {
    fc.assert(fc.property(anyToken, (token) => assert.match(sealLink(token, ring), /^[A-Za-z0-9_-]+$/)));
  });

  test("is the same for the same facts, and shares no readable bytes with them", () => {
    assert.equal(sealLink(aClick, ring), sealLink({ ...aClick }, ring));
    const bytes = Buffer.from(sealLink(aClick, ring), "base64url");
    for (const secret of ["ada@", "example", "spring", "0123456789abcdef0123"])
      assert.ok(!bytes.includes(secret));
    const other = Buffer.from(
      sealLink({ ...aClick, sentAtSeconds: aClick.sentAtSeconds + 1 }, ring),
      "base64url",
    );
    assert.notDeepEqual(bytes.subarray(17, 32), other.subarray(17, 32));
  });

  test("costs 17 bytes more than what it says", () => {
    const says = 1 + 10 + 4 + 1 + (1 + 15) + 1 + "example.com/spring?a=1&b=2".length;
    assert.equal(Buffer.from(sealLink(aClick, ring), "base64url").length, says + TOKEN_OVERHEAD_BYTES);
  });

  test("with any one bit flipped is refused", () => {
    fc.assert(
      fc.property(anyToken, fc.nat(), (token, position) => {
        const bytes = Buffer.from(sealLink(token, ring), "base64url");
        const bit = position % (bytes.length * 8);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        const reason = bit < 8 ? "unknown_key" : "forged";
        assert.deepEqual(openLink(bytes.toString("base64url"), ring), { ok: false, reason });
      }),
    );
  });

  test("doesn't open under another id of the ring, another ring, or cut short", () => {
    const rotated = rotateKeyRing(ring);
    const bytes = Buffer.from(sealLink(aClick, ring), "base64url");
    const moved = Buffer.concat([Buffer.of(rotated.current.id), bytes.subarray(1)]);
    assert.deepEqual(openLink(moved.toString("base64url"), rotated), { ok: false, reason: "forged" });
    assert.deepEqual(openLink(sealLink(aClick, createKeyRing()), ring), { ok: false, reason: "forged" });
    assert.deepEqual(openLink(bytes.subarray(0, -1).toString("base64url"), ring), {
      ok: false,
      reason: "forged",
    });
    assert.deepEqual(openLink(bytes.subarray(0, 17).toString("base64url"), ring), {
      ok: false,
      reason: "malformed",
    });
  });

  test("has one spelling only", () => {
    const segment = sealLink({ ...aClick, rcptTo: "a@example.com" }, ring);
    assert.notEqual(segment.length % 4, 0);
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = alphabet.indexOf(segment.at(-1)!);
    const respelled = segment.slice(0, -1) + alphabet[last | 1];
    assert.equal(Buffer.from(respelled, "base64url").equals(Buffer.from(segment, "base64url")), true);
    assert.deepEqual(openLink(respelled, ring), { ok: false, reason: "malformed" });
  });

  test("opens whatever mail clients append to it", () => {
    const segment = sealLink(aClick, ring);
    const appended = [
      "=",
      "==",
      ".",
      ")",
      ">",
      "%20",
      " ",
      ",",
      "]",
      ";",
      "%3E",
      "%0D%0A",
      "&fbclid=x",
      "?utm_source=y",
      "#top",
      "~~",
      "%3D",
    ];
    for (const tail of appended)
      assert.deepEqual(openLink(segment + tail, ring), { ok: true, token: aClick }, tail);
  });

  test("opens when any of its letters came percent-encoded", () => {
    fc.assert(
      fc.property(anyToken, fc.array(fc.boolean(), { minLength: 1 }), (token, which) => {
        const encoded = [...sealLink(token, ring)]
          .map((char, i) => (which[i % which.length] ? `%${char.charCodeAt(0).toString(16)}` : char))
          .join("");
        if (encoded.length > 8192) return;
        assert.deepEqual(openLink(encoded, ring), { ok: true, token });
      }),
    );
  });

  test("is refused, never thrown at, whatever stands in the path", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.base64String()), (segment) => {
        assert.equal(openLink(segment, ring).ok, false);
      }),
    );
    assert.deepEqual(openLink("A".repeat(100_000), ring), { ok: false, reason: "malformed" });
  });

  test("sealed by a retired key opens for ever", () => {
    let rotated: KeyRing = ring;
    for (let i = 0; i < 5; i++) rotated = rotateKeyRing(rotated);
    assert.deepEqual(openLink(sealLink(aClick, ring), rotated), { ok: true, token: aClick });
    assert.deepEqual(openLink(sealLink(aClick, rotated), ring), { ok: false, reason: "unknown_key" });
  });

  test("cuts a link name at 63 bytes and never inside a character", () => {
    const opened = openLink(sealLink({ ...aClick, linkName: `${"n".repeat(61)}€uro` }, ring), ring);
    assert.ok(opened.ok && "target" in opened.token);
    assert.equal(opened.token.linkName, "n".repeat(61));
  });
});

test("the vectors in docs/token-format.md are what this version seals and opens", () => {
  const doc = readFileSync(new URL("../../docs/token-format.md", import.meta.url), "utf8");
  const vectors = JSON.parse(/```json\n([\s\S]*?)```/.exec(doc)?.[1] ?? "") as {
    keys: Record<string, string>;
    tokens: { key: number; token: LinkToken; sealed: string }[];
  };
  const keys = new Map(
    Object.entries(vectors.keys).map(([id, hex]) => [
      Number(id),
      tokenKey(Number(id), Buffer.from(hex, "hex")),
    ]),
  );
  assert.deepEqual(new Set(vectors.tokens.map(({ token }) => token.type)), new Set(EVENT_TYPES));
  for (const { key, token, sealed } of vectors.tokens) {
    const vectorRing: KeyRing = { current: keys.get(key)!, keys, probeKey: Buffer.alloc(32) };
    assert.equal(sealLink(token, vectorRing), sealed);
    assert.deepEqual(openLink(sealed, vectorRing), { ok: true, token });
  }
});
