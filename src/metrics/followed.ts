/** What the index takes of the events and messages that are followed. Small, as it crosses to another thread. */
import type { Dimension, MESSAGE_DIMENSIONS } from "./columns.ts";
import type { EventKind } from "./event-kind.ts";
import type { Anchor, IndexState } from "./index-database.ts";

/** The empty text: nothing is known. */
type Texts<Name extends string> = Readonly<Record<Name, string>>;

export interface FollowedEvent extends Texts<Dimension> {
  readonly position: number;
  readonly timestampMs: number;
  readonly kind: EventKind;
  readonly messageId: string;
  readonly sentAtSeconds: number;
  /** Of what is about a link, else empty. */
  readonly linkUrl: string;
}

/** What an event is now; it was read as something else, or is not read yet. */
export interface FollowedChange {
  readonly position: number;
  readonly timestampMs: number;
  readonly kind: EventKind;
}

export interface FollowedMessage extends Texts<(typeof MESSAGE_DIMENSIONS)[number]> {
  readonly sentAtSeconds: number;
  readonly tracking: number;
}

export interface FollowedBatch {
  /** In the order of their positions. */
  readonly events: readonly FollowedEvent[];
  /** Of these events, or of earlier ones. */
  readonly changes: readonly FollowedChange[];
  readonly messages: readonly FollowedMessage[];
  /** How far everything is in the index once this is. */
  readonly positions: IndexState["positions"];
  /** The last of each, when there is one. */
  readonly lastEvent: Anchor | undefined;
  readonly lastMessage: Anchor | undefined;
}
