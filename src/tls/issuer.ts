/**
 * Where certificates come from: asked for by a verification that waits for one, wanted by the background's, or due for renewal. Any number
 * of processes may run one; for each name one of them is at it, which has the name's lease in the store.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { AppError } from "../domain/errors.ts";
import { type Hostname, isLocalhost } from "../domain/hostname.ts";
import type { IssuanceProblem, NameToCertify } from "../domain/issuance.ts";
import type { CertificateEvidence } from "../verification/evidence.ts";
import { createLimiter } from "../verification/limiter.ts";
import type { CertificateSupply } from "../verification/verifier.ts";
import { AcmeError } from "./acme-error.ts";
import {
  type AttemptDeps,
  type AttemptStore,
  attempt,
  LONGEST_PAUSE_MS,
  POSTPONED_SPREAD_MS,
} from "./attempt.ts";
import { LONGEST_DELAY_MS } from "./back-off.ts";
import { roomInHour } from "./pace.ts";
import { localName, type Setback } from "./setback.ts";

interface Lease {
  readonly owner: string;
  readonly untilMs: number;
}

export interface IssuerStore extends AttemptStore {
  want(domain: Hostname, wish: { readonly asked: boolean; readonly nowMs: number }): Promise<void>;
  renew(domain: Hostname, nowMs: number): Promise<boolean>;
  claimDue(nowMs: number, limit: number, lease: Lease): Promise<readonly NameToCertify[]>;
  claim(domain: Hostname, nowMs: number, lease: Lease): Promise<NameToCertify | "busy" | undefined>;
  find(domain: Hostname): Promise<(NameToCertify & { readonly isBusyUntilMs: number }) | undefined>;
  ordersSince(directory: string, sinceMs: number): Promise<readonly number[]>;
  /** Mends times further ahead than any right clock puts them. */
  mendTimes(
    nowMs: number,
    longest: { readonly pauseMs: number; readonly leaseMs: number; readonly attemptMs: number },
  ): Promise<void>;
}

export interface IssuerDeps extends AttemptDeps {
  readonly store: IssuerStore;
  /** Names this process among all that share the store: its machine, a dot and more. */
  readonly leaseOwner: string;
}

/** Whether Waypost could have a certificate for a name. */
export type Eligibility =
  | { readonly kind: "eligible" }
  /** Its owner has brought one, which stays. */
  | { readonly kind: "own" }
  | { readonly kind: "setback"; readonly setback: Setback }
  /** The CA or somebody's name servers did not answer in time. */
  | { readonly kind: "undecided" };

export interface Issuer extends CertificateSupply {
  /** Has the certificate replaced by a new one, whatever its age, as soon as limits allow. Does not wait for it. */
  renew(domain: Hostname): Promise<void>;
  /** Looks without ordering, and without asking a CA again that has refused the name, unless `anew`. */
  judge(domain: Hostname, options: { readonly anew: boolean }): Promise<Eligibility>;
  /** Takes up to `limit` names that are due a step further. Resolves to how many there were. */
  advanceDue(limit: number): Promise<number>;
  /** Cuts off what is under way, in such a way that another process goes on with it at once. */
  stop(): Promise<void>;
}

// An order takes seconds, and minutes at a CA that is busy; the client gives up before.
const ATTEMPT_MS = 4 * 60_000;
// Longer than any attempt: who has died by then is succeeded.
const LEASE_MS = ATTEMPT_MS + 60_000;
// Asked-for attempts mostly wait. What comes on top waits for the background's turn.
const ASKED_LIMITS = { maxRunning: 32, maxWaiting: 200 } as const;
const LONGEST_AHEAD = {
  pauseMs: LONGEST_PAUSE_MS,
  leaseMs: LEASE_MS,
  attemptMs: LONGEST_DELAY_MS + POSTPONED_SPREAD_MS,
} as const;
/** A machine whose clock is wrong goes on putting names off to wrong times: once an hour they are tried all the same. */
const MEND_INTERVAL_MS = 3_600_000;
const LOOK_AGAIN_MS = 500;
const JUDGE_WITHIN_MS = 15_000;
const HOUR = 3_600_000;

