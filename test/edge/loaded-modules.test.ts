import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";

const CLI = join(import.meta.dirname, "../../src/cli.ts");
const REPORTER = join(import.meta.dirname, "loaded-modules-program.ts");
/** Of the control plane: an edge worker that loads one of these starts later, is larger and has more to be attacked. */
const NOT_THE_EDGE = ["api", "store", "metrics", "verification", "webhooks", "wrap", "compliance"];

test("a process of the edge loads lmdb, the log, the command line and nothing of the control plane", async () => {
  const child = spawn(process.execPath, ["--import", REPORTER, CLI, "edge", "--data-dir", "/nonexistent"], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  // It waits for its control process; when that is gone, it ends.
  child.once("message", () => child.disconnect());
  assert.ok(child.stdout);
  const lines = (await text(child.stdout)).trimEnd().split("\n");
  const [packages, parts] = lines.map((line) => JSON.parse(line));
  assert.ok(parts.includes("edge/worker.ts"));
  assert.deepEqual(packages, ["commander", "lmdb", "pino", "tldts", "tr46"]);
  assert.deepEqual(
    parts.filter((part: string) => NOT_THE_EDGE.includes(part.split("/")[0] ?? "")),
    [],
  );
});
