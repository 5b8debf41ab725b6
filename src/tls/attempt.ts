/**
 * One attempt: a name that this process has the lease of goes a step towards its next certificate, and the lease ends with
 * what came of it. Nothing is lost when the process dies on the way: what it had begun is in the store.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { getDomain } from "tldts";

import type { CheckedCertificate } from "../domain/certificate.ts";
import { type Hostname, isLocalhost } from "../domain/hostname.ts";
import {
  type IssuanceProblem,
  type NameToCertify,
  nextLookAt,
  type OrderHistory,
  type RenewalPlan,
} from "../domain/issuance.ts";
import { PRIMARY_ACCOUNT, type SubaccountId } from "../domain/subaccount.ts";
import type { CertificateEvidence } from "../verification/evidence.ts";
import { backOff } from "./back-off.ts";
import type { CertificateEvent } from "./certificate-events.ts";
import { newKeyPem } from "./jws.ts";
import { type NextStep, nextStep } from "./next-step.ts";
import { judgePace, type Postponement } from "./pace.ts";
import { planRenewal, type RenewalAdvice } from "./renewal.ts";
import { localName, type Setback, setbackOf } from "./setback.ts";

/** What attempts need of the store. `owner` is the lease's; `false` and `lost` say that it is another's by now. */
export interface AttemptStore {
  startOrder(
    order: {
      readonly id: string;
      readonly directory: string;
      readonly domain: Hostname;
      readonly registrableDomain: string;
      readonly subaccountId: SubaccountId;
      readonly isRenewal: boolean;
      readonly sealedKey: string;
    },
    owner: string,
    nowMs: number,
    judge: (history: OrderHistory) => Postponement | undefined,
  ): Promise<"started" | "lost" | Postponement>;
  noteOrder(
    domain: Hostname,
    owner: string,
    order: { readonly url: string; readonly nowMs: number },
  ): Promise<boolean>;
  settle(
    domain: Hostname,
    owner: string,
    settlement: {
      readonly nextAttemptAtMs: number | undefined;
      readonly failures: number;
      readonly problem: IssuanceProblem | undefined;
      readonly isRefused: boolean;
      readonly plan: RenewalPlan | undefined;
      readonly orderOutcome?: "invalid" | "failed";
    },
  ): Promise<boolean>;
  complete(
    issued: Omit<CheckedCertificate, "keyPem"> & {
      readonly domain: Hostname;
      readonly sealedKey: string;
      readonly directory: string;
      readonly plan: RenewalPlan;
    },
    owner: string,
    nowMs: number,
  ): Promise<"stored" | "superseded" | "lost">;
}

