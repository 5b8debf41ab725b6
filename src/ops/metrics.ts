/** The Prometheus metrics of the control process. No label ever holds a domain, an address or a token. */
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";

/** What is asked of the spool at each scrape. */
export interface SpoolGauge {
  depth(): number;
  oldestMs(): number | undefined;
}

/** Returns what renders the text exposition. */
export function createMetrics(spool: SpoolGauge): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "waypost_control_" });
  new Gauge({
    name: "waypost_spool_events",
    help: "Events that wait in this machine's spool to be stored",
    registers: [registry],
    collect() {
      this.set(spool.depth());
    },
  });
  new Gauge({
    name: "waypost_spool_oldest_seconds",
    help: "Age of the oldest event in the spool, 0 when it is empty",
    registers: [registry],
    collect() {
      const oldestMs = spool.oldestMs();
      this.set(oldestMs === undefined ? 0 : Math.max(0, (Date.now() - oldestMs) / 1000));
    },
  });
  return () => registry.metrics();
}
