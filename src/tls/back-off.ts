/** How long a name waits after an attempt that got no certificate. Pure: chance is an argument. */
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/**
 * What went wrong, as far as it decides about the next attempt. `unready`: our own look before an order found that it would be
 * for nothing. `invalid`: the CA could not validate the name.
 */
export type SetbackKind = "unready" | "invalid" | "temporary" | "refused" | "internal";

/** Delays after the first, second, … failure in a row; the last one for all that follow. */
const DELAYS_MS: Readonly<Record<Exclude<SetbackKind, "refused">, readonly number[]>> = {
  // Costs the CA nothing, and somebody may be mending their DNS at this moment; verification looks as well.
  unready: [5 * MINUTE, 15 * MINUTE, 1 * HOUR, 3 * HOUR, 6 * HOUR],
  // A CA counts these by name and hour, and our own look had passed: what is wrong is seen from elsewhere.
  invalid: [20 * MINUTE, 1 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR],
  // The CA is down or busy, or the network is: short at first, since it passes by itself.
  temporary: [1 * MINUTE, 5 * MINUTE, 15 * MINUTE, 1 * HOUR, 3 * HOUR, 6 * HOUR],
  // Our fault, or the configuration's: trying harder mends nothing, and an upgrade may.
  internal: [15 * MINUTE, 1 * HOUR, 3 * HOUR, 6 * HOUR],
};

/** Every delay grows by up to this part of it, so that names that failed together don't come together again. */
const JITTER = 0.2;

/** The longest a name is put off for its own sake. */
export const LONGEST_BACK_OFF_MS = 12 * HOUR * (1 + JITTER);

/** No limit of a CA counts for longer. */
export const LONGEST_DELAY_MS = 7 * 24 * HOUR;

/**
 * Milliseconds until the next attempt; `undefined` for a name that the CA refuses, which nothing changes but its owner's asking.
 * `failures` counts this one. Never shorter than the CA asks for, up to a week.
 */
export function backOff(
  setback: SetbackKind,
  failures: number,
  { random, retryAfterMs = 0 }: { readonly random: number; readonly retryAfterMs?: number | undefined },
): number | undefined {
  if (setback === "refused") return undefined;
  const delays = DELAYS_MS[setback];
  const delayMs = delays[Math.min(Math.max(failures, 1), delays.length) - 1] ?? LONGEST_BACK_OFF_MS;
  return Math.max(Math.round(delayMs * (1 + JITTER * random)), Math.min(retryAfterMs, LONGEST_DELAY_MS));
}
