/** Drops what is past its retention: whole UTC days, once at the start and then every day. */

export interface RetentionLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface RetentionOptions {
  /** In the log. */
  readonly what: "events" | "message facts";
  readonly dated: { dropBefore(timestampMs: number): Promise<number> };
  /** How long one is kept; its day is dropped once all of it is older. */
  readonly days: number;
  readonly now: () => number;
  readonly log: RetentionLog;
  readonly intervalMs?: number;
  /** How long after a failure: PostgreSQL refuses while a long report reads what is to go. */
  readonly retryMs?: number;
}

export interface Retention {
  /** Ends after the drop under way. */
  stop(): Promise<void>;
}

const DAY_MS = 86_400_000;
const RETRY_MS = 3_600_000;

export function startRetention(options: RetentionOptions): Retention {
  const { intervalMs = DAY_MS, retryMs = RETRY_MS } = options;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let dropping: Promise<void>;
  const drop = (): void => {
    dropping = dropOld(options).then((succeeded) => {
      if (!isStopped) timer = setTimeout(drop, succeeded ? intervalMs : retryMs);
    });
  };
  drop();
  return {
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await dropping;
    },
  };
}

async function dropOld({ what, dated, days, now, log }: RetentionOptions): Promise<boolean> {
  try {
    const dropped = await dated.dropBefore(now() - days * DAY_MS);
    if (dropped > 0) log.info({ what, days: dropped }, "days past their retention were dropped");
    return true;
  } catch (error) {
    log.warn({ err: error, what }, "days past their retention could not be dropped, trying again later");
    return false;
  }
}
