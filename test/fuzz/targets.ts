/** The fuzz targets: one check per input, endless inputs. `run.ts` runs each for a while. */
import assert from "node:assert/strict";

import fc from "fast-check";

import { openLink, sealLink } from "../../src/token/link-token.ts";
import { compile } from "../../src/wrap/compile.ts";
import { compileMessage, createMessageWrapper } from "../../src/wrap/mime.ts";
import { soup } from "../wrap/html-documents.ts";
import { debris, message } from "../wrap/messages.ts";
import { OPTIONS, RECIPIENT, RING } from "../wrap/support.ts";
import { outline, pixelsIn } from "../wrap/tree.ts";

export interface FuzzTarget {
  readonly name: string;
  readonly property: fc.IProperty<[unknown]>;
}

const LINKS_ONLY = { ...OPTIONS, openTracking: false };
const KEEPING = { ...OPTIONS, keepMarkers: true };

function checkHtml(html: string): void {
  const links = compile({ html }, LINKS_ONLY).render(RECIPIENT).html ?? "";
  assert.equal(outline(links), outline(html));
  const once = compile({ html }, KEEPING).render(RECIPIENT).html ?? "";
  assert.ok(!pixelsIn(once).misplaced);
  assert.equal(compile({ html: once }, KEEPING).render(RECIPIENT).html, once);
  assert.equal(compile({ html }, KEEPING).render({ ...RECIPIENT, tracking: "off" }).html, html);
  compile(
    { html, amp_html: html },
    { ...OPTIONS, origin: "https://click.acme.example", skipUrlText: true },
  ).render(RECIPIENT);
}

const textPieces = fc.oneof(
  fc.constantFrom(
    "http://",
    "https://",
    "HTTP://a.example/b",
    "(",
    ")",
    "[",
    "]",
    ".",
    ",",
    "<",
    ">",
    '"',
    " ",
    "\r\n",
    " \r\n",
    "日本",
    "é",
    "。",
    "😀",
  ),
  fc.constantFrom(
    "{{",
    "}}",
    "%%",
    "*|",
    '[[data-msys-clicktrack="0"]]',
    '[[data-msys-linkname="x"',
    "&gt;",
    "user@",
    "example.com/x_(y)",
    "\0",
    "\ud800",
  ),
  fc.string({ unit: "binary", maxLength: 4 }),
);

function checkText(text: string): void {
  const compiled = compile({ text }, KEEPING);
  const once = compiled.render(RECIPIENT).text ?? "";
  assert.equal(compile({ text: once }, KEEPING).render(RECIPIENT).text, once);
  assert.equal(compiled.render({ ...RECIPIENT, tracking: "off" }).text, text);
  for (const { url, tracked } of compiled.links) if (tracked) assert.ok(text.includes(url));
}

function longestLine(bytes: Buffer): number {
  return Math.max(
    ...bytes
      .toString("latin1")
      .split(/\r?\n/)
      .map((line) => line.length),
  );
}

function checkMessage(raw: Buffer): void {
  const whole = compileMessage(raw, OPTIONS).render(RECIPIENT);
  if (!raw.includes("binary")) assert.ok(longestLine(whole) <= Math.max(998, longestLine(raw)));
  const wrapper = createMessageWrapper(RECIPIENT, OPTIONS);
  const pieces: Buffer[] = [];
  for (let at = 0; at < raw.length; at += 7) pieces.push(...wrapper.write(raw.subarray(at, at + 7)));
  assert.ok(Buffer.concat([...pieces, ...wrapper.end()]).equals(whole));
  assert.ok(
    compileMessage(raw, KEEPING)
      .render({ ...RECIPIENT, tracking: "off" })
      .equals(raw),
  );
  const once = compileMessage(raw, KEEPING).render(RECIPIENT);
  assert.ok(compileMessage(once, KEEPING).render(RECIPIENT).equals(once));
}

function checkToken(segment: string): void {
  const opened = openLink(segment, RING);
  // Only a segment that begins with a token of ours opens, and then it is that token.
  if (opened.ok) assert.ok(decodePercent(segment).startsWith(sealLink(opened.token, RING)));
}

function decodePercent(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

const aToken = sealLink({ ...RECIPIENT, type: "click", target: "https://example.com/?q=ü" }, RING);
const segments = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.base64String(),
  fc
    .tuple(fc.nat({ max: aToken.length }), fc.string({ maxLength: 3 }))
    .map(([at, piece]) => aToken.slice(0, at) + piece + aToken.slice(at + piece.length)),
  fc.string({ unit: fc.constantFrom(...". )>=&?#,]") }).map((tail) => aToken + tail),
);

export const TARGETS: readonly FuzzTarget[] = [
  { name: "html", property: fc.property(soup, checkHtml) },
  {
    name: "text",
    property: fc.property(
      fc.array(textPieces, { maxLength: 30 }).map((all) => all.join("")),
      checkText,
    ),
  },
  { name: "mime", property: fc.property(fc.oneof(message, debris), checkMessage) },
  { name: "token", property: fc.property(segments, checkToken) },
] as readonly FuzzTarget[];
