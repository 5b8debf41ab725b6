import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { debris, message } from "../../test/wrap/messages.ts";
import { OPTIONS, RECIPIENT } from "../../test/wrap/support.ts";
import { compileMessage, createMessageWrapper } from "./mime.ts";
import {
  type Change,
  encodeQuotedPrintable,
  openBase64,
  QuotedPrintableBody,
  spliceBytes,
} from "./transfer-encoding.ts";

const anyMessage = fc.oneof(message, debris);

function wrapInChunks(raw: Buffer, cuts: readonly number[]): Buffer {
  const wrapper = createMessageWrapper(RECIPIENT, OPTIONS);
  const out: Buffer[] = [];
  const positions = [...cuts.map((cut) => cut % (raw.length + 1)).sort((a, b) => a - b), raw.length];
  let at = 0;
  for (const position of positions) {
    out.push(...wrapper.write(raw.subarray(at, position)));
    at = position;
  }
  return Buffer.concat([...out, ...wrapper.end()]);
}

describe("wrapping a raw message", () => {
  test("gives the same message however the input is cut into chunks", () => {
    fc.assert(
      fc.property(anyMessage, fc.array(fc.nat()), (raw, cuts) => {
        const whole = compileMessage(raw, OPTIONS).render(RECIPIENT);
        assert.ok(wrapInChunks(raw, cuts).equals(whole));
      }),
      { numRuns: 300 },
    );
  });

  test("a byte at a time gives the same message", () => {
    fc.assert(
      fc.property(anyMessage, (raw) => {
        const cuts = Array.from(raw, (_, i) => i);
        assert.ok(wrapInChunks(raw, cuts).equals(compileMessage(raw, OPTIONS).render(RECIPIENT)));
      }),
      { numRuns: 50 },
    );
  });

  test("without a tracked part, or for a recipient with tracking off, comes out byte for byte", () => {
    fc.assert(
      fc.property(anyMessage, (raw) => {
        const compiled = compileMessage(raw, { ...OPTIONS, keepMarkers: true });
        assert.ok(compiled.render({ ...RECIPIENT, tracking: "off" }).equals(raw));
        const noPixels = compileMessage(raw, { ...OPTIONS, openTracking: false });
        if (noPixels.links.every((link) => !link.tracked)) assert.ok(noPixels.render(RECIPIENT).equals(raw));
      }),
      { numRuns: 300 },
    );
  });

  test("never makes a line longer than 998 bytes that wasn't", () => {
    fc.assert(
      fc.property(message, (raw) => {
        // RFC 3030: binary has no lines, so nothing limits them.
        if (raw.includes("binary")) return;
        const longest = (bytes: Buffer) =>
          Math.max(
            ...bytes
              .toString("latin1")
              .split(/\r?\n/)
              .map((line) => line.length),
          );
        assert.ok(longest(compileMessage(raw, OPTIONS).render(RECIPIENT)) <= Math.max(998, longest(raw)));
      }),
    );
  });

  test("never puts a bare line feed into a message with CRLF", () => {
    fc.assert(
      fc.property(message, (raw) => {
        if (/(?<!\r)\n/.test(raw.toString("latin1"))) return;
        assert.doesNotMatch(compileMessage(raw, OPTIONS).render(RECIPIENT).toString("latin1"), /(?<!\r)\n/);
      }),
    );
  });

  test("of what was wrapped already changes nothing", () => {
    fc.assert(
      fc.property(anyMessage, (raw) => {
        const once = compileMessage(raw, OPTIONS).render(RECIPIENT);
        assert.ok(compileMessage(once, OPTIONS).render(RECIPIENT).equals(once));
      }),
      { numRuns: 300 },
    );
  });
});

/** A body's bytes and changes to them, in order. */
const changes = (length: number): fc.Arbitrary<Change[]> =>
  fc
    .array(
      fc.tuple(fc.nat({ max: length }), fc.nat({ max: 5 }), fc.stringMatching(/^[a-z=. -]{0,90}[a-z]$/)),
      { maxLength: 4 },
    )
    .map((drafts) => {
      let at = 0;
      return drafts
        .sort(([a], [b]) => a - b)
        .flatMap(([start, size, text]) => {
          if (start < at) return [];
          at = Math.min(length, start + size);
          return [{ start, end: at, text }];
        });
    });

describe("changing an encoded body", () => {
  const text = fc
    .array(fc.constantFrom("a", "é", "=", " ", "\r\n", "word ", "x".repeat(50), "\t", "."), { maxLength: 40 })
    .map((pieces) => Buffer.from(pieces.join("")));

  test("in quoted-printable decodes to the changed bytes, keeps lines within 76 and unchanged lines as they were", () => {
    fc.assert(
      fc.property(
        text.chain((bytes) => fc.tuple(fc.constant(bytes), changes(bytes.length))),
        ([bytes, edits]) => {
          // A change that begins or ends between CR and LF is nobody's link.
          if (edits.some(({ start, end }) => bytes[start - 1] === 0x0d || bytes[end - 1] === 0x0d)) return;
          const raw = encodeQuotedPrintable(bytes, "\r\n");
          const body = new QuotedPrintableBody(raw, "\r\n");
          assert.ok(body.bytes.equals(bytes));
          const out = body.splice(edits);
          assert.equal(
            new QuotedPrintableBody(out, "\r\n").bytes.toString(),
            spliceBytes(bytes, edits).toString(),
          );
          for (const line of out.toString("latin1").split("\r\n"))
            assert.ok(line.length <= 76 && !/[ \t]$/.test(line), line);
          if (edits.length === 0) assert.ok(out.equals(raw));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("in base64 decodes to the changed bytes and keeps the line length", () => {
    fc.assert(
      fc.property(
        text.chain((bytes) => fc.tuple(fc.constant(bytes), changes(bytes.length))),
        fc.constantFrom(76, 60, 64, 4),
        ([bytes, edits], width) => {
          const raw = Buffer.from(bytes.toString("base64").replace(new RegExp(`.{${width}}`, "g"), "$&\r\n"));
          const body = openBase64(raw, "\r\n") ?? assert.fail("not base64");
          const out = body.splice(edits).toString("latin1");
          assert.equal(Buffer.from(out, "base64").toString(), spliceBytes(bytes, edits).toString());
          if (raw.includes("\r\n")) for (const line of out.split("\r\n")) assert.ok(line.length <= width);
        },
      ),
      { numRuns: 300 },
    );
  });
});
