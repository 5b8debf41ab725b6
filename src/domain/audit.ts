/** The trail of changes: who changed what, when and from where. It holds no secret, and outlives the key that it names. */
import type { SubaccountId } from "./subaccount.ts";

export const AUDIT_KINDS = ["change", "sign_in", "sign_in_failed"] as const;
export type AuditKind = (typeof AUDIT_KINDS)[number];

/** How the caller showed who it is. */
export const AUDIT_VIAS = ["key", "session", "none"] as const;
export type AuditVia = (typeof AUDIT_VIAS)[number];

export interface AuditEntry {
  readonly atMs: number;
  readonly kind: AuditKind;
  readonly keyId: string | undefined;
  /** As the key was called then. */
  readonly keyLabel: string | undefined;
  readonly via: AuditVia;
  /** Whose things were changed; `undefined`: nobody's in particular. */
  readonly subaccountId: SubaccountId | undefined;
  /** The client's IP address. */
  readonly address: string;
  /** In words, for people. */
  readonly action: string;
  readonly method: string;
  readonly path: string;
  /** What the request asked to change: by name, with the value where that can be no secret. */
  readonly fields: Readonly<Record<string, unknown>>;
}