export function createIssuer(deps: IssuerDeps): Issuer {
  const { store, log, now } = deps;
  const stopping = new AbortController();
  /** Asked for, by name and how. */
  const asked = new Map<string, Promise<CertificateEvidence | undefined>>();
  const running = new Set<Promise<unknown>>();
  const limit = createLimiter(ASKED_LIMITS);
  const lease = (): Lease => ({ owner: deps.leaseOwner, untilMs: now() + LEASE_MS });

  const mendTimes = createMender(deps);

  const run = (name: NameToCertify, isNeeded: boolean) => {
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(ATTEMPT_MS)]);
    const started = attempt({ name, owner: deps.leaseOwner, isNeeded, signal }, deps);
    running.add(started);
    const end = () => running.delete(started);
    // When nobody waits for it any more, this is where a failure of the store ends; the lease does, too.
    started.then(end, (error) => {
      end();
      log.error({ err: error, domain: name.domain }, "a certificate could not be worked on");
    });
    return started;
  };

  const claimAndRun = async (
    domain: Hostname,
    { isAnew }: { readonly isAnew: boolean },
  ): Promise<CertificateEvidence | undefined> => {
    const startedAtMs = now();
    while (!stopping.signal.aborted) {
      const claimed = await store.claim(domain, now(), lease());
      if (claimed === undefined) return undefined;
      if (claimed !== "busy") return run(isAnew ? await makeDue(claimed, deps) : claimed, true);
      const found = await succession(domain, startedAtMs, { store, now, stopped: stopping.signal });
      if (found !== "free" && !isAnew) return found;
    }
    return UNDER_WAY;
  };

  /** Calls for the same at once share one attempt. */
  const ask = (domain: Hostname, how: { readonly isAnew: boolean }) => {
    const key = `${domain} ${how.isAnew}`;
    const attempted = asked.get(key) ?? limit(() => claimAndRun(domain, how)).catch(leaveToBackground);
    asked.set(key, attempted);
    const forget = () => asked.delete(key);
    attempted.then(forget, forget);
    return attempted;
  };

  return {
    async obtain(domain, waitMs) {
      // First of all, so that the background does it should nobody else get to it.
      await store.want(domain, { asked: true, nowMs: now() });
      const waiting = new AbortController();
      const given = sleep(waitMs, UNDER_WAY, { signal: waiting.signal }).catch(() => UNDER_WAY);
      try {
        return await Promise.race([ask(domain, { isAnew: false }), given]);
      } finally {
        waiting.abort();
      }
    },

    async renew(domain) {
      await store.want(domain, { asked: true, nowMs: now() });
      await store.renew(domain, now());
      void ask(domain, { isAnew: true });
    },

    request: (domain) => request(domain, deps),

    judge: (domain, options) => judge(domain, options, deps),

    async advanceDue(most) {
      if (stopping.signal.aborted) return 0;
      await mendTimes();
      const room = Math.min(most, await roomForOrders(deps));
      if (room === 0) return 0;
      const due = await store.claimDue(now(), room, lease());
      await Promise.allSettled(due.map((name) => run(name, false)));
      return due.length;
    },

    async stop() {
      stopping.abort();
      await Promise.allSettled([...running, ...asked.values()]);
    },
  };
}

async function roomForOrders({ store, ca, now, ordersPerHour }: IssuerDeps): Promise<number> {
  if ((await ca.pausedUntil()) > now()) return 0;
  return roomInHour(await store.ordersSince(ca.directory, now() - HOUR), ordersPerHour);
}

/** Works at its first call, every hour after that, and at once when the clock has been set back. */
function createMender({ store, now }: Pick<IssuerDeps, "store" | "now">): () => Promise<void> {
  let mendedAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const nowMs = now();
    if (Math.abs(nowMs - mendedAtMs) < MEND_INTERVAL_MS) return;
    await store.mendTimes(nowMs, LONGEST_AHEAD);
    mendedAtMs = nowMs;
  };
}

