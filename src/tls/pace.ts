/**
 * Whether an order may be placed now, given all that were placed before. Each limit lies below one of Let's Encrypt's, so that the
 * CA never has to refuse; other CAs' are higher. Pure.
 */
import type { OrderHistory } from "../domain/issuance.ts";
import type { OrderLimit } from "../verification/evidence.ts";

const HOUR = 3_600_000;
const WEEK = 7 * 24 * HOUR;

export interface Postponement {
  readonly limit: OrderLimit;
  readonly untilMs: number;
}

/** Let's Encrypt: 50 a week under one registrable domain, renewals not counted. A few are left for other software. */
const FIRST_CERTIFICATES_PER_REGISTRABLE_DOMAIN = 45;
/** Let's Encrypt: 5 a week for the same name, renewals counted. */
const CERTIFICATES_PER_NAME = 4;
/** Let's Encrypt: 5 an hour for one name. */
const FAILED_VALIDATIONS_PER_NAME = 4;
/** No tenant whose names fail can use up more of the hour than this part. */
const FAILED_SHARE_OF_OWNER = 1 / 4;

export interface PaceInput {
  readonly nowMs: number;
  readonly ordersPerHour: number;
  /** CAs don't count renewals for the registrable domain. */
  readonly isRenewal: boolean;
}

/** `undefined`: it may be placed. Else the limit that is reached longest. */
export function judgePace(history: OrderHistory, input: PaceInput): Postponement | undefined {
  const { nowMs, ordersPerHour, isRenewal } = input;
  const perOwner = Math.max(FAILED_VALIDATIONS_PER_NAME, Math.floor(ordersPerHour * FAILED_SHARE_OF_OWNER));
  const rows: readonly (readonly [OrderLimit, readonly number[], number, number])[] = [
    ["orders_per_hour", history.ordersMs, ordersPerHour, HOUR],
    ["failed_validations", history.invalidOfNameMs, FAILED_VALIDATIONS_PER_NAME, HOUR],
    ["owner_failed_validations", history.invalidOfOwnerMs, perOwner, HOUR],
    ["same_name", history.ofNameMs, CERTIFICATES_PER_NAME, WEEK],
    ...(isRenewal
      ? []
      : ([
          [
            "registrable_domain",
            history.firstOfRegistrableMs,
            FIRST_CERTIFICATES_PER_REGISTRABLE_DOMAIN,
            WEEK,
          ],
        ] as const)),
  ];
  return rows
    .map(([limit, timesMs, most, withinMs]) => ({ limit, untilMs: freeAt(timesMs, most, withinMs) }))
    .filter(({ untilMs }) => untilMs > nowMs)
    .toSorted((one, other) => other.untilMs - one.untilMs)[0];
}

/** How many more orders the hour has room for. */
export function roomInHour(ordersMs: readonly number[], ordersPerHour: number): number {
  return Math.max(0, ordersPerHour - ordersMs.length);
}

/** When fewer than `most` of the times lie within the window: as soon as the oldest of the last `most` leaves it. */
function freeAt(timesMs: readonly number[], most: number, withinMs: number): number {
  const oldest = timesMs.toSorted((one, other) => other - one)[most - 1];
  return oldest === undefined ? 0 : oldest + withinMs;
}
