/**
 * What delivering needs of the store: who delivers what, how far each webhook has got, and the batch under way.
 *
 * A webhook has a live lane, and one for each replay. A lane's position says that everything up to it is done. Its
 * batch is the events behind the position and up to `last` that the interest finds; it is stored under its id
 * before the first attempt, so that whoever tries again sends the same events under the same id.
 */
import type { SubaccountId } from "../domain/subaccount.ts";
import type { Interest, WebhookKind } from "./webhook.ts";

export interface BatchRange {
  readonly id: string;
  readonly last: number;
  readonly interest: Interest;
}

export interface PendingBatch extends BatchRange {
  /** Failed ones so far. */
  readonly attempts: number;
  /** Until the next attempt; not above 0 when it is due. */
  readonly dueInMs: number;
}

export interface Lane {
  readonly id: string;
  readonly kind: "live" | "replay";
  readonly position: number;
  /** Of a replay: nothing behind it is sent. */
  readonly end: number | undefined;
  readonly sinceMs: number | undefined;
  readonly batch: PendingBatch | undefined;
}

export interface HeldWebhook {
  readonly id: string;
  readonly subaccountId: SubaccountId;
  readonly kind: WebhookKind;
  readonly target: string;
  readonly active: boolean;
  readonly sealedSecrets: string;
  readonly interest: Interest;
  /** Changes with every change of the rest. */
  readonly version: number;
  /** The live one first, then the replays that are not finished, the oldest first. */
  readonly lanes: readonly Lane[];
}

/** A process that delivers. */
export interface Worker {
  readonly id: string;
  /** At most one process of a machine delivers: a new one takes the place of the one before it. */
  readonly machine: string;
}

/** A lane as its holder last knew it: a change applies only while it still stands so. */
export interface LaneState {
  readonly workerId: string;
  readonly laneId: string;
  readonly position: number;
  readonly batchId: string | undefined;
}

export interface LaneAdvance {
  readonly position: number;
  /** The batch that has arrived. */
  readonly delivered?: DeliveredBatch | undefined;
  /** Nothing was left of the batch to send: it is not listed any more. */
  readonly isEmptied?: boolean;
  /** The batch that is tried next. */
  readonly next?: BatchRange | undefined;
  /** A replay has come to its end. */
  readonly isFinished?: boolean;
}

export interface DeliveredBatch {
  readonly events: number;
  /** All, the successful one included. */
  readonly attempts: number;
  readonly status: number;
  readonly latencyMs: number;
  /** It may stand among those that failed: its row there is then mended. */
  readonly mayBeListed: boolean;
}

export interface FailedAttempt {
  readonly webhookId: string;
  readonly batch: BatchRange;
  /** This one included. */
  readonly attempts: number;
  readonly status: number | undefined;
  /** The status as text, or why there was none. */
  readonly failure: string;
  readonly latencyMs: number;
  /** `gone` switches the webhook off. After both ends the lane goes on behind the batch. */
  readonly end:
    | { readonly kind: "retry"; readonly delayMs: number }
    | { readonly kind: "given_up"; readonly isFinished: boolean }
    /** `streamEnd`: what comes behind it came while the webhook was off. */
    | { readonly kind: "gone"; readonly isFinished: boolean; readonly streamEnd: number };
}

export interface DeliveryStore {
  /** Grows with every change through the API; `isUsed`: there are webhooks. */
  version(): Promise<{ readonly version: number; readonly isUsed: boolean }>;
  /** The webhooks that changed after a version. */
  changedSince(version: number): Promise<readonly string[]>;

  /** Lets others of the same machine hold nothing any more. */
  join(worker: Worker, leaseMs: number): Promise<void>;
  /**
   * Extends the lease and claims webhooks that nobody holds, up to a fair share of all. `undefined`: another process
   * has taken this one's place.
   */
  hold(
    workerId: string,
    leaseMs: number,
  ): Promise<{ readonly webhookIds: readonly string[]; readonly share: number } | undefined>;
  release(workerId: string, webhookIds: readonly string[]): Promise<void>;
  /** Ends the lease: others may have at once what it held. */
  leave(workerId: string): Promise<void>;

  /** `undefined` when it is gone, or somebody else's. */
  load(workerId: string, webhookId: string): Promise<HeldWebhook | undefined>;
  /** `false`: the lane no longer stands so, and nothing was changed. */
  advance(lane: LaneState, to: LaneAdvance): Promise<boolean>;
  /** `false` as in `advance`. */
  recordFailure(lane: LaneState, failed: FailedAttempt): Promise<boolean>;
  /** Drops what nobody will ask for any more. */
  prune(): Promise<void>;
}
