/** Packs the package, installs it in an empty folder as a user would, and runs the demo from there. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const project = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "waypost-package-"));

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

try {
  run("npm", ["run", "build"], project);
  const tarball = join(
    folder,
    run("npm", ["pack", "--silent", "--pack-destination", folder], project).trim(),
  );
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ name: "empty", private: true, type: "module" }),
  );
  run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", tarball], folder);
  const shown = run(process.execPath, [join(folder, "node_modules/waypost/bin/waypost.js"), "demo"], folder);
  process.stdout.write(shown);
  if (!shown.includes('"type": "click"')) throw new Error("the demo of the packed package showed no click");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
