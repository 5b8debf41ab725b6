import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SOURCES = resolve(import.meta.dirname, "../../src");
/** Of the control plane: an edge worker that loads one of these starts later, is larger and has more to be attacked. */
const NOT_THE_EDGE = ["api", "store", "events", "webhooks", "metrics", "verification", "wrap", "tls"];

test("an edge worker loads lmdb, the log and nothing of the control plane", async () => {
  const packages = new Set<string>();
  const parts = new Set<string>();
  registerHooks({
    resolve: (specifier, context, next) => {
      const resolved = next(specifier, context);
      if (context.parentURL?.startsWith("file:") !== true) return resolved;
      const parent = fileURLToPath(context.parentURL);
      if (!parent.startsWith(SOURCES)) return resolved;
      if (/^[^.]/.test(specifier) && !specifier.startsWith("node:")) packages.add(specifier);
      if (specifier.startsWith(".")) parts.add(fileURLToPath(resolved.url).slice(SOURCES.length + 1));
      return resolved;
    },
  });
  await import("../../src/commands/edge.ts");
  assert.ok(parts.has("edge/worker.ts"));
  assert.deepEqual([...packages].sort(), ["lmdb", "pino"]);
  assert.deepEqual(
    [...parts].filter((part) => NOT_THE_EDGE.includes(part.split("/")[0] ?? "")),
    [],
  );
});
