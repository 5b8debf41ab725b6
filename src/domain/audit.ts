/** The trail of changes: who changed what, when and from where. It holds no secret, and outlives the key that it names. */
import type { SubaccountId } from "./subaccount.ts";

export const AUDIT_KINDS = ["change", "sign_in", "sign_in_failed"] as const;
export type AuditKind = (typeof AUDIT_KINDS)[number];

/** How the caller showed who it is; on the command line, by being let at the data directory or the database. `server`: nobody asked, Waypost did it. */
export const AUDIT_VIAS = ["key", "session", "command_line", "server", "none"] as const;
export type AuditVia = (typeof AUDIT_VIAS)[number];

export interface AuditEntry {
  readonly atMs: number;
  readonly kind: AuditKind;
  readonly keyId: string | undefined;
  /** As the key was called then; on the command line, as the operating system calls its user. */
  readonly keyLabel: string | undefined;
  readonly via: AuditVia;
  /** Whose things were changed; `undefined`: nobody's in particular. */
  readonly subaccountId: SubaccountId | undefined;
  /** The client's IP address; `undefined` on the command line, and for what nobody asked for. */
  readonly address: string | undefined;
  /** In words, for people. */
  readonly action: string;
  /** Of the request; else the command. */
  readonly method: string;
  /** Of what was changed. */
  readonly path: string;
  /** What the request asked to change, and what else is known of it: by name, with the value where that can be no secret. */
  readonly fields: Readonly<Record<string, unknown>>;
}
