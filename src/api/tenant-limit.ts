/** Keeps one tenant's slow calls from taking every place that all tenants share. */
import { AppError } from "../domain/errors.ts";
import type { SubaccountId } from "../domain/subaccount.ts";

/** A quarter of what runs at once. */
const CALLS_PER_TENANT = 16;

/** The same function with at most {@link CALLS_PER_TENANT} calls of a tenant under way; one more throws `rate_limited`. */
export function limitPerTenant<Argument, Result>(
  call: (argument: Argument) => Promise<Result>,
): (argument: Argument, tenant: SubaccountId) => Promise<Result> {
  const underWay = new Map<SubaccountId, number>();
  const count = (tenant: SubaccountId, by: number) => {
    const calls = (underWay.get(tenant) ?? 0) + by;
    if (calls === 0) underWay.delete(tenant);
    else underWay.set(tenant, calls);
  };
  return async (argument, tenant) => {
    if ((underWay.get(tenant) ?? 0) >= CALLS_PER_TENANT) {
      throw new AppError(
        "rate_limited",
        `At most ${CALLS_PER_TENANT} of these calls may be under way at once`,
      );
    }
    count(tenant, 1);
    try {
      return await call(argument);
    } finally {
      count(tenant, -1);
    }
  };
}
