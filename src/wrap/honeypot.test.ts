import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { soup, tame } from "../../test/wrap/html-documents.ts";
import { OPTIONS, ORIGIN, RECIPIENT, tokenOf, WRAPPED } from "../../test/wrap/support.ts";
import { HONEYPOT_LINK_NAME, isHoneypot } from "../domain/honeypot.ts";
import { compile } from "./compile.ts";
import { compileMessage } from "./mime.ts";
import type { CompileOptions, Recipient } from "./options.ts";

const TRAPPING = { ...OPTIONS, honeypot: true };
const MARKUP =
  /<a href="http:\/\/click\.acme\.example\/e\/[\w-]+" style="display:none" tabindex="-1" aria-hidden="true"><\/a>\r?\n/g;
const HTML = '<html><body><a href="http://a.example/1">x</a></body></html>';

function wrap(html: string, options: CompileOptions = TRAPPING, recipient: Recipient = RECIPIENT): string {
  return compile({ html }, options).render(recipient).html ?? assert.fail("no html");
}

function honeypotsIn(text: string) {
  return [...text.matchAll(WRAPPED)].flatMap(([url]) => {
    const token = tokenOf(url);
    return token !== undefined && "target" in token && token.linkName === HONEYPOT_LINK_NAME ? [token] : [];
  });
}

test("the honeypot is a click link of the recipient's, to the tracking domain's own robots.txt, that events know again", () => {
  const [honeypot, ...more] = honeypotsIn(wrap(HTML));
  assert.deepEqual(honeypot, {
    type: "click",
    target: `${ORIGIN}/robots.txt`,
    linkName: HONEYPOT_LINK_NAME,
    ...RECIPIENT,
  });
  assert.deepEqual(more, []);
  assert.ok(isHoneypot({ targetLinkUrl: `${ORIGIN}/robots.txt`, targetLinkName: HONEYPOT_LINK_NAME }));
});

test("it stands before the pixel at the end, without a text to click on, and is no link of the sender's", () => {
  const end = wrap(HTML).slice(wrap(HTML).indexOf("</a>") + 4);
  assert.match(
    end.replace(WRAPPED, "URL"),
    /^<a href="URL" style="display:none" tabindex="-1" aria-hidden="true"><\/a>\n<img [^>]*src="URL">\n<\/body><\/html>$/,
  );
  assert.deepEqual(
    compile({ html: HTML }, TRAPPING).links.map(({ url }) => url),
    ["http://a.example/1"],
  );
});

test("without the option nothing in any document is other than before there was one", () => {
  fc.assert(
    fc.property(soup, (html) => {
      const withIt = wrap(html);
      assert.equal(wrap(html, { ...OPTIONS, honeypot: false }), wrap(html, OPTIONS));
      assert.equal(withIt.replace(MARKUP, ""), wrap(html, OPTIONS));
    }),
  );
});

test("a document has one, and still one when it is wrapped again", () => {
  for (const documents of [soup, tame]) {
    for (const options of [TRAPPING, { ...TRAPPING, openTracking: false }]) {
      fc.assert(
        fc.property(documents, (html) => {
          const keeping = { ...options, keepMarkers: true };
          const once = wrap(html, keeping);
          assert.equal(honeypotsIn(once).length, 1);
          assert.equal(wrap(once, keeping), once);
        }),
      );
    }
  }
});

test("who gets no click links gets none: by the content's switches or the recipient's", () => {
  assert.deepEqual(honeypotsIn(wrap(HTML, { ...TRAPPING, clickTracking: false })), []);
  for (const tracking of ["off", "opens"] as const)
    assert.deepEqual(honeypotsIn(wrap(HTML, TRAPPING, { ...RECIPIENT, tracking })), []);
  assert.equal(wrap(HTML, TRAPPING, { ...RECIPIENT, tracking: "off" }), HTML);
});

test("text and AMP have none", () => {
  const secure = { ...TRAPPING, origin: "https://click.acme.example" };
  const { text, amp_html } = compile({ text: "http://a.example/", amp_html: HTML }, secure).render(RECIPIENT);
  assert.deepEqual(honeypotsIn(`${text}${amp_html}`), []);
});

test("a message with two HTML parts has one, in any transfer encoding", () => {
  const part = (encoding: string, body: string) =>
    `--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}\r\n`;
  const raw = Buffer.from(
    `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${part("7bit", HTML)}${part("base64", Buffer.from(HTML).toString("base64"))}--b--\r\n`,
  );
  const sent = compileMessage(raw, TRAPPING).render(RECIPIENT).toString();
  const [plain = ""] = sent.split("base64");
  assert.equal(honeypotsIn(plain.replace(/=\r\n/g, "").replaceAll("=3D", "=")).length, 1);
  const encoded = sent.slice(sent.indexOf("base64") + "base64".length).split("--b--")[0] ?? "";
  assert.deepEqual(honeypotsIn(Buffer.from(encoded, "base64").toString()), []);
  assert.ok(!compileMessage(raw, OPTIONS).render(RECIPIENT).toString().includes('display:none" tabindex'));
});
