/**
 * `node bench/soak.ts [requests] [node options…]`: one edge worker under load on 64 connections while its spool is emptied
 * beside it, as in production. Prints its memory as it goes (RSS must be flat after the first tenth), and whether every
 * answered click was there to be stored. Needs wrk. Linux only: memory is read from /proc.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

import { SpoolReader } from "../src/edge/spool-reader.ts";
import { EDGE_NODE_OPTIONS } from "../src/edge-process.ts";
import { createInstallation } from "../test/edge/installation.ts";
import { cpuMicros, edgeCommand, rssMiB, startContender, stopContenders } from "./contenders.ts";
import { runWrk, writeLoadScript } from "./wrk.ts";

const CONNECTIONS = 64;
const SLICE_SECONDS = 2;
const BATCH = 2000;
const TENTHS = 10;

const [wanted = "2000000", ...nodeOptions] = process.argv.slice(2);
await soak(Number(wanted), nodeOptions.length === 0 ? EDGE_NODE_OPTIONS : nodeOptions);

async function soak(requests: number, options: readonly string[]): Promise<void> {
  await using installation = await createInstallation();
  const edge = await startContender("waypost edge", (port) =>
    edgeCommand(installation, { listen: { host: "127.0.0.1", port } }, options),
  );
  const script = writeLoadScript(installation, "{}");
  const drain = startDrain(installation.edgeOptions.spoolDirectory);
  console.log(`Node options: ${options.join(" ")}\n  requests   RSS MiB`);
  let done = 0;
  let printed = 0;
  console.log(row(0, rssMiB(edge)));
  while (done < requests) {
    done += (await runWrk({ port: edge.port, script, connections: CONNECTIONS, seconds: SLICE_SECONDS }))
      .requests;
    if (done < printed + requests / TENTHS) continue;
    printed = done;
    console.log(row(done, rssMiB(edge)));
  }
  const cpu = cpuMicros(edge) / done;
  await stopContenders([edge]);
  // wrk counts the replies it read; those of its last moment were answered and recorded too.
  console.log(`${done} replies read, ${await drain()} events taken out of the spool`);
  console.log(`${cpu.toFixed(1)} µs of CPU time per request`);
}

function row(requests: number, rss: number): string {
  return `${String(requests).padStart(10)}${rss.toFixed(0).padStart(10)}`;
}

/** Empties the spool, as ingest does, until the returned function is called; that resolves to how many events there were. */
function startDrain(spoolDirectory: string): () => Promise<number> {
  const reader = new SpoolReader(spoolDirectory, (slot, error) => {
    throw new Error(`slot ${slot} cannot be read`, { cause: error });
  });
  let isStopping = false;
  let taken = 0;
  const run = async (): Promise<void> => {
    for (;;) {
      const isLast = isStopping;
      const batch = reader.readBatch(BATCH);
      if (batch.length === 0 && isLast) return;
      await reader.remove(batch);
      taken += batch.length;
      await (batch.length === 0 ? sleep(20) : nextTurn());
    }
  };
  const running = run();
  return async () => {
    isStopping = true;
    await running;
    await reader.close();
    return taken;
  };
}
