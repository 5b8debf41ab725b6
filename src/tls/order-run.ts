/** The patience of one order: which lost requests are forgiven, how long it waits between its steps, and when it gives up. */
import { setTimeout as sleep } from "node:timers/promises";

import { AcmeError, localProblem } from "./acme-error.ts";
import type { Session, SignedRequest } from "./acme-session.ts";
import { type CaReply, readJson } from "./acme-transport.ts";

export interface OrderRun {
  /** A signed request, which without a payload only reads. Throws for a reply that failed, and heeds its Retry-After. */
  call(url: string, payload?: object): Promise<CaReply>;
  /** A reply of any status and kind. */
  read(url: string, accept: string): Promise<CaReply>;
  /** `undefined` after a temporary failure, a few times. */
  tolerate<T>(step: () => Promise<T>): Promise<T | undefined>;
  /**
   * Waits as long as the CA asked for since the last pause, or a little longer each time. When there is not time enough it throws what went
   * wrong last, or `timeout`.
   */
  pause(): Promise<void>;
  /** The next pauses are short again. */
  startOver(): void;
}

export interface OrderRunOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

// A validation takes a CA a second or two; the first waits are for those that are faster.
const POLL_DELAYS_MS = [100, 200, 400, 800, 1500] as const;
const LONGEST_POLL_DELAY_MS = 3000;
// In one run. Beyond these the caller's back-off is the better one.
const MAX_LOST_REQUESTS = 4;

export function createOrderRun(session: Session, { timeoutMs, signal }: OrderRunOptions): OrderRun {
  const endsAt = performance.now() + timeoutMs;
  const deadline = AbortSignal.timeout(timeoutMs);
  const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  let pauses = 0;
  let lostRequests = 0;
  let askedMs = 0;
  let lastFailure: AcmeError | undefined;
  const heed = (retryAfterMs = 0): void => {
    askedMs = Math.max(askedMs, retryAfterMs);
  };
  const post = async (request: SignedRequest): Promise<CaReply> => {
    try {
      return await session.post({ ...request, signal: either });
    } catch (error) {
      signal?.throwIfAborted();
      throw deadline.aborted ? (lastFailure ?? tooSlow()) : error;
    }
  };
  return {
    call: async (url, payload) => {
      const reply = await post({ url, payload });
      readJson(reply);
      heed(reply.retryAfterMs);
      return reply;
    },
    read: (url, accept) => post({ url, accept }),
    tolerate: async (step) => {
      try {
        return await step();
      } catch (error) {
        lostRequests += 1;
        if (!(error instanceof AcmeError) || !isForgiven(error) || lostRequests > MAX_LOST_REQUESTS)
          throw error;
        heed(error.retryAfterMs);
        lastFailure = error;
        return undefined;
      }
    },
    pause: async () => {
      const waitMs = Math.max(POLL_DELAYS_MS[pauses] ?? LONGEST_POLL_DELAY_MS, askedMs);
      if (performance.now() + waitMs > endsAt) throw lastFailure ?? tooSlow(waitMs);
      pauses += 1;
      askedMs = 0;
      lastFailure = undefined;
      await sleep(waitMs, undefined, { signal }).catch((error: unknown) => {
        // The reason itself, not an error about it.
        signal?.throwIfAborted();
        throw error;
      });
    },
    startOver: () => {
      pauses = 0;
    },
  };
}

/** A limit that names no time is for the caller to wait out. */
function isForgiven(error: AcmeError): boolean {
  return error.isTemporary && (error.type !== "rateLimited" || error.retryAfterMs !== undefined);
}

function tooSlow(retryAfterMs?: number): AcmeError {
  return localProblem("timeout", "the CA has not finished the order in time", { retryAfterMs });
}
