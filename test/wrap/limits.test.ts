/** What an enemy's content costs: time in proportion to its length, and memory that doesn't follow an attachment's. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

import { compile } from "../../src/wrap/compile.ts";
import { compileMessage } from "../../src/wrap/mime.ts";
import { OPTIONS, RECIPIENT } from "./support.ts";

/** Generous: what grows with the square of these lengths would take minutes. */
const SECONDS = 20;

function within(name: string, run: () => void): void {
  test(name, () => {
    const start = performance.now();
    run();
    assert.ok(performance.now() - start < SECONDS * 1000);
  });
}

within("a million links compile in time proportional to them", () => {
  const compiled = compile({ html: '<a href="http://a.example/">'.repeat(1e6) }, OPTIONS);
  assert.equal(compiled.links.length, 1e6);
});

within("a hundred thousand nested parts are walked in time proportional to them", () => {
  const parts = Array.from(
    { length: 1e5 },
    (_, i) => `Content-Type: multipart/mixed; boundary=B${i}\n\n--B${i}\n`,
  );
  const raw = Buffer.from(`${parts.join("")}Content-Type: text/plain\n\nhttp://a.example/\n`);
  const { links } = compileMessage(raw, OPTIONS);
  assert.equal(links.length, 1);
});

const HOSTILE: Readonly<Record<string, string>> = {
  "unclosed comments": "<!--",
  "unclosed conditional comments": "<!--[if mso]>",
  "closed conditional comments": "<!--[if mso]><a href=http://a.example><![endif]-->",
  "unclosed tags": "<a href='",
  "scripts in comments in scripts": "<script><!--</script>",
  attributes: "<a data-msys-clicktrack=0 href=http://a.example data-msys-linkname=x>",
  "CDATA sections": "<![CDATA[x]]>",
  "ampersands in a URL": '<a href="http://a.example/?&">',
  "body ends": "</body>",
};

for (const [name, piece] of Object.entries(HOSTILE)) {
  within(`${name}, ten megabytes of them, compile in time proportional to their length`, () => {
    compile({ html: piece.repeat(1e7 / piece.length) }, { ...OPTIONS, skipUrlText: true });
  });
}

for (const piece of [
  "http://",
  "(((http://a.example)))",
  "http://a.example。",
  "http://a.example[[data-msys-",
  ",;:",
  "<http://x>",
]) {
  within(`text of nothing but ${piece} compiles in time proportional to its length`, () => {
    compile({ text: piece.repeat(2e6 / piece.length) }, OPTIONS).render(RECIPIENT);
    const raw = `Content-Type: text/plain; charset=utf-8\n\n${piece.repeat(1e6 / piece.length)}`;
    compileMessage(Buffer.from(raw), OPTIONS).render(RECIPIENT);
  });
}

within("quoted-printable with a change in every line is spliced in time proportional to its length", () => {
  const head = "Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n";
  const raw = Buffer.from(head + '<a href=3D"http://a.exam=\nple/">\n'.repeat(2e4));
  assert.equal(compileMessage(raw, OPTIONS).links.length, 2e4);
  compileMessage(raw, OPTIONS).render(RECIPIENT);
});

test("a raw message of 50 MiB with twenty thousand links needs less than 160 MiB in all", () => {
  const script = `
    import { createMessageWrapper } from "./src/wrap/mime.ts";
    import { OPTIONS, RECIPIENT } from "./test/wrap/support.ts";
    const wrapper = createMessageWrapper(RECIPIENT, OPTIONS);
    let bytes = 0;
    const count = (pieces) => { for (const piece of pieces) bytes += piece.length; };
    count(wrapper.write(Buffer.from("Content-Type: multipart/mixed; boundary=B\\r\\n\\r\\n--B\\r\\nContent-Type: text/html\\r\\n\\r\\n" + '<a href="http://a.example/">x</a>\\r\\n'.repeat(2e4) + "--B\\r\\nContent-Type: application/pdf\\r\\n\\r\\n")));
    for (let i = 0; i < 800; i++) count(wrapper.write(Buffer.from(("QUJD".repeat(19) + "\\r\\n").repeat(840))));
    count(wrapper.end());
    process.stdout.write(JSON.stringify({ bytes, peakKib: process.resourceUsage().maxRSS, links: wrapper.links.length }));`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd: new URL("../../", import.meta.url),
  });
  const { bytes, peakKib, links } = JSON.parse(stdout.toString() || assert.fail(stderr.toString()));
  assert.equal(links, 2e4);
  assert.ok(bytes > 50 * 1024 * 1024);
  assert.ok(peakKib < 160 * 1024, `${Math.round(peakKib / 1024)} MiB`);
});
