/**
 * Everything an edge worker knows: one immutable object per published version. The control plane writes
 * it to disk (`snapshot-file.ts`), the workers follow the file (`snapshot-follower.ts`); no other way leads
 * from the control plane to the edge, so a worker needs neither it nor a database.
 */
import { PRIMARY_ACCOUNT, type SubaccountId } from "../domain/subaccount.ts";
import type { WellKnownFiles } from "../domain/well-known.ts";
import type { KeyRing } from "../token/key-ring.ts";

/** What the edge knows of a tracking domain, deleted ones included. */
export interface HostEntry {
  /** Every (sub)account whose domain it is or was: their links work on it for ever. */
  readonly owners: readonly SubaccountId[];
  readonly blocked: boolean;
  /** The tag of its certificate, whose file lies beside the snapshot (`certificate-file.ts`). */
  readonly certificate?: string;
  /** Files for apps that open the domain's links. */
  readonly files?: WellKnownFiles;
}

/** By canonical host name. A `Map` is one too. */
export interface HostLookup {
  readonly size: number;
  get(host: string): HostEntry | undefined;
}

export interface EdgeSnapshot {
  readonly version: number;
  readonly hosts: HostLookup;
  readonly keys: KeyRing;
  /** Of the ACME account's key: with it any edge answers any challenge (RFC 8555 section 8.1). */
  readonly acmeThumbprint?: string;
}

/**
 * Whether a host may serve a tenant's links: hosts that belong to nobody may (a CDN that rewrites Host shows
 * up so), and the primary account's serve all its subaccounts.
 */
export function servesTenant(entry: HostEntry | undefined, subaccountId: SubaccountId): boolean {
  return entry === undefined || entry.owners.includes(subaccountId) || entry.owners.includes(PRIMARY_ACCOUNT);
}
