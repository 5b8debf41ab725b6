/** The background loop: takes the domains whose check is due and has them verified. Any number of processes may run one. */
import type { VerificationLog } from "./change-log.ts";
import type { DomainToCheck, VerificationStore } from "./verification-state.ts";
import type { Verifier } from "./verifier.ts";

export interface SchedulerDeps {
  readonly store: Pick<VerificationStore, "claimDue">;
  readonly verifier: Verifier;
  readonly now: () => number;
  readonly log: Pick<VerificationLog, "error">;
  /** How long to wait when nothing is due. */
  readonly intervalMs: number;
}

export interface Scheduler {
  /** Starts no further check and resolves when those under way have ended. */
  stop(): Promise<void>;
}

// Fewer than the verifier runs at once, so that background work never makes an asked-for check wait.
const CHECKS_AT_ONCE = 16;

// Longer than the slowest round of checks; after it another process takes up what a crashed one had claimed.
const LEASE_MS = 2 * 60 * 1000;

/** Starts looking for due domains at once. */
export function startScheduler(deps: SchedulerDeps): Scheduler {
  const stopping = new AbortController();
  const running = run(deps, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function run(deps: SchedulerDeps, stopped: AbortSignal): Promise<void> {
  while (!stopped.aborted) {
    const due = await claim(deps);
    await Promise.all(due.map(({ domain }) => verify(domain, deps)));
    // A full round means that more may be waiting already.
    if (due.length < CHECKS_AT_ONCE) await pause(deps.intervalMs, stopped);
  }
}

async function claim({ store, now, log }: SchedulerDeps): Promise<readonly DomainToCheck[]> {
  try {
    return await store.claimDue(now(), CHECKS_AT_ONCE, LEASE_MS);
  } catch (error) {
    log.error({ err: error }, "due verifications could not be read");
    return [];
  }
}

/** A check that could not be recorded is taken up again when its lease ends. */
async function verify(domain: DomainToCheck["domain"], { verifier, log }: SchedulerDeps): Promise<void> {
  try {
    await verifier.verify(domain, "background");
  } catch (error) {
    log.error({ err: error, domain }, "background verification failed to run");
  }
}

function pause(ms: number, stopped: AbortSignal): Promise<void> {
  if (stopped.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      stopped.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    stopped.addEventListener("abort", end);
  });
}
