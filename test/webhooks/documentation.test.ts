import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";

import { RETRY_DELAYS_MS } from "../../src/webhooks/retry-schedule.ts";
import { newSigningSecret, rotate, signatureHeaders } from "../../src/webhooks/signature.ts";

const PAGE = readFileSync(resolve(import.meta.dirname, "../../docs/webhooks.md"), "utf8");

const OLD = { current: newSigningSecret() };
const ROTATED = rotate(OLD, 3_600_000, Date.now());
const BODY = Buffer.from('[{"msys":{"track_event":{"subject":"Stiefel für den Regen"}}}]');

/** What is verified, by which secret, and what a receiver must find. */
const CASES = [
  ["the new secret", ROTATED.current, {}, true],
  ["the old secret during the overlap", OLD.current, {}, true],
  ["another secret", newSigningSecret(), {}, false],
  ["another body", ROTATED.current, { body: BODY.toString().replace("R", "r") }, false],
  ["another id", ROTATED.current, { id: "other" }, false],
  ["an old message", ROTATED.current, { nowMs: Date.now() - 600_000 }, false],
] as const;

function arrived(change: { readonly body?: string; readonly id?: string; readonly nowMs?: number }) {
  const headers = signatureHeaders({ id: "batch", body: BODY, nowMs: change.nowMs ?? Date.now() }, ROTATED);
  return {
    headers: { ...headers, ...(change.id === undefined ? {} : { "webhook-id": change.id }) },
    body: change.body ?? BODY.toString(),
  };
}

/** A receiver made of the page's code, in a process of its own. */
function verify(secret: string, message: ReturnType<typeof arrived>): string {
  const [, code] = /```js\n([\s\S]*?)```/.exec(PAGE) ?? [];
  assert.ok(code !== undefined, "docs/webhooks.md has an example in JavaScript");
  const call = `
    const { secret, headers, body } = JSON.parse(process.env.WAYPOST_TEST_CASE);
    console.log(isFromWaypost(secret, headers, body));`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code + call], {
    env: { WAYPOST_TEST_CASE: JSON.stringify({ secret, ...message }) },
    encoding: "utf8",
  });
  return stdout.trim() || stderr;
}

for (const [name, secret, change, expected] of CASES) {
  test(`the documented code ${expected ? "accepts" : "refuses"} ${name}`, () => {
    assert.equal(verify(secret, arrived(change)), String(expected));
  });
}

test("the documented schedule is the one that is kept", () => {
  const row = PAGE.split("\n").find((line) => line.startsWith("| the next comes after"));
  const cells = (row ?? "").split("|").slice(2, -1);
  const toMs = (text: string): number => {
    const [, hours = "0", minutes = "0"] = /^(\d+) h ?(\d+)?$/.exec(text) ?? [];
    const [, amount = "0", unit] = /^(\d+) (s|min)$/.exec(text) ?? [];
    return (
      Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(amount) * (unit === "s" ? 1000 : 60_000)
    );
  };
  assert.deepEqual(
    cells.map((cell) => toMs(cell.trim())),
    RETRY_DELAYS_MS,
  );
});
