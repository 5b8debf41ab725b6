/**
 * `node test/fuzz/run.ts [--seconds 10] [--seed N] [target …]`: runs the fuzz targets one after the other.
 * A failure prints the shrunk input and the seed that leads to it again.
 */
import { parseArgs } from "node:util";

import fc from "fast-check";

import { TARGETS } from "./targets.ts";

const { values, positionals } = parseArgs({
  options: { seconds: { type: "string", default: "10" }, seed: { type: "string" } },
  allowPositionals: true,
});

for (const { name, property } of TARGETS) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const result = fc.check(property, {
    numRuns: Number.POSITIVE_INFINITY,
    interruptAfterTimeLimit: Number(values.seconds) * 1000,
    ...(values.seed === undefined ? {} : { seed: Number(values.seed) }),
  });
  if (result.failed) {
    process.stderr.write(
      `${name}: failed, --seed ${result.seed}\n${await fc.asyncDefaultReportMessage(result)}\n`,
    );
    process.exitCode = 1;
  } else {
    process.stdout.write(`${name}: ${result.numRuns} inputs, none failed\n`);
  }
}
