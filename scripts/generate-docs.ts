/** Writes the documentation that is made from code. CI runs it and fails when that changes anything. */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { flagName, SETTINGS, type SettingKey, variableName } from "../src/config.ts";

const docs = resolve(import.meta.dirname, "../docs");

writeFileSync(join(docs, "config.md"), configPage());

function configPage(): string {
  const rows = (Object.keys(SETTINGS) as SettingKey[]).map((key) => {
    const { default: fallback, description } = SETTINGS[key];
    return `| \`${variableName(key)}\` | \`${flagName(key)}\` | ${fallback} | ${description} |`;
  });
  return `<!-- Made by scripts/generate-docs.ts from src/config.ts: do not edit. -->
# Settings

Every setting is an environment variable, a flag of \`waypost serve\`, and a line \`WAYPOST_X=value\` in a file that
\`--config FILE\` (or \`WAYPOST_CONFIG\`) names; lines that begin with \`#\` are comments. Flags win over the environment,
the environment over the file. An unknown name is an error in the file and in flags, a warning in the environment.
\`waypost check-config\` shows what is in force and tries it.

| variable | flag | default | meaning |
| --- | --- | --- | --- |
${rows.join("\n")}
`;
}
