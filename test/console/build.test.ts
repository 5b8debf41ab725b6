/** What `npm start` does before it serves, on a clone of its own. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";

const PROJECT = resolve(import.meta.dirname, "../..");
const CLONED = ["console", "scripts", "package.json", "package-lock.json", "tsconfig.json"];

function clone(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "waypost-clone-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of CLONED) cpSync(join(PROJECT, name), join(folder, name), { recursive: true });
  symlinkSync(join(PROJECT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

function buildIfStale(folder: string): string {
  const build = [join(folder, "scripts/build-console.ts"), "--if-stale"];
  const { status, stderr } = spawnSync(process.execPath, build, { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stderr;
}

test("a start builds the console when there is none or it is an older one, and not when it is current", (t) => {
  const folder = clone(t);
  const page = join(folder, "dist/console/index.html");
  assert.match(buildIfStale(folder), /^Building the console/);
  const first = readFileSync(page, "utf8");
  assert.match(first, /<script type="module"/);
  assert.equal(buildIfStale(folder), "");
  appendFileSync(join(folder, "console/index.html"), "<!-- newer -->\n");
  assert.match(buildIfStale(folder), /^Building the console/);
  assert.match(readFileSync(page, "utf8"), /<!-- newer -->/);
});

test("a start goes on without a console that cannot be built, and says why", (t) => {
  const folder = clone(t);
  appendFileSync(join(folder, "console/src/main.tsx"), "\nthis is no program\n");
  assert.match(buildIfStale(folder), /The console could not be built, going on without it: .*main\.tsx/s);
  assert.ok(!existsSync(join(folder, "dist/console")));
  rmSync(join(folder, "node_modules"));
  assert.match(buildIfStale(folder), /`npm install` without --omit=dev brings what it needs/);
});
