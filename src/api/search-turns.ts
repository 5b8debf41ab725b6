/**
 * Turns at searching events: few searches run at once, and a tenant never has all of them. Who asks for more waits for themselves,
 * so that one tenant's slow searches do not keep the others waiting. What nobody waits for any more is not begun.
 */
import { AppError } from "../domain/errors.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { Call } from "./route.ts";

const AT_ONCE = 3;
const OF_A_TENANT = 2;
const WAITING_OF_A_TENANT = 100;

export class SearchTurns {
  #running = 0;
  readonly #runningOf = new Map<SubaccountId, number>();
  /** Who has waited longest since their last turn is first. */
  readonly #waitingOf = new Map<SubaccountId, (() => void)[]>();

  /** Throws `rate_limited` when too many of the tenant's wait, or the client has gone. */
  async run<Result>(
    { tenant, gone }: Pick<Call, "tenant" | "gone">,
    search: (gone: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const signal = gone();
    const end = await this.#take(tenant.write);
    try {
      if (signal.aborted) throw new AppError("rate_limited", "The client did not wait for its search");
      return await search(signal);
    } finally {
      end();
    }
  }

  async #take(tenant: SubaccountId): Promise<() => void> {
    if (this.#mayRun(tenant)) this.#begin(tenant);
    else await this.#wait(tenant);
    return () => {
      this.#running -= 1;
      this.#count(tenant, -1);
      this.#next();
    };
  }

  #mayRun(tenant: SubaccountId): boolean {
    return this.#running < AT_ONCE && (this.#runningOf.get(tenant) ?? 0) < OF_A_TENANT;
  }

  #begin(tenant: SubaccountId): void {
    this.#running += 1;
    this.#count(tenant, 1);
  }

  #count(tenant: SubaccountId, by: number): void {
    const running = (this.#runningOf.get(tenant) ?? 0) + by;
    if (running === 0) this.#runningOf.delete(tenant);
    else this.#runningOf.set(tenant, running);
  }

  async #wait(tenant: SubaccountId): Promise<void> {
    const waiting = this.#waitingOf.get(tenant) ?? [];
    if (waiting.length >= WAITING_OF_A_TENANT)
      throw new AppError("rate_limited", `At most ${WAITING_OF_A_TENANT} searches may wait for their turn`);
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push(resolve);
    this.#waitingOf.set(tenant, waiting);
    await promise;
  }

  #next(): void {
    for (const [tenant, waiting] of this.#waitingOf) {
      if (!this.#mayRun(tenant)) continue;
      const begin = waiting.shift();
      this.#waitingOf.delete(tenant);
      if (waiting.length > 0) this.#waitingOf.set(tenant, waiting);
      this.#begin(tenant);
      begin?.();
      return;
    }
  }
}
