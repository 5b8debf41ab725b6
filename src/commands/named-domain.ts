/** A tracking domain that is changed by its name. */
import { AppError } from "../domain/errors.ts";
import { field, type Remote, type RemoteOptions } from "./remote.ts";

export const DOMAINS = "/api/v1/tracking-domains";

export function pathOf(domain: string): string {
  return `${DOMAINS}/${encodeURIComponent(domain)}`;
}

/**
 * For a change that failed: a key of the primary account reads everybody's domains, and changes only its own without `--subaccount`. So
 * one that is not found may be a subaccount's, and then it is said whose.
 */
export function tellingOwner(
  domain: string,
  remote: Remote,
  { subaccount }: RemoteOptions,
): (error: unknown) => Promise<never> {
  return async (error) => {
    if (!(error instanceof AppError) || error.code !== "not_found" || subaccount !== undefined) throw error;
    const nextStep = await nextStepFor(domain, remote);
    if (nextStep === undefined) throw error;
    throw new AppError("not_found", `${error.message}\n${nextStep}`, { cause: error });
  };
}

async function nextStepFor(domain: string, remote: Remote): Promise<string | undefined> {
  try {
    const owner = field(field(await remote.call("GET", pathOf(domain)), "results"), "subaccount_id");
    return typeof owner === "number" ? `It is subaccount ${owner}'s: add --subaccount ${owner}` : undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    // Nobody's, as far as the key can see; without the grant to look it may be there.
    return error.code === "not_found"
      ? undefined
      : "If it is a subaccount's, add --subaccount and its number";
  }
}
