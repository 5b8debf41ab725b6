/** Keeps the audit trail bounded: by age, and by number for those who change things day and night. */
export interface AuditPruner {
  prune(limits: { readonly beforeMs: number; readonly keep: number }): Promise<number>;
}

export interface AuditRetentionOptions {
  readonly auditTrail: AuditPruner;
  readonly days: number;
  readonly now: () => number;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
  readonly intervalMs?: number;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Some hundred megabytes at most. */
const ENTRIES_KEPT = 500_000;

/** At the start and then every hour, until stopped. */
export function startAuditRetention(options: AuditRetentionOptions): { stop(): Promise<void> } {
  const { auditTrail, days, now, log, intervalMs = HOUR_MS } = options;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let pruning: Promise<void>;
  const prune = async (): Promise<void> => {
    try {
      const dropped = await auditTrail.prune({ beforeMs: now() - days * DAY_MS, keep: ENTRIES_KEPT });
      if (dropped > 0) log.info({ entries: dropped }, "old entries of the audit trail were dropped");
    } catch (error) {
      log.warn({ err: error }, "old entries of the audit trail could not be dropped, trying again later");
    }
    if (!isStopped) timer = setTimeout(run, intervalMs);
  };
  const run = (): void => {
    pruning = prune();
  };
  pruning = prune();
  return {
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await pruning;
    },
  };
}
