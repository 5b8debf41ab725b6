/** Says when the spool of this machine's edge takes more and more of its room, or takes no events: beyond it they are lost. */
import type { RecordOperationalEvent } from "../domain/operational-event.ts";
import { PRIMARY_ACCOUNT } from "../domain/subaccount.ts";
import type { EdgeStatsMessage } from "../edge/worker-messages.ts";

export interface SpoolWatchOptions {
  readonly workers: () => readonly EdgeStatsMessage[];
  readonly machine: string;
  readonly record: RecordOperationalEvent;
  readonly intervalMs?: number;
}

export interface SpoolWatch {
  stop(): Promise<void>;
}

/** Told once at each of these, and again only after it has emptied below the last. */
const ALARM_SHARES = [0.5, 0.8, 0.95];
const CALM_SHARE = 0.25;
const INTERVAL_MS = 5000;
/** A disk that is full takes an event now and then: it is the same trouble until there was none for so many looks. */
const LOOKS_OF_TROUBLE = 12;

export function startSpoolWatch({
  workers,
  machine,
  record,
  intervalMs = INTERVAL_MS,
}: SpoolWatchOptions): SpoolWatch {
  const isAlarming = createSpoolAlarm();
  const shareOf = createShareOf();
  const look = (): void => {
    const share = shareOf(workers());
    if (!isAlarming(share)) return;
    const fields = { machine, usedPercent: Math.floor(share * 100) };
    record({ kind: "spool_filling", subaccountId: PRIMARY_ACCOUNT, fields });
  };
  const timer = setInterval(look, intervalMs);
  return {
    stop: async () => clearInterval(timer),
  };
}

/** Whether a share that was seen is to be told of. */
export function createSpoolAlarm(): (share: number) => boolean {
  let told = 0;
  return (share) => {
    const reached = ALARM_SHARES.filter((alarm) => share >= alarm).length;
    const isNew = reached > told;
    told = share < CALM_SHARE ? 0 : Math.max(told, reached);
    return isNew;
  };
}

/**
 * How much of its room the fullest spool takes: all of it also while a disk refuses events below the limit that was set for
 * them, while a worker has no spool, and while events are lost for another reason.
 */
function createShareOf(): (workers: readonly EdgeStatsMessage[]) => number {
  let lostBefore: ReadonlyMap<number, number> = new Map();
  let looksOfTrouble = 0;
  return (workers) => {
    const isLosing = workers.some(
      ({ pid, stats: { spool } }) =>
        spool.failure !== undefined || spool.lostEvents > (lostBefore.get(pid) ?? spool.lostEvents),
    );
    lostBefore = new Map(workers.map(({ pid, stats }) => [pid, stats.spool.lostEvents]));
    looksOfTrouble = isLosing ? LOOKS_OF_TROUBLE : looksOfTrouble - 1;
    return looksOfTrouble > 0 ? 1 : Math.max(0, ...workers.map(({ stats }) => stats.spool.usedShare));
  };
}
