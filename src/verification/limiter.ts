/** Bounds how many checks run at once, so that a burst of verify calls opens a bounded number of sockets. */
import { AppError } from "../domain/errors.ts";

export interface LimiterOptions {
  readonly maxRunning: number;
  /** Calls beyond these are refused instead of kept waiting. */
  readonly maxWaiting: number;
}

/** Runs work in the order it came. The returned function throws `unavailable` when too many wait already. */
export function createLimiter({
  maxRunning,
  maxWaiting,
}: LimiterOptions): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;

  return async (work) => {
    if (running < maxRunning) running++;
    else if (waiting.length >= maxWaiting)
      throw new AppError("unavailable", "Too many verifications are under way. Please try again.");
    // Whoever finishes hands its place on, so `running` stays as it is.
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
