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

test("a link wrapped with a sublink of many segments is known again", () => {
  const html = '<a href="http://a.example/" data-msys-sublink="1/2/3/4/5/6/7/8/9/10/11/12">x</a>';
  const options = { ...OPTIONS, openTracking: false };
  const once = compile({ html }, options).render(RECIPIENT);
  assert.deepEqual(
    compile(once, options).links.map(({ reason }) => reason),
    ["already_wrapped"],
  );
});

test("no recipient's address makes a wrapped URL longer than the limit", () => {
  const html = `<a href="http://a.example/${"y".repeat(2600)}">`;
  const compiled = compile({ html }, { ...OPTIONS, openTracking: false });
  assert.equal(compiled.render({ ...RECIPIENT, rcptTo: `${"日".repeat(600)}@a.example` }).html, html);
  const longest = compiled.render({ ...RECIPIENT, rcptTo: `${"a".repeat(64)}@${"b".repeat(255)}` }).html;
  assert.match(longest ?? "", WRAPPED);
  assert.ok((longest?.length ?? 0) < 4096 + 20);
});

test("a conditional comment inside of a link whose visible text is a URL doesn't hide that", () => {
  const html = '<a href="http://a.example/"><!--[if mso]><i>&nbsp;</i><![endif]-->a.example</a>';
  assert.equal(compile({ html }, { ...OPTIONS, skipUrlText: true }).links[0]?.reason, "url_text");
});

const ODD_HTML: Readonly<Record<string, readonly [string, string]>> = {
  "no pixel comes into raw text whose closing tag is cut off": ["<style></style ", "PIXEL<style></style "],
  "no pixel comes into what is a comment in MathML and raw text in HTML": [
    "<math><textarea><!--</textarea>",
    "<math>PIXEL<textarea><!--</textarea>",
  ],
  "a marker doesn't leave a slash behind that closes an element of SVG": [
    "<svg><v:rect/data-msys-sublink><v:rect/ data-msys-linkname data-msys-sublink>",
    "<svg><v:rect><v:rect/ >PIXEL",
  ],
  "a marker stays where what follows would become another attribute's value": [
    "<a x data-msys-sublink=y = z>",
    "<a x data-msys-sublink=y = z>PIXEL",
  ],
};

for (const [name, [html, expected]] of Object.entries(ODD_HTML)) {
  test(name, () => {
    const out = compile({ html }, { ...OPTIONS, initialOpen: false }).render(RECIPIENT).html ?? "";
    assert.equal(out.replace(/<img [^>]*>\n/, "PIXEL"), expected);
  });
}

test("a pixel behind a conditional comment with broken markup isn't added again", () => {
  const html = "<!--[if mso]></x '<![endif]--><p>x";
  const once = compile({ html }, OPTIONS).render(RECIPIENT);
  assert.deepEqual(compile(once, OPTIONS).render(RECIPIENT), once);
});

test("URLs that stand close together in text are told apart, or left alone", () => {
  const reasons = (text: string) =>
    compile({ text }, OPTIONS).links.map(({ url, reason }) => [url, reason ?? "tracked"]);
  assert.deepEqual(reasons("[http://a.example/](http://a.example/b_(c))"), [
    ["http://a.example/", "tracked"],
    ["http://a.example/b_(c)", "tracked"],
  ]);
  assert.equal(reasons("(http://a.example/)(http://b.example/)")[0]?.[1], "ambiguous_end");
  assert.equal(reasons("<http://a.example/long-\r\nname>")[0]?.[1], "ambiguous_end");
  assert.equal(reasons("<http://a.example/>\r\n<b>")[0]?.[1], "tracked");
});
