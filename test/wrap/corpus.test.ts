/**
 * The corpus: one file per behaviour under test/corpus, with what is made of it checked in beside it. HTML, text and AMP
 * are compared with tokens made legible (⟦click http://…⟧), raw messages byte for byte: tokens are deterministic.
 * UPDATE_GOLDEN=1 records what is made now; the diff is for a person to judge.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";

import { compile } from "../../src/wrap/compile.ts";
import { compileMessage } from "../../src/wrap/mime.ts";
import type { CompileOptions } from "../../src/wrap/options.ts";
import type { LinkReport, Part, SkippedPart } from "../../src/wrap/report.ts";
import { legible, OPTIONS, RECIPIENT } from "./support.ts";

const CORPUS = new URL("../corpus/", import.meta.url);

/** The options of files that need others than the default: without the pixels a diff shows only the links. */
const SPECIAL: Readonly<Record<string, Partial<CompileOptions>>> = {
  "pixel-": { openTracking: true },
  "visible-url-is-skipped-on-demand": { skipUrlText: true },
  "markers-kept-on-demand": { keepMarkers: true },
  "dkim-signed-body-wrapped-on-demand": { allowSignedBody: true },
};

function optionsFor(name: string, kind: string): CompileOptions {
  const special = Object.entries(SPECIAL).find(([prefix]) => name.startsWith(prefix))?.[1];
  const origin = kind === "amp" ? "https://click.acme.example" : OPTIONS.origin;
  return { ...OPTIONS, origin, openTracking: kind === "amp", ...special };
}

function check(file: URL, actual: Buffer): void {
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, actual);
  assert.equal(actual.toString("latin1"), readFileSync(file).toString("latin1"));
}

function reportOf(links: readonly LinkReport[], skipped: readonly SkippedPart[] = []): string {
  const lines = links.map(({ part, url, name, reason }) =>
    [reason ?? "tracked", part, JSON.stringify(url), ...(name === undefined ? [] : [`name=${name}`])].join(
      " ",
    ),
  );
  return [...lines, ...skipped.map(({ contentType, reason }) => `skipped ${contentType} ${reason}`)]
    .map((line) => `${line}\n`)
    .join("");
}

const PARTS: Readonly<Record<string, Part>> = { html: "html", text: "text", amp: "amp_html" };

for (const kind of ["html", "text", "amp", "mime"]) {
  const folder = new URL(`${kind}/`, CORPUS);
  describe(`the ${kind} corpus`, () => {
    for (const file of readdirSync(folder).filter(
      (each) => /\.(html|txt|eml)$/.test(each) && !each.includes(".expected."),
    )) {
      const name = file.replace(/\.\w+$/, "");
      test(name.replaceAll("-", " "), () => {
        const input = readFileSync(new URL(file, folder));
        const part = PARTS[kind];
        const options = optionsFor(name, kind);
        const expected = new URL(file.replace(/\.(\w+)$/, ".expected.$1"), folder);
        const report = new URL(`${name}.links`, folder);
        if (part === undefined) {
          const compiled = compileMessage(input, options);
          check(expected, compiled.render(RECIPIENT));
          check(report, Buffer.from(reportOf(compiled.links, compiled.skipped)));
        } else {
          const compiled = compile({ [part]: input.toString() }, options);
          check(expected, Buffer.from(legible(compiled.render(RECIPIENT)[part] ?? "")));
          check(report, Buffer.from(reportOf(compiled.links)));
        }
      });
    }
  });
}
