/** wrk, the load generator: what it sends, and what it found. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Installation } from "../test/edge/installation.ts";

const PATHS = 2000;

export interface Load {
  readonly port: number;
  readonly script: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  /** Whose replies were read. */
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

/** Clicks on as many different links, with more headers in Lua's form. Returns the script's path. */
export function writeLoadScript(installation: Installation, headers: string): string {
  const path = join(installation.dataDir, "load.lua");
  const paths = Array.from({ length: PATHS }, () => JSON.stringify(installation.clickPath()));
  writeFileSync(
    path,
    `local paths = {${paths.join(",")}}
     local headers = ${headers}
     headers["Host"] = "click.acme.com"
     headers["User-Agent"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15"
     headers["Accept-Language"] = "en-GB,en;q=0.9"
     local requests = {}
     function init() for i, path in ipairs(paths) do requests[i] = wrk.format("GET", path, headers) end end
     local n = 0
     function request() n = n % #requests + 1; return requests[n] end
     function done(summary, latency)
       local e = summary.errors
       print(string.format("RESULT %d %d %d %d %d", summary.requests, summary.duration,
         latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
     end`,
  );
  return path;
}

export async function runWrk({ port, script, connections, seconds }: Load): Promise<LoadResult> {
  const wrk = spawn(
    "wrk",
    ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", script, `http://127.0.0.1:${port}/`],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  wrk.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  await once(wrk, "close");
  const [requests = 0, durationMicros = 0, p50 = 0, p99 = 0, errors = 0] =
    /RESULT (.*)/.exec(output)?.[1]?.split(" ").map(Number) ?? [];
  return {
    requests,
    requestsPerSecond: (requests / durationMicros) * 1e6,
    p50Ms: p50 / 1000,
    p99Ms: p99 / 1000,
    errors,
  };
}
