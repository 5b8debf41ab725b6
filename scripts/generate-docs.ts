/** Writes the documentation that is made from code. CI runs it and fails when that changes anything. */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { flagName, SETTINGS, type SettingKey, variableName } from "../src/config.ts";
import { RULES, type Rule } from "../src/events/classification-rules.ts";
import { judgeLabelledSet, qualityByClass, qualityByScenario } from "../test/classification/measure.ts";

const docs = resolve(import.meta.dirname, "../docs");

writeFileSync(join(docs, "config.md"), configPage());
fillIn("classification.md", { rules: rulesTable(), quality: qualityTables() });

function configPage(): string {
  const rows = (Object.keys(SETTINGS) as SettingKey[]).map((key) => {
    const { default: fallback, description } = SETTINGS[key];
    return `| \`${variableName(key)}\` | \`${flagName(key)}\` | ${fallback} | ${description} |`;
  });
  return `<!-- Made by scripts/generate-docs.ts from src/config.ts: do not edit. -->
# Settings

Every setting is an environment variable, a flag of \`waypost serve\`, and a line \`WAYPOST_X=value\` in a file that
\`--config FILE\` (or \`WAYPOST_CONFIG\`) names; lines that begin with \`#\` are comments, and a value with \`#\`, spaces or quotes
stands in quotes: \`'…'\`. Flags win over the environment, the environment over the file. An unknown name is an error in the file and in flags, a warning in the environment.
\`waypost check-config\` shows what is in force and tries it.

| variable | flag | default | meaning |
| --- | --- | --- | --- |
${rows.join("\n")}
`;
}

/** Writes what stands between `<!-- name: … -->` and `<!-- /name -->` anew. */
function fillIn(page: string, sections: Readonly<Record<string, string>>): void {
  const path = join(docs, page);
  let text = readFileSync(path, "utf8");
  for (const [name, content] of Object.entries(sections)) {
    const section = new RegExp(`(<!-- ${name}: [^>]*-->\\n)[^]*?(<!-- /${name} -->)`);
    if (!section.test(text)) throw new Error(`${page} has no place for ${name}`);
    text = text.replace(section, (_, start: string, end: string) => `${start}${content}\n${end}`);
  }
  writeFileSync(path, text);
}

function rulesTable(): string {
  const rows = RULES.map(
    (rule) => `| \`${rule.reason}\` | ${rule.on ?? "both"} | ${marksOf(rule)} | ${rule.why} |`,
  );
  return table("| reason | on | marks | why |", rows);
}

function marksOf({ marks }: Rule): string {
  return marks.length === 0 ? "none: a person" : marks.join(", ");
}

function qualityTables(): string {
  const judged = judgeLabelledSet(2000);
  const classes = qualityByClass(judged).map(
    ({ label, events, precision, recall }) =>
      `| ${label} | ${events} | ${percent(precision)} | ${percent(recall)} |`,
  );
  const scenarios = qualityByScenario(judged)
    .toSorted((a, b) => a.right / a.events - b.right / b.events || a.scenario.localeCompare(b.scenario))
    .map(({ scenario, events, right }) => `| ${scenario} | ${events} | ${percent(right / events)} |`);
  return [
    table("| class | events | precision | recall |", classes),
    table("| what happens | events | judged rightly |", scenarios),
  ].join("\n\n");
}

function table(head: string, rows: readonly string[]): string {
  const columns = head.split("|").length - 2;
  return [head, `|${" --- |".repeat(columns)}`, ...rows].join("\n");
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
