/** The Prometheus metrics of this machine. No label ever holds a domain, an address or a token. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";

import type { EdgeStatsMessage } from "../edge/worker-messages.ts";

/** What is asked at each scrape. */
export interface MetricSources {
  readonly spool: {
    depth(): number;
    oldestMs(): number | undefined;
    /** Moved aside by this process. */
    readonly damagedSlots: number;
  };
  /** How long ago the snapshot on this machine's disk was known to be what the store says, in milliseconds. */
  readonly snapshotAgeMs: () => number;
  /** The edge workers that live, each with counters that began at its start. */
  readonly workers: () => readonly EdgeStatsMessage[];
  /** Of a machine that delivers webhooks. */
  readonly webhooks?: {
    batches(): Iterable<readonly [outcome: string, count: number]>;
    events(): number;
  };
  readonly certificates: CertificateSource;
  readonly now: () => number;
}

export interface CertificateSource {
  /** `undefined` on machines that don't look after certificates. */
  readonly summary: () =>
    | {
        /** Live secure domains. */
        readonly byState: Readonly<Record<string, number>>;
        readonly nextExpiryMs: number | undefined;
      }
    | undefined;
  /** Of this process, from its start. */
  readonly counts: {
    readonly orders: Readonly<Record<string, number>>;
    readonly failures: Readonly<Record<string, number>>;
  };
}

/** Returns what renders the text exposition. */
export function createMetrics(sources: MetricSources): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "waypost_control_" });
  addSpoolGauges(registry, sources);
  addSnapshotGauge(registry, sources);
  addReplyCounters(registry, sources);
  addWorkerMetrics(registry, sources);
  addWebhookCounters(registry, sources);
  addCertificateMetrics(registry, sources);
  return async () => `${await registry.metrics()}${commitLatency(sources.workers())}`;
}

function addSpoolGauges(registry: Registry, { spool, now }: MetricSources): void {
  const registers = [registry];
  gauge(registers, "waypost_spool_events", "Events that wait in this machine's spool to be stored", () =>
    spool.depth(),
  );
  gauge(
    registers,
    "waypost_spool_oldest_seconds",
    "Age of the oldest event in the spool, 0 when it is empty",
    () => {
      const oldestMs = spool.oldestMs();
      return oldestMs === undefined ? 0 : Math.max(0, (now() - oldestMs) / 1000);
    },
  );
}

function addSnapshotGauge(registry: Registry, { snapshotAgeMs }: MetricSources): void {
  gauge(
    [registry],
    "waypost_snapshot_age_seconds",
    "Since this machine's snapshot was last known to be what the store says; changes reach its edge no more when it grows",
    () => snapshotAgeMs() / 1000,
  );
}

function addCertificateMetrics(registry: Registry, { certificates, now }: MetricSources): void {
  const registers = [registry];
  new Gauge({
    name: "waypost_certificates",
    help: "Secure tracking domains by the state of their certificate",
    labelNames: ["state"],
    registers,
    collect() {
      this.reset();
      const { byState = {} } = certificates.summary() ?? {};
      for (const [state, domains] of Object.entries(byState)) this.set({ state }, domains);
    },
  });
  new Gauge({
    name: "waypost_certificates_next_expiry_seconds",
    help: "Seconds until the next certificate ends; absent without any",
    registers,
    collect() {
      this.remove();
      const nextExpiryMs = certificates.summary()?.nextExpiryMs;
      if (nextExpiryMs !== undefined) this.set((nextExpiryMs - now()) / 1000);
    },
  });
  for (const { name, help, label, counts } of [
    {
      name: "waypost_certificate_orders_total",
      help: "Orders by what became of them",
      label: "outcome",
      counts: "orders",
    },
    {
      name: "waypost_certificate_failures_total",
      help: "Attempts to get a certificate that failed, by reason",
      label: "reason",
      counts: "failures",
    },
  ] as const) {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, count] of Object.entries(certificates.counts[counts])) {
          this.inc({ [label]: value }, count);
        }
      },
    });
  }
}

function addReplyCounters(registry: Registry, { workers }: MetricSources): void {
  for (const { name, help, label, counts } of [
    { name: "waypost_edge_replies_total", help: "Replies by kind", label: "reply", counts: "replies" },
    { name: "waypost_edge_rejected_total", help: "404s by reason", label: "reason", counts: "rejections" },
    {
      name: "waypost_edge_client_errors_total",
      help: "Requests refused while they were read",
      label: "kind",
      counts: "clientErrors",
    },
  ] as const) {
    new Counter({
      name,
      help,
      labelNames: ["worker", label],
      registers: [registry],
      collect() {
        this.reset();
        for (const { pid, stats } of workers()) {
          for (const [value, count] of Object.entries(stats.counts[counts])) {
            this.inc({ worker: String(pid), [label]: value }, count);
          }
        }
      },
    });
  }
}