async function judge(
  domain: Hostname,
  { anew }: { readonly anew: boolean },
  { store, preflight, ca }: IssuerDeps,
): Promise<Eligibility> {
  const found = await store.find(domain);
  if (found?.certificate?.source === "own") return { kind: "own" };
  if (isLocalhost(domain)) return { kind: "setback", setback: localName(domain) };
  const { isRefused, problem } = found?.issuance ?? {};
  if (!anew && isRefused && problem !== undefined)
    return { kind: "setback", setback: refusedBefore(problem) };
  const look = async (): Promise<Eligibility> => {
    const setback = await preflight(domain, await ca.connect());
    return setback === undefined ? { kind: "eligible" } : { kind: "setback", setback };
  };
  const waiting = new AbortController();
  const late = sleep(JUDGE_WITHIN_MS, undefined, { signal: waiting.signal }).catch(() => undefined);
  try {
    return (await Promise.race([look(), late])) ?? { kind: "undecided" };
  } catch (error) {
    if (error instanceof AcmeError) return { kind: "undecided" };
    throw error;
  } finally {
    waiting.abort();
  }
}

/** Whoever had the lease before may have put the renewal off again. */
async function makeDue(claimed: NameToCertify, { store, now }: IssuerDeps): Promise<NameToCertify> {
  await store.renew(claimed.domain, now());
  return (await store.find(claimed.domain)) ?? claimed;
}

const UNDER_WAY = { kind: "under_way" } as const;

/** Too many are asked for at once. */
function leaveToBackground(error: unknown): CertificateEvidence {
  if (error instanceof AppError) return UNDER_WAY;
  throw error;
}

/** What the background knows, or has to do. */
async function request(
  domain: Hostname,
  { store, ca, now }: IssuerDeps,
): Promise<CertificateEvidence | undefined> {
  const nowMs = now();
  await store.want(domain, { asked: false, nowMs });
  const found = await store.find(domain);
  if (found === undefined || found.certificate?.source === "own") return undefined;
  const { certificate, issuance } = found;
  const { problem, nextAttemptAtMs } = issuance;
  if (problem !== undefined) return failedBefore(problem, nextAttemptAtMs);
  if (certificate === undefined || certificate.expiresAtMs <= nowMs) return UNDER_WAY;
  if (certificate.directory === ca.directory) return { kind: "issued" };
  // In date, and yet it does not work: another CA's, which may be one that nobody trusts.
  await store.renew(domain, nowMs);
  return UNDER_WAY;
}

interface Succession {
  readonly store: Pick<IssuerStore, "find">;
  readonly now: () => number;
  readonly stopped: AbortSignal;
}

/** Waits for the process that is at the name: what came of it, or `free` when that is to be found out anew. */
async function succession(
  domain: Hostname,
  sinceMs: number,
  { store, now, stopped }: Succession,
): Promise<CertificateEvidence | "free" | undefined> {
  while (!stopped.aborted) {
    const found = await store.find(domain);
    if (found === undefined) return undefined;
    if (found.isBusyUntilMs <= now()) {
      const { problem, nextAttemptAtMs } = found.issuance;
      if (problem !== undefined && problem.atMs >= sinceMs) return failedBefore(problem, nextAttemptAtMs);
      return "free";
    }
    await sleep(LOOK_AGAIN_MS, undefined, { signal: stopped }).catch(() => undefined);
  }
  return UNDER_WAY;
}

function refusedBefore({ code, text }: IssuanceProblem): Setback {
  return { kind: "refused", code, found: text, fix: undefined };
}

function failedBefore(problem: IssuanceProblem, nextAttemptAtMs: number | undefined): CertificateEvidence {
  return { kind: "failed", code: problem.code, found: problem.text, fix: undefined, nextAttemptAtMs };
}
