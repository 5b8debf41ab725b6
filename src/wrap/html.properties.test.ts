import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { soup, tame } from "../../test/wrap/html-documents.ts";
import { OPTIONS, RECIPIENT, WRAPPED } from "../../test/wrap/support.ts";
import { outline, pixelsIn } from "../../test/wrap/tree.ts";
import { compile } from "./compile.ts";

const LINKS_ONLY = { ...OPTIONS, openTracking: false };
const KEEPING = { ...OPTIONS, keepMarkers: true };

function wrap(html: string, options = OPTIONS): string {
  return compile({ html }, options).render(RECIPIENT).html ?? assert.fail("no html");
}

describe("wrapping HTML", () => {
  test("changes nothing in the tree that parse5 builds but links' targets and the sender's markers", () => {
    fc.assert(
      fc.property(soup, (html) => assert.equal(outline(wrap(html, LINKS_ONLY)), outline(html))),
      { numRuns: 1000 },
    );
  });

  test("leaves every byte outside a wrapped URL, in order", () => {
    fc.assert(
      fc.property(soup, (html) => {
        const pieces = wrap(html, { ...LINKS_ONLY, keepMarkers: true }).split(WRAPPED_URL);
        let at = 0;
        for (const [i, piece] of pieces.entries()) {
          const found = i === pieces.length - 1 ? html.length - piece.length : html.indexOf(piece, at);
          assert.ok(found >= at && html.startsWith(piece, found) && (i > 0 || found === 0));
          at = found + piece.length;
        }
      }),
    );
  });

  test("wraps each link that parse5 sees in a tame document, with the URL that parse5 reads", () => {
    fc.assert(
      fc.property(tame, (html) => {
        const targets: string[] = [];
        const after = outline(wrap(html, LINKS_ONLY), targets);
        assert.equal(after, outline(html));
        const tracked = compile({ html }, LINKS_ONLY).links.filter((link) => link.tracked);
        const inConditionals = html.split("[if mso]").length - 1;
        assert.equal(targets.length, tracked.length - inConditionals);
      }),
    );
  });

  test("adds exactly one pixel of each kind to a tame document with a body, in it", () => {
    fc.assert(
      fc.property(tame, (html) => {
        const expected = /<body/.test(html) ? ["initial_open", "open"] : ["open"];
        assert.deepEqual(pixelsIn(wrap(html)), { types: expected, misplaced: false });
      }),
    );
  });

  test("never puts a pixel into a comment, a script or other raw text", () => {
    fc.assert(fc.property(soup, (html) => assert.equal(pixelsIn(wrap(html)).misplaced, false)));
  });

  test("of what was wrapped already changes nothing", () => {
    for (const documents of [soup, tame]) {
      fc.assert(
        fc.property(documents, (html) => {
          const once = wrap(html, KEEPING);
          assert.equal(wrap(once, KEEPING), once);
        }),
      );
    }
  });

  test("never throws, whatever the content and the switches are", () => {
    const switches = fc.record({
      clickTracking: fc.boolean(),
      openTracking: fc.boolean(),
      skipUrlText: fc.boolean(),
      keepMarkers: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.oneof(soup, fc.string({ unit: "binary" })), switches, (text, options) => {
        const all = { ...OPTIONS, ...options };
        compile({ html: text, text, amp_html: text }, all).render(RECIPIENT);
        compile({ html: text }, { ...all, origin: "https://click.acme.example" }).render({
          ...RECIPIENT,
          tracking: "opens",
        });
      }),
    );
  });

  test("leaves content untouched for a recipient with tracking off", () => {
    fc.assert(
      fc.property(soup, (html) => {
        assert.equal(compile({ html }, KEEPING).render({ ...RECIPIENT, tracking: "off" }).html, html);
      }),
    );
  });
});

const WRAPPED_URL = new RegExp(
  WRAPPED.source.replaceAll("((?:", "(?:(?:").replace("(https", "(?:https").replace("([A-Za-z", "(?:[A-Za-z"),
  "g",
);