type WorkerValue = (message: EdgeStatsMessage) => number;

const DAMAGED_SPOOLS = "waypost_edge_damaged_spools_total";

/** Counters per worker. */
const WORKER_COUNTERS: readonly (readonly [name: string, help: string, value: WorkerValue])[] = [
  [
    "waypost_edge_stored_events_total",
    "Events durable in the spool",
    ({ stats }) => stats.spool.storedEvents,
  ],
  [
    "waypost_edge_lost_events_total",
    "Events for which there was no room: alert on any",
    ({ stats }) => stats.spool.lostEvents,
  ],
  [
    "waypost_edge_failed_commits_total",
    "Spool commits that failed",
    ({ stats }) => stats.spool.failedCommits,
  ],
  [
    DAMAGED_SPOOLS,
    "Spools that were found damaged and moved aside: alert on any",
    ({ stats }) => stats.spool.damagedSlots,
  ],
  [
    "waypost_edge_late_commits_total",
    "Replies sent at the deadline, before the commit",
    ({ stats }) => stats.counts.lateCommits,
  ],
  [
    "waypost_edge_dropped_connections_total",
    "Connections refused or ended because there were too many",
    ({ stats }) => stats.counts.droppedConnections,
  ],
  ["waypost_edge_tls_handshakes_total", "TLS handshakes", ({ stats }) => stats.counts.tls.handshakes],
  [
    "waypost_edge_tls_resumed_total",
    "TLS handshakes that took up an earlier session",
    ({ stats }) => stats.counts.tls.resumed,
  ],
  [
    "waypost_edge_tls_failed_total",
    "TLS handshakes that came to nothing",
    ({ stats }) => stats.counts.tls.failedHandshakes,
  ],
  [
    "waypost_edge_tls_unknown_names_total",
    "TLS handshakes for names without a certificate",
    ({ stats }) => stats.counts.tls.unknownNames,
  ],
  [
    "waypost_edge_tls_broken_certificates_total",
    "Certificates that could not be used: alert on any",
    ({ stats }) => stats.counts.tls.brokenCertificates,
  ],
];

function addWorkerMetrics(registry: Registry, { workers, spool }: MetricSources): void {
  for (const [name, help, value] of WORKER_COUNTERS) {
    new Counter({
      name,
      help,
      labelNames: ["worker"],
      registers: [registry],
      collect() {
        this.reset();
        for (const message of workers()) this.inc({ worker: String(message.pid) }, value(message));
        // What no worker has opened since, ingest finds.
        if (name === DAMAGED_SPOOLS) this.inc({ worker: "ingest" }, spool.damagedSlots);
      },
    });
  }
  gauge([registry], "waypost_edge_tls_contexts", "Certificates that workers keep in memory", () =>
    workers().reduce((sum, { stats }) => sum + stats.counts.tls.contexts, 0),
  );
  gauge(
    [registry],
    "waypost_edge_workers",
    "Edge workers that serve",
    () => workers().filter(({ stats }) => stats.snapshotVersion !== undefined).length,
  );
}

function addWebhookCounters(registry: Registry, { webhooks }: MetricSources): void {
  if (webhooks === undefined) return;
  const registers = [registry];
  new Counter({
    name: "waypost_webhook_batches_total",
    help: "Attempts to deliver batches of webhooks by what came of them; dead: the batch was given up",
    labelNames: ["outcome"],
    registers,
    collect() {
      this.reset();
      for (const [outcome, count] of webhooks.batches()) this.inc({ outcome }, count);
    },
  });
  new Counter({
    name: "waypost_webhook_events_total",
    help: "Events that webhooks have delivered",
    registers,
    collect() {
      this.reset();
      this.inc(webhooks.events());
    },
  });
}

function gauge(registers: Registry[], name: string, help: string, value: () => number): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(value());
    },
  });
}

/** By hand: prom-client's histograms observe values one by one, and the workers have counted already. */
function commitLatency(workers: readonly EdgeStatsMessage[]): string {
  const name = "waypost_edge_commit_seconds";
  const lines = workers.flatMap(({ pid, stats: { spool } }) => {
    let cumulative = 0;
    const bounds = [...spool.commitLatencyBoundsMs.map((ms) => String(ms / 1000)), "+Inf"];
    const buckets = bounds.map((bound, index) => {
      cumulative += spool.commitLatencyCounts[index] ?? 0;
      return `${name}_bucket{worker="${pid}",le="${bound}"} ${cumulative}`;
    });
    const sum = `${name}_sum{worker="${pid}"} ${spool.commitLatencySumMs / 1000}`;
    return [...buckets, sum, `${name}_count{worker="${pid}"} ${cumulative}`];
  });
  return [`# HELP ${name} How long a spool commit took`, `# TYPE ${name} histogram`, ...lines, ""].join("\n");
}
