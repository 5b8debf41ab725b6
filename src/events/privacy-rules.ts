/**
 * The privacy rules that are in force, in memory, as they were in the store half a second ago at most: how strict each subaccount is,
 * and who was erased. Whoever wraps or stores asks for them to be fresh first, so there is nothing that has to run beside.
 */
import { type PrivacyMode, strictest } from "../domain/privacy.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import { erasedHashOf, type PrivacyKeys } from "../token/pseudonym.ts";
import { modeOfRecipient } from "./privacy.ts";

/** Whose events were erased: one tenant's, or everybody's. */
export interface ErasedRecipient {
  readonly sequence: number;
  readonly hash: string;
  readonly scope: SubaccountId | "all";
}

export interface PrivacyStore {
  /** The subaccounts that are stricter than `full`. */
  modes(): Promise<ReadonlyMap<SubaccountId, PrivacyMode>>;
  /** Those with a higher number than this one, in order. */
  erasedAfter(sequence: number): Promise<readonly ErasedRecipient[]>;
}

export interface PrivacyRulesOptions {
  readonly store: PrivacyStore;
  readonly keys: PrivacyKeys;
  /** The installation's: nobody's is less strict. */
  readonly installation: PrivacyMode;
}

/** A change in the store, of whatever process, is in force everywhere within this time. */
export const MAX_AGE_MS = 500;

export class PrivacyRules {
  readonly keys: PrivacyKeys;
  readonly #store: PrivacyStore;
  readonly #installation: PrivacyMode;
  #modes: ReadonlyMap<SubaccountId, PrivacyMode> = new Map();
  readonly #erased = new Set<string>();
  #lastErased = 0;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #expiries = 0;

  constructor({ store, keys, installation }: PrivacyRulesOptions) {
    this.#store = store;
    this.keys = keys;
    this.#installation = installation;
  }

  /** Reads them unless they are fresh. Rejects while the store does not answer: nothing is wrapped or stored by rules that may have changed. */
  async freshen(): Promise<void> {
    if (performance.now() - this.#readAtMs <= MAX_AGE_MS) return;
    this.#reading ??= this.#read(this.#expiries).finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
    // Expired while they were read: they may be those of before the change.
    if (this.#readAtMs === Number.NEGATIVE_INFINITY) await this.freshen();
  }

  /** The next `freshen` reads them: to be called after a change. */
  expire(): void {
    this.#readAtMs = Number.NEGATIVE_INFINITY;
    this.#expiries += 1;
  }

  /** How strict the installation, the subaccount, the recipient's own wish and what stands in their token make it. */
  modeFor(subaccountId: SubaccountId, rcptTo: string, own: PrivacyMode = "full"): PrivacyMode {
    return strictest(
      this.#installation,
      this.#modes.get(subaccountId) ?? "full",
      own,
      modeOfRecipient(rcptTo),
      this.isErased(subaccountId, rcptTo) ? "anonymous" : "full",
    );
  }

  isErased(subaccountId: SubaccountId, rcptTo: string): boolean {
    if (this.#erased.size === 0 || rcptTo === "") return false;
    const hash = erasedHashOf(rcptTo, this.keys);
    return this.#erased.has(keyOf(hash, "all")) || this.#erased.has(keyOf(hash, subaccountId));
  }

  /** Grows with each recipient who is erased. */
  get erasures(): number {
    return this.#lastErased;
  }

  async #read(expiries: number): Promise<void> {
    const startedMs = performance.now();
    const [modes, erased] = await Promise.all([
      this.#store.modes(),
      this.#store.erasedAfter(this.#lastErased),
    ]);
    this.#modes = modes;
    for (const { sequence, hash, scope } of erased) {
      this.#erased.add(keyOf(hash, scope));
      this.#lastErased = Math.max(this.#lastErased, sequence);
    }
    if (expiries === this.#expiries) this.#readAtMs = startedMs;
  }
}

function keyOf(hash: string, scope: SubaccountId | "all"): string {
  return `${hash}${scope}`;
}
