import assert from "node:assert/strict";
import { test } from "node:test";

import { OPTIONS, ORIGIN, RECIPIENT, RING, tokenOf, WRAPPED } from "../../test/wrap/support.ts";
import type { MessageId } from "../domain/message-id.ts";
import { openLink } from "../token/link-token.ts";
import { compile } from "./compile.ts";

const CONTENT = {
  html: '<body><a href="http://a.example/1">x</a></body>',
  text: "See http://a.example/2",
  amp_html: '<html ⚡4email><body><a href="https://a.example/3">x</a></body></html>',
};
const SECURE = { ...OPTIONS, origin: "https://click.acme.example" };

function types(text: string | undefined): (string | undefined)[] {
  return [...(text ?? "").matchAll(WRAPPED)].map(([url]) => tokenOf(url)?.type);
}

test("a wrapped link carries exactly the recipient's facts", () => {
  const recipient = { ...RECIPIENT, expiresAtSeconds: 1_800_000_000 };
  const { text } = compile(CONTENT, OPTIONS).render(recipient);
  const opened = openLink(text?.slice(text.lastIndexOf("/") + 1) ?? "", RING);
  assert.deepEqual(opened, {
    ok: true,
    token: { type: "click", target: "http://a.example/2", ...recipient },
  });
});

test("each recipient gets links of their own from one compiled content", () => {
  const compiled = compile(CONTENT, OPTIONS);
  const other = { ...RECIPIENT, messageId: "ffffffffffffffffffff" as MessageId, rcptTo: "bob@example.com" };
  assert.equal(tokenOf(compiled.render(other).text?.slice(4) ?? "")?.rcptTo, "bob@example.com");
  assert.deepEqual(compiled.render(RECIPIENT), compile(CONTENT, OPTIONS).render(RECIPIENT));
});

test("a recipient's tracking takes away clicks, opens or both", () => {
  const compiled = compile(CONTENT, SECURE);
  const html = (tracking: "off" | "opens" | "clicks" | "full") =>
    types(compiled.render({ ...RECIPIENT, tracking }).html);
  assert.deepEqual(html("full"), ["initial_open", "click", "open"]);
  assert.deepEqual(html("clicks"), ["click"]);
  assert.deepEqual(html("opens"), ["initial_open", "open"]);
  assert.deepEqual(compiled.render({ ...RECIPIENT, tracking: "off" }), CONTENT);
});

test("AMP has its own event types, and without https it stays as it came", () => {
  assert.deepEqual(types(compile(CONTENT, SECURE).render(RECIPIENT).amp_html), [
    "amp_initial_open",
    "amp_click",
    "amp_open",
  ]);
  const plain = compile(CONTENT, OPTIONS);
  assert.equal(plain.render(RECIPIENT).amp_html, CONTENT.amp_html);
  assert.equal(plain.links.find(({ part }) => part === "amp_html")?.reason, "amp_needs_https");
});

test("the content's switches turn clicks, opens, the top pixel and text off, and the report says so", () => {
  const off = compile(CONTENT, { ...OPTIONS, clickTracking: false });
  assert.deepEqual(
    off.links.map(({ reason }) => reason),
    ["click_tracking_off", "click_tracking_off", "click_tracking_off"],
  );
  assert.deepEqual(types(off.render(RECIPIENT).html), ["initial_open", "open"]);
  assert.deepEqual(types(compile(CONTENT, { ...OPTIONS, openTracking: false }).render(RECIPIENT).html), [
    "click",
  ]);
  assert.deepEqual(types(compile(CONTENT, { ...OPTIONS, initialOpen: false }).render(RECIPIENT).html), [
    "click",
    "open",
  ]);
  const text = compile(CONTENT, { ...OPTIONS, textTracking: false });
  assert.equal(text.render(RECIPIENT).text, CONTENT.text);
  assert.equal(text.links.find(({ part }) => part === "text")?.reason, "text_tracking_off");
});

test("absent parts stay absent", () => {
  assert.deepEqual(Object.keys(compile({ text: "x" }, OPTIONS).render(RECIPIENT)), ["text"]);
});

test("a link that this installation wrapped under another domain and sublink isn't wrapped again", () => {
  const html = '<a href="http://a.example/" data-msys-sublink="app/x">x</a>';
  const once = compile({ html }, { ...OPTIONS, openTracking: false }).render(RECIPIENT).html ?? "";
  const elsewhere = once.replace(ORIGIN, "https://other.example:8443");
  const twice = compile({ html: elsewhere }, { ...OPTIONS, openTracking: false });
  assert.equal(twice.links[0]?.reason, "already_wrapped");
  assert.equal(twice.render(RECIPIENT).html, elsewhere);
});

test("a path like ours with a token that isn't ours is wrapped as any other link", () => {
  const html = '<a href="http://a.example/e/AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH">x</a>';
  assert.equal(compile({ html }, OPTIONS).links[0]?.tracked, true);
});

test("a wrapped URL never exceeds the limit, whoever the recipient is", () => {
  const longest = "x".repeat(242);
  const recipient = {
    ...RECIPIENT,
    rcptTo: `${longest}@example.com`,
    subaccountId: 2_147_483_647,
    expiresAtSeconds: 1,
  };
  for (const maxUrlBytes of [500, 1000, 4096]) {
    for (let length = 20; length < maxUrlBytes; length++) {
      const compiled = compile(
        { text: `http://é.example/${"y".repeat(length)}` },
        { ...OPTIONS, maxUrlBytes },
      );
      const { text = "" } = compiled.render(recipient);
      if (compiled.links[0]?.tracked) assert.ok(Buffer.byteLength(text) <= maxUrlBytes);
      if (compiled.links[0]?.reason === "too_long") break;
    }
  }
});
