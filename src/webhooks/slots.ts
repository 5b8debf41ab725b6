/**
 * How many requests may be under way: in all, of one tenant, and to receivers that have been failing. So neither a
 * tenant with many dead receivers nor all dead receivers together keep those that work from being served.
 */
export interface SlotLimits {
  readonly total: number;
  readonly perTenant: number;
  readonly failing: number;
}

export interface SlotRequest {
  readonly tenant: number;
  /** The batch has failed before. */
  readonly isFailing: boolean;
}

interface Waiting extends SlotRequest {
  readonly start: () => void;
}

const SLOT_LIMITS: SlotLimits = { total: 256, perTenant: 64, failing: 64 };

export class Slots {
  readonly #limits: SlotLimits;
  readonly #perTenant = new Map<number, number>();
  #total = 0;
  #failing = 0;
  #waiting: Waiting[] = [];

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
    try {
      return await work();
    } finally {
      this.#count(request, -1);
      this.#startNext();
    }
  }

  #hasRoom({ tenant, isFailing }: SlotRequest): boolean {
    return (
      this.#total < this.#limits.total &&
      (this.#perTenant.get(tenant) ?? 0) < this.#limits.perTenant &&
      (!isFailing || this.#failing < this.#limits.failing)
    );
  }

  #count({ tenant, isFailing }: SlotRequest, by: number): void {
    this.#total += by;
    if (isFailing) this.#failing += by;
    const ofTenant = (this.#perTenant.get(tenant) ?? 0) + by;
    if (ofTenant === 0) this.#perTenant.delete(tenant);
    else this.#perTenant.set(tenant, ofTenant);
  }

  #startNext(): void {
    const next = this.#waiting.find((waiting) => this.#hasRoom(waiting));
    if (next === undefined) return;
    this.#waiting = this.#waiting.filter((waiting) => waiting !== next);
    this.#count(next, 1);
    next.start();
  }
}
