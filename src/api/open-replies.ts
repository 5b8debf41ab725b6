/** Bounds replies that are large, or go on for as long as their readers like: each of them holds memory, and reads the store. */
import { AppError } from "../domain/errors.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { Call } from "./route.ts";

export interface OpenReplyLimit {
  /** In the plural, for whoever is refused. */
  readonly what: string;
  readonly ofAKey: number;
  /** No tenant has more than half of them, however many keys it has: the others' are not taken away. */
  readonly inAll: number;
}

/** Takes a place for a reply; throws `rate_limited` when there is none. What it returns gives the place back. */
export type TakePlace = (call: Pick<Call, "principal" | "tenant">) => () => void;

export function limitOpenReplies({ what, ofAKey, inAll }: OpenReplyLimit): TakePlace {
  const open = new Set<{ readonly keyId: string; readonly tenant: SubaccountId }>();
  const ofATenant = Math.ceil(inAll / 2);
  return ({ principal: { keyId }, tenant: { write: tenant } }) => {
    const count = (isOne: (reply: { keyId: string; tenant: SubaccountId }) => boolean): number =>
      [...open].filter(isOne).length;
    if (
      open.size >= inAll ||
      count((reply) => reply.tenant === tenant) >= ofATenant ||
      count((reply) => reply.keyId === keyId) >= ofAKey
    ) {
      throw new AppError(
        "rate_limited",
        `At most ${ofAKey} ${what} of a key, ${ofATenant} of an account and ${inAll} in all may be open at once`,
      );
    }
    const place = { keyId, tenant };
    open.add(place);
    return () => open.delete(place);
  };
}
