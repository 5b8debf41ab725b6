/** Who is calling and for whom: an API key, and the tenant that its requests read and change. */
import type { BlockList } from "node:net";

import { AppError } from "../domain/errors.ts";
import type { Grant } from "../domain/grants.ts";
import {
  MAX_SUBACCOUNT_ID,
  PRIMARY_ACCOUNT,
  type Subaccount,
  type SubaccountId,
} from "../domain/subaccount.ts";

/** The holder of a key. `subaccountId` is set when the key belongs to a subaccount. */
export interface Principal {
  readonly keyId: string;
  readonly keyLabel: string;
  readonly grants: ReadonlySet<Grant>;
  readonly subaccountId: SubaccountId | undefined;
  /** Addresses the key may be used from; `undefined`: any. */
  readonly validIps: BlockList | undefined;
  /** Set when the holder is signed in to the console. */
  readonly session?: { readonly idHash: string; readonly expiresAtMs: number };
}

/** Whose rows a request sees, and whose it changes. */
export interface Tenant {
  readonly read: SubaccountId | "all";
  readonly write: SubaccountId;
}

export interface SubaccountReader {
  find(id: SubaccountId): Promise<Subaccount | undefined>;
}

/**
 * SparkPost's rules for `X-MSYS-SUBACCOUNT`: without it a primary key reads everybody's rows and changes the primary
 * account's; `0` means the primary account only, N that subaccount only. A subaccount's key stays in its subaccount
 * whatever the header says. Throws `invalid_parameters` for a header that names nobody, `forbidden` for changes in a
 * subaccount that is suspended or terminated.
 */
export async function resolveTenant(
  principal: Principal,
  header: string | undefined,
  request: { readonly changes: boolean; readonly subaccounts: SubaccountReader },
): Promise<Tenant> {
  const id = principal.subaccountId ?? parseSubaccountHeader(header);
  if (id === undefined) return { read: "all", write: PRIMARY_ACCOUNT };
  if (id !== PRIMARY_ACCOUNT) await requireSubaccount(id, request);
  return { read: id, write: id };
}

/** Throws `invalid_parameters` when there is none of that number, `forbidden` for changes in one that is not active. */
export async function requireSubaccount(
  id: SubaccountId,
  { changes, subaccounts }: { readonly changes: boolean; readonly subaccounts: SubaccountReader },
): Promise<void> {
  const subaccount = await subaccounts.find(id);
  if (subaccount === undefined) throw new AppError("invalid_parameters", `Subaccount ${id} does not exist`);
  if (changes && subaccount.status !== "active")
    throw new AppError("forbidden", "the subaccount is read-only");
}

/** What the filter asks for, as far as the caller may see it. */
export function visibleSubaccounts(
  read: SubaccountId | "all",
  wanted: readonly SubaccountId[] | undefined,
): "all" | readonly SubaccountId[] {
  if (read === "all") return wanted ?? "all";
  return wanted === undefined || wanted.includes(read) ? [read] : [];
}

function parseSubaccountHeader(header: string | undefined): SubaccountId | undefined {
  if (header === undefined) return undefined;
  const id = /^\d{1,10}$/.test(header) ? Number(header) : Number.NaN;
  if (!(id <= MAX_SUBACCOUNT_ID)) {
    throw new AppError("invalid_parameters", "X-MSYS-SUBACCOUNT must be the number of a subaccount");
  }
  return id;
}
