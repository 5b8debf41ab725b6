import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { followFile } from "./followed-file.ts";

async function setUp(t: TestContext, content?: string) {
  const folder = mkdtempSync(join(tmpdir(), "waypost-followed-"));
  const path = join(folder, "file");
  if (content !== undefined) writeFileSync(path, content);
  const errors: object[] = [];
  const file = await followFile({
    path,
    maxBytes: 20,
    parse: (bytes) => {
      if (!/^\d+$/.test(bytes.toString())) throw new Error("no number");
      return Number(bytes);
    },
    fallback: 0,
    log: { info: () => undefined, error: (fields) => errors.push(fields) },
    pollMs: 5,
  });
  t.after(() => {
    file.stop();
    rmSync(folder, { recursive: true });
  });
  const becomes = (value: number) =>
    t.waitFor(() => assert.equal(file.current(), value), { interval: 5, timeout: 60_000 });
  const fails = (times: number) =>
    t.waitFor(() => assert.equal(errors.length, times), { interval: 5, timeout: 60_000 });
  return { path, file, becomes, fails };
}

test("a file is in force from the start, and again each time it is written or replaced", async (t) => {
  const { path, file, becomes } = await setUp(t, "1");
  assert.equal(file.current(), 1);
  writeFileSync(path, "22");
  await becomes(22);
  writeFileSync(`${path}.new`, "33");
  renameSync(`${path}.new`, path);
  await becomes(33);
});

test("a file that cannot be used, or is too large, is reported once, and what was there before stays", async (t) => {
  const { path, file, becomes, fails } = await setUp(t, "1");
  // Whole at once: half of a file would be reported too.
  const replace = (content: string): void => {
    writeFileSync(`${path}.new`, content);
    renameSync(`${path}.new`, path);
  };
  replace("one");
  await fails(1);
  replace("1".repeat(21));
  await fails(2);
  rmSync(path);
  await fails(3);
  assert.equal(file.current(), 1);
  writeFileSync(path, "4");
  await becomes(4);
});

test("without a file the fallback is in force until there is one", async (t) => {
  const { path, file, becomes, fails } = await setUp(t);
  await fails(1);
  assert.equal(file.current(), 0);
  writeFileSync(path, "5");
  await becomes(5);
});