/** A CA with our account there. */
export interface CertificateAuthority {
  readonly thumbprint: string;
  readonly accountUrl: string;
  readonly caaIdentities: readonly string[];
  order(
    name: Hostname,
    options: {
      readonly keyPem: string;
      readonly orderUrl?: string | undefined;
      readonly replaces?: string | undefined;
      readonly onOrder: (orderUrl: string) => Promise<void>;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<CheckedCertificate>;
  renewalInfo(certificatePem: string, signal?: AbortSignal): Promise<RenewalAdvice | undefined>;
}

export interface CaLink {
  readonly directory: string;
  /** When edges were told how to answer its challenges. */
  readonly usedSinceMs: number;
  /** The same one as long as it works. */
  connect(): Promise<CertificateAuthority>;
  /** The next {@link connect} starts anew. */
  disconnect(): void;
  /** Leaves the CA alone, on every machine. */
  pause(untilMs: number): Promise<void>;
  pausedUntil(): Promise<number>;
}

export interface AttemptDeps {
  readonly store: AttemptStore;
  readonly ca: CaLink;
  /** Why an order would be for nothing, if it would. */
  readonly preflight: (domain: Hostname, ca: CertificateAuthority) => Promise<Setback | undefined>;
  readonly ordersPerHour: number;
  /** The key as it may be stored, and back; `undefined` when it was sealed with another secret. */
  readonly sealKey: (keyPem: string) => string;
  readonly openKey: (sealedKey: string) => string | undefined;
  readonly now: () => number;
  readonly random: () => number;
  readonly onEvent: (event: CertificateEvent) => void;
  /** For faults of ours. */
  readonly log: { error(fields: object, message: string): void };
}

export interface Claimed {
  readonly name: NameToCertify;
  /** Whose the lease is. */
  readonly owner: string;
  /** The domain is reached by http and not by https. */
  readonly isNeeded: boolean;
  /** Aborts when the attempt has taken too long, and when the process stops. */
  readonly signal: AbortSignal;
}

/** A CA that names no time is left alone for so long, and one that names a long one no longer than the other. */
const PAUSE_MS = 10 * 60_000;
/**
 * A limit of the CA that one name has reached looks like one that all share. Asking again after an hour does a CA no harm; waiting for
 * days would let one tenant stop the others.
 */
export const LONGEST_PAUSE_MS = 3_600_000;
const ASK_AGAIN_AFTER_FAILURE_MS = 6 * 3_600_000;
/** A change is with every edge of every machine within a second, twice which is enough for slow days. */
const EDGES_FOLLOW_WITHIN_MS = 2000;
/** Names that wait for the same limit come one after the other. */
export const POSTPONED_SPREAD_MS = 60_000;

/** What came of it; `undefined`: the certificate is not Waypost's to get. Rejects only with what the store throws. */
export async function attempt(claimed: Claimed, deps: AttemptDeps): Promise<CertificateEvidence | undefined> {
  const { name, isNeeded } = claimed;
  const nowMs = deps.now();
  const step = nextStep(name, { nowMs, directory: deps.ca.directory, isNeeded });
  switch (step.kind) {
    case "stop":
      await leave(claimed, { nextAttemptAtMs: undefined }, deps);
      return undefined;
    case "wait":
      await leave(claimed, { nextAttemptAtMs: step.untilMs }, deps);
      return name.isBlocked ? undefined : { kind: "issued" };
    case "ask_window":
      await askWindow(claimed, deps);
      return { kind: "issued" };
    case "order":
      return order(claimed, step, deps);
  }
}

type Settlement = Parameters<AttemptStore["settle"]>[2];

/** Ends the lease with all as it was, but for the change. */
async function leave(
  { name, owner }: Claimed,
  change: Pick<Settlement, "nextAttemptAtMs"> & Partial<Settlement>,
  { store }: AttemptDeps,
): Promise<void> {
  const { failures, problem, isRefused, plan } = name.issuance;
  await store.settle(name.domain, owner, { failures, problem, isRefused, plan, ...change });
}

async function askWindow(claimed: Claimed, deps: AttemptDeps): Promise<void> {
  const { certificate, issuance } = claimed.name;
  if (certificate === undefined || issuance.plan === undefined)
    throw new Error("there is nothing to ask about");
  const nowMs = deps.now();
  const former = issuance.plan;
  let plan: RenewalPlan;
  try {
    const ca = await unlessAborted(deps.ca.connect(), claimed.signal);
    const advice = await ca.renewalInfo(certificate.chainPem, claimed.signal);
    plan =
      advice === undefined
        ? { ...former, askAgainAtMs: undefined }
        : planRenewal(certificate, { advice, former }, { nowMs, random: deps.random() });
  } catch {
    // The plan that is there is good enough until the CA answers again.
    deps.ca.disconnect();
    plan = { ...former, askAgainAtMs: nowMs + ASK_AGAIN_AFTER_FAILURE_MS };
  }
  await leave(claimed, { nextAttemptAtMs: nextLookAt(plan), plan }, deps);
}

type OrderStep = Extract<NextStep, { kind: "order" }>;

async function order(
  claimed: Claimed,
  step: OrderStep,
  deps: AttemptDeps,
): Promise<CertificateEvidence | undefined> {
  const { name, owner, signal } = claimed;
  const { domain } = name;
  const progress: Progress = { isStarted: false, url: name.issuance.order?.url };
  if (isLocalhost(domain)) return fail(claimed, localName(domain), progress, deps);
  const pausedUntilMs = await deps.ca.pausedUntil();
  if (pausedUntilMs > deps.now())
    return postpone(claimed, { limit: "ca_asked", untilMs: pausedUntilMs }, deps);
  try {
    const ca = await unlessAborted(deps.ca.connect(), signal);
    const begun = await begin(claimed, { step, ca, progress }, deps);
    if ("limit" in begun) return await postpone(claimed, begun, deps);
    if ("found" in begun) return await fail(claimed, begun, progress, deps);
    const certificate = await ca.order(domain, {
      keyPem: begun.keyPem,
      orderUrl: progress.url,
      replaces: step.replaces,
      signal,
      onOrder: async (url) => {
        if (!(await deps.store.noteOrder(domain, owner, { url, nowMs: deps.now() }))) throw new LeaseLost();
        progress.url = url;
      },
    });
    return await finish(claimed, { step, certificate, sealedKey: begun.sealedKey }, deps);
  } catch (error) {
    if (error instanceof LeaseLost) return { kind: "under_way" };
    if (signal.aborted && !isTimeout(signal.reason)) return interrupt(claimed, deps);
    return fail(claimed, explainFailure(error, domain, deps), progress, deps);
  }
}

/** Who has it now does the rest. */
class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

interface Progress {
  /** In this attempt or an earlier one. */
  isStarted: boolean;
  url: string | undefined;
}

interface Begun {
  readonly keyPem: string;
  readonly sealedKey: string;
}

/** The key to go on with: of the order that is in flight, or of a new one that is written down now. */
async function begin(
  { name, owner, signal }: Claimed,
  {
    step,
    ca,
    progress,
  }: { readonly step: OrderStep; readonly ca: CertificateAuthority; readonly progress: Progress },
  deps: AttemptDeps,
): Promise<Begun | Postponement | Setback> {
  const { domain, issuance } = name;
  // What another CA has is not to be had from this one, and may never be: that CA may be gone.
  const inFlight = issuance.order?.directory === deps.ca.directory ? issuance.order : undefined;
  const keyInFlight = inFlight?.url === undefined ? undefined : deps.openKey(inFlight.sealedKey);
  if (inFlight !== undefined && keyInFlight !== undefined) {
    progress.isStarted = true;
    return { keyPem: keyInFlight, sealedKey: inFlight.sealedKey };
  }
  progress.url = undefined;
  await untilEdgesKnow(name, signal, deps);
  const setback = await unlessAborted(deps.preflight(domain, ca), signal);
  if (setback !== undefined) return setback;
  const keyPem = newKeyPem();
  const sealedKey = deps.sealKey(keyPem);
  const { isRenewal } = step;
  const started = await deps.store.startOrder(
    {
      id: randomUUID(),
      directory: deps.ca.directory,
      domain,
      registrableDomain: getDomain(domain, { allowPrivateDomains: true }) ?? domain,
      subaccountId: name.owner ?? PRIMARY_ACCOUNT,
      isRenewal,
      sealedKey,
    },
    owner,
    deps.now(),
    (history) => judgePace(history, { nowMs: deps.now(), ordersPerHour: deps.ordersPerHour, isRenewal }),
  );
  if (started === "lost") throw new LeaseLost();
  if (started !== "started") return started;
  progress.isStarted = true;
  return { keyPem, sealedKey };
}

/** Each of them follows in its own time: the one that our look meets may be ahead of the one that the CA meets. */
async function untilEdgesKnow(
  { createdAtMs }: NameToCertify,
  signal: AbortSignal,
  { ca, now }: AttemptDeps,
): Promise<void> {
  const waitMs = Math.max(createdAtMs, ca.usedSinceMs) + EDGES_FOLLOW_WITHIN_MS - now();
  // A clock that was set back must not stop anything.
  if (waitMs > 0 && waitMs <= EDGES_FOLLOW_WITHIN_MS) await sleep(waitMs, undefined, { signal });
}

interface Finished {
  readonly step: OrderStep;
  readonly certificate: CheckedCertificate;
  readonly sealedKey: string;
}

async function finish(
  { name, owner }: Claimed,
  { step, certificate, sealedKey }: Finished,
  deps: AttemptDeps,
): Promise<CertificateEvidence | undefined> {
  const { domain } = name;
  const nowMs = deps.now();
  const { keyPem: _, ...issued } = certificate;
  const planned = planRenewal(certificate, {}, { nowMs, random: deps.random() });
  // Whether the CA has wishes of its own is asked next.
  const plan = { ...planned, askAgainAtMs: nowMs };
  const { directory } = deps.ca;
  const outcome = await deps.store.complete({ ...issued, domain, sealedKey, directory, plan }, owner, nowMs);
  if (outcome === "lost") return { kind: "under_way" };
  if (outcome === "superseded") return undefined;
  deps.onEvent({
    kind: step.isRenewal ? "certificate_renewed" : "certificate_issued",
    domain,
    expiresAtMs: certificate.expiresAtMs,
  });
  return { kind: "issued" };
}

async function postpone(
  claimed: Claimed,
  { limit, untilMs }: Postponement,
  deps: AttemptDeps,
): Promise<CertificateEvidence> {
  const nextAttemptAtMs = untilMs + Math.round(POSTPONED_SPREAD_MS * deps.random());
  await leave(claimed, { nextAttemptAtMs }, deps);
  return { kind: "postponed", limit, untilMs };
}

/** The process stops: the next one goes on at once. */
async function interrupt(claimed: Claimed, deps: AttemptDeps): Promise<CertificateEvidence> {
  await leave(claimed, { nextAttemptAtMs: deps.now() }, deps);
  return { kind: "under_way" };
}

async function fail(
  claimed: Claimed,
  setback: Setback,
  progress: Progress,
  deps: AttemptDeps,
): Promise<CertificateEvidence> {
  const { kind, code, found, fix, retryAfterMs } = setback;
  const { domain, issuance } = claimed.name;
  const nowMs = deps.now();
  if (setback.isOfWholeCa) {
    await deps.ca.pause(nowMs + Math.min(retryAfterMs ?? PAUSE_MS, LONGEST_PAUSE_MS));
  }
  // A CA that fails for now still has the order.
  const isOrderKept = kind === "temporary" && progress.url !== undefined;
  const failures = issuance.failures + 1;
  const delayMs = backOff(kind, failures, { random: deps.random(), retryAfterMs });
  const nextAttemptAtMs = delayMs === undefined ? undefined : nowMs + delayMs;
  const text = fix === undefined ? found : `${found} ${fix}`;
  const wasOrdered = progress.isStarted && !isOrderKept;
  await leave(
    claimed,
    {
      nextAttemptAtMs,
      failures,
      problem: { code, text, atMs: nowMs },
      isRefused: kind === "refused",
      // A name that the CA refuses would else take everybody's turns, as often as its owner asks.
      ...(wasOrdered ? { orderOutcome: kind === "temporary" ? "failed" : "invalid" } : {}),
    },
    deps,
  );
  deps.onEvent({
    kind: "certificate_failed",
    domain,
    code,
    setback: kind,
    wasOrdered,
    text,
    nextAttemptAtMs,
  });
  return { kind: "failed", code, found, fix, nextAttemptAtMs };
}

function explainFailure(error: unknown, domain: Hostname, { ca, log }: AttemptDeps): Setback {
  const setback = setbackOf(error, domain);
  // An account that is gone, say, is there again after a fresh start.
  if (setback.kind !== "invalid") ca.disconnect();
  if (setback.kind === "internal")
    log.error({ err: error, domain }, "a certificate order failed unexpectedly");
  return setback;
}

/** Rejects with the signal's reason when that comes first. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError";
}
