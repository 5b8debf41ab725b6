/** How much of what was sent the operating system keeps for somebody who doesn't read it. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

/** What Linux holds of a connection on loopback at most, in bytes: sent, and not yet read (tcp(7), `tcp_rmem` and `tcp_wmem`). */
export async function systemHolds(): Promise<number> {
  const limits = ["rmem", "wmem"].map((name) => readFile(`/proc/sys/net/ipv4/tcp_${name}`, "utf8"));
  const bytes = (await Promise.all(limits)).map((text) => Number(text.trim().split(/\s+/).at(-1)));
  const held = bytes.reduce((sum, limit) => sum + limit, 0);
  assert.ok(held > 0);
  return held;
}
