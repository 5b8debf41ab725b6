/** Follows a store until it is killed. Its arguments: the store's location, the index's folder, the time. */
import { startMetricsIndex } from "../../src/metrics/metrics-index.ts";
import { openStore } from "../../src/store/open-store.ts";

const [location = "", folder = "", now = ""] = process.argv.slice(2);
startMetricsIndex({
  folder,
  stores: await openStore(JSON.parse(location)),
  retentionDays: 20,
  now: () => Number(now),
  log: { info: () => {}, warn: (_fields, message) => process.stderr.write(`${message}\n`) },
  idleMs: 5,
});
process.stdout.write("following\n");
