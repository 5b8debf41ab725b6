import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { lockFile } from "./file-lock.ts";

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "waypost-lock-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test("a lock has one holder, until it is released", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "lock");
  const held = lockFile(path);
  assert.ok(held);
  assert.equal(lockFile(path), undefined);
  held.release();
  lockFile(path)!.release();
});

test("a lock ends with its process, killed or not", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "lock");
  const program = join(folder.path, "holder.mjs");
  const source = new URL("./file-lock.ts", import.meta.url).href;
  await writeFile(
    program,
    `import { lockFile } from ${JSON.stringify(source)};
     globalThis.held = lockFile(${JSON.stringify(path)});
     process.send("held");
     setInterval(() => {}, 1000);`,
  );
  const holder = fork(program);
  await once(holder, "message");
  assert.equal(lockFile(path), undefined);
  holder.kill("SIGKILL");
  await once(holder, "exit");
  const taken = lockFile(path);
  assert.ok(taken);
  taken.release();
});

test("a lock in a folder that doesn't exist is an error, not a lock", () => {
  assert.throws(() => lockFile("/nonexistent/lock"));
});
