/** Packs the package, installs it in an empty folder as a user would, and runs the demo from there. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const project = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "waypost-package-"));

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

/** As somebody uses `waypost/wrap`: typed, and without a server. */
function tryLibrary(): void {
  writeFileSync(join(folder, "use.mts"), LIBRARY_USE);
  const tsc = join(project, "node_modules/typescript/bin/tsc");
  const types = ["--types", "node", "--typeRoots", join(project, "node_modules/@types")];
  run(process.execPath, [tsc, "--strict", "--noEmit", "--module", "nodenext", ...types, "use.mts"], folder);
  process.stdout.write(run(process.execPath, ["use.mts"], folder));
}

const LIBRARY_USE = `
import { compile, createKeyRing, newMessageId } from "waypost/wrap";

const newsletter = compile({ html: '<a href="https://www.example.com/">x</a>' }, { origin: "https://click.acme.com", ring: createKeyRing() });
const recipient = { messageId: newMessageId(), rcptTo: "ann@example.com", subaccountId: 0, sentAtSeconds: 1_700_000_000 };
const html: string = newsletter.render(recipient).html ?? "";
if (!html.includes("https://click.acme.com/e/")) throw new Error("the library wrapped nothing");
console.log("the library wraps");
`;

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
  tryLibrary();
  if (!shown.includes('"type": "click"')) throw new Error("the demo of the packed package showed no click");
  const installed = join(folder, "node_modules/waypost");
  if (!existsSync(join(installed, "dist/console/index.html")))
    throw new Error("the packed package has no console");
  const readme = readFileSync(join(installed, "README.md"), "utf8");
  const linked = [...readme.matchAll(/\]\((docs\/[a-z-]+\.md)/g)].map(([, path]) => path ?? "");
  const missing = linked.filter((path) => !existsSync(join(installed, path)));
  if (linked.length === 0 || missing.length > 0)
    throw new Error(`the packed package lacks what its README links to: ${missing.join(", ")}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
