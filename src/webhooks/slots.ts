/**
 * How many requests may be under way: in all, of one tenant, and to receivers that have been failing. So neither a
 * tenant with many dead receivers nor all dead receivers together keep those that work from being served. A request
 * that takes long gives its place up before it has ended: who waits for a place waits for receivers that answer, not
 * for the timeouts of those that hang.
 */
export interface SlotLimits {
  readonly total: number;
  /** At least as many as a tenant may have webhooks: each has one request under way. */
  readonly perTenant: number;
  readonly failing: number;
  readonly failingPerTenant: number;
  /** After so long a request no longer counts, */
  readonly slowAfterMs: number;
  /** but for those beyond so many: each is a connection, and a batch in memory. */
  readonly slow: number;
}

export interface SlotRequest {
  readonly tenant: number;
  /** The batch has failed before. */
  readonly isFailing: boolean;
}

interface Waiting extends SlotRequest {
  readonly start: () => void;
}

interface Place {
  readonly request: SlotRequest;
  isSlow: boolean;
}

const SLOT_LIMITS: SlotLimits = {
  total: 256,
  perTenant: 128,
  failing: 64,
  failingPerTenant: 32,
  slowAfterMs: 1000,
  slow: 1024,
};

export class Slots {
  readonly #limits: SlotLimits;
  readonly #perTenant = new Map<number, number>();
  readonly #failingPerTenant = new Map<number, number>();
  readonly #waiting: Waiting[] = [];
  #total = 0;
  #failing = 0;
  #slow = 0;

  constructor(limits: SlotLimits = SLOT_LIMITS) {
    this.#limits = limits;
  }

  /** Runs `work` once there is room, in the order of asking among those for whom there is. */
  async run<T>(request: SlotRequest, work: () => Promise<T>): Promise<T> {
    if (!this.#hasRoom(request)) {
      await new Promise<void>((start) => {
        this.#waiting.push({ ...request, start });
      });
    } else this.#count(request, 1);
    const place = { request, isSlow: false };
    const timer = setTimeout(() => this.#setAside(place), this.#limits.slowAfterMs).unref();
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      if (place.isSlow) this.#slow -= 1;
      else this.#count(request, -1);
      this.#startWaiting();
    }
  }

  #hasRoom({ tenant, isFailing }: SlotRequest): boolean {
    const { total, perTenant, failing, failingPerTenant } = this.#limits;
    if (this.#total >= total || (this.#perTenant.get(tenant) ?? 0) >= perTenant) return false;
    if (!isFailing) return true;
    return this.#failing < failing && (this.#failingPerTenant.get(tenant) ?? 0) < failingPerTenant;
  }

  #count({ tenant, isFailing }: SlotRequest, by: number): void {
    this.#total += by;
    add(this.#perTenant, tenant, by);
    if (!isFailing) return;
    this.#failing += by;
    add(this.#failingPerTenant, tenant, by);
  }

  #setAside(place: Place): void {
    if (this.#slow >= this.#limits.slow) return;
    place.isSlow = true;
    this.#slow += 1;
    this.#count(place.request, -1);
    this.#startWaiting();
  }

  /** A place that is free can be room for one of its tenant and for another that fails. */
  #startWaiting(): void {
    for (const waiting of [...this.#waiting]) {
      if (!this.#hasRoom(waiting)) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      this.#count(waiting, 1);
      waiting.start();
    }
  }
}

function add(counts: Map<number, number>, key: number, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
