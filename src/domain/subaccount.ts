/** Tenants of the installation. 0 is the primary account; subaccounts are numbered from 1. */
import type { PrivacyMode } from "./privacy.ts";

export type SubaccountId = number;

export const PRIMARY_ACCOUNT: SubaccountId = 0;

/** A 32-bit signed number is the largest the API's JSON numbers may be. */
export const MAX_SUBACCOUNT_ID: SubaccountId = 2_147_483_647;

/** A suspended or terminated subaccount can be read, not changed. */
export const SUBACCOUNT_STATUSES = ["active", "suspended", "terminated"] as const;
export type SubaccountStatus = (typeof SUBACCOUNT_STATUSES)[number];

export interface Subaccount {
  readonly id: SubaccountId;
  readonly name: string;
  readonly status: SubaccountStatus;
  /** Its recipients' mode at the least: the installation's and each recipient's own can be stricter. */
  readonly privacy: PrivacyMode;
}

/** What can be changed of a subaccount. */
export type SubaccountChange = Partial<Omit<Subaccount, "id">>;
