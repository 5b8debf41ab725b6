/** `npm run check`: format, lint, boundaries, cycles, types, unused code and pictures, in that order; stops at the first that fails. */
import { spawnSync } from "node:child_process";

const STEPS: readonly (readonly [name: string, ...command: string[]])[] = [
  [
    "format, lint, boundaries, cycles",
    "node_modules/@biomejs/biome/bin/biome",
    "check",
    "--error-on-warnings",
    ".",
  ],
  ["types", "node_modules/typescript/bin/tsc", "--project", "tsconfig.json"],
  ["types of the console", "node_modules/typescript/bin/tsc", "--project", "console/tsconfig.json"],
  ["unused code", "node_modules/knip/bin/knip.js"],
  ["pictures of the console", "scripts/check-pictures.ts"],
];

for (const [name, ...command] of STEPS) {
  const { status } = spawnSync(process.execPath, command, { stdio: "inherit" });
  if (status !== 0) {
    console.error(`check failed: ${name}`);
    process.exit(1);
  }
}
