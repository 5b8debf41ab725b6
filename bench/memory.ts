/** What this process takes of memory, for benchmarks. */
import { readFileSync } from "node:fs";

/** Its own, without the files that it maps. Linux only. */
export function anonymousMib(): number {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024;
}
