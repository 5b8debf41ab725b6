/** Turns what the event store has into what the index takes. */
import type { EventType } from "../domain/event.ts";
import { domainOfAddress } from "../domain/hostname.ts";
import { TRACKS_CLICKS, TRACKS_OPENS } from "./columns.ts";
import { ERASED, type EventKind, eventKind, type Verdict } from "./event-kind.ts";
import type { FollowedBatch, FollowedChange, FollowedEvent, FollowedMessage } from "./followed.ts";
import type { IndexState } from "./index-database.ts";

interface Facts {
  readonly campaignId?: string;
  readonly templateId?: string;
  readonly sendingDomain?: string;
}

export interface SourceEvent {
  readonly eventId: bigint;
  readonly type: EventType;
  readonly timestampMs: number;
  readonly subaccountId: number;
  readonly messageId: string;
  readonly rcptTo: string;
  readonly sentAtSeconds: number;
  readonly trackingDomain: string;
  readonly targetLinkUrl?: string;
  readonly targetLinkName?: string;
  readonly facts?: Facts;
  readonly classification: Verdict;
}

export interface SourceMessage {
  readonly messageId: string;
  readonly sentAtSeconds: number;
  readonly subaccountId: number;
  readonly rcptTo: string;
  readonly trackingDomain: string;
  readonly facts: Facts & { readonly openTracking: boolean; readonly clickTracking: boolean };
}

interface Placed {
  readonly position: number;
}

/** Both number what they have in the order of storing: who goes on from the last place meets everything once. */
export interface FollowedStores {
  readonly events: {
    readAfter(
      position: number,
      limit: number,
    ): Promise<readonly (Placed & { readonly event: SourceEvent })[]>;
    /** Places of changes are among the positions of events: all below a position that can be read can be read. */
    changesAfter(
      change: number,
      limit: number,
    ): Promise<
      readonly (Placed & {
        readonly change: number;
        readonly timestampMs: number;
        /** `undefined`: erased. */
        readonly event: SourceEvent | undefined;
      })[]
    >;
    lastPosition(): Promise<number>;
  };
  readonly messages: {
    readAfter(
      position: number,
      limit: number,
    ): Promise<readonly (Placed & { readonly message: SourceMessage })[]>;
    lastPosition(): Promise<number>;
  };
}

export interface Step {
  readonly batch: FollowedBatch;
  /** Whether there was no more to read. */
  readonly isLast: boolean;
}

/**
 * Reads on from these positions. Changes are read after the events: an event that was read before it changed is then
 * in the index, and one that is not there yet will be read as it is by then.
 */
export async function readStep(
  { events, messages }: FollowedStores,
  from: IndexState["positions"],
  limit: number,
): Promise<Step> {
  const [stored, sent] = await Promise.all([
    events.readAfter(from.events, limit),
    messages.readAfter(from.sent, limit),
  ]);
  const changes = await events.changesAfter(from.changes, limit);
  const [lastEvent, lastMessage, lastChange] = [stored.at(-1), sent.at(-1), changes.at(-1)];
  const position = lastEvent?.position ?? from.events;
  const change = lastChange?.change ?? from.changes;
  const batch: FollowedBatch = {
    events: stored.map((one) => followEvent(one.position, one.event)),
    changes: changes.map(followChange),
    messages: sent.filter(({ message }) => isTracked(message)).map(({ message }) => followMessage(message)),
    positions: {
      events: position,
      // With no more changes to read, none is left below this position: later steps need not look there again.
      changes: changes.length < limit ? Math.max(change, position) : change,
      sent: lastMessage?.position ?? from.sent,
    },
    lastEvent: lastEvent && { position: lastEvent.position, id: lastEvent.event.eventId.toString() },
    lastMessage: lastMessage && { position: lastMessage.position, id: lastMessage.message.messageId },
  };
  return { batch, isLast: Math.max(stored.length, sent.length, changes.length) < limit };
}

/** Whether the stores are those that an index was made of: not another database, nor an older one that was restored. */
export async function isOfStores(
  { anchors, positions }: IndexState,
  stores: FollowedStores,
): Promise<boolean> {
  const [events, messages] = await Promise.all([
    stores.events.lastPosition(),
    stores.messages.lastPosition(),
  ]);
  if (events < positions.events || messages < positions.sent) return false;
  const ofEvents = await recognises(anchors.events, async (position) => {
    const [found] = await stores.events.readAfter(position - 1, 1);
    return found && { position: found.position, id: found.event.eventId.toString() };
  });
  const ofMessages = await recognises(anchors.sent, async (position) => {
    const [found] = await stores.messages.readAfter(position - 1, 1);
    return found && { position: found.position, id: found.message.messageId };
  });
  return ofEvents !== "no" && ofMessages !== "no" && !(ofEvents === "unknown" && ofMessages === "unknown");
}

/** By the newest anchor that is still there; others were erased, or dropped. */
async function recognises(
  anchors: IndexState["anchors"]["events"],
  find: (position: number) => Promise<{ position: number; id: string } | undefined>,
): Promise<"yes" | "no" | "unknown" | "nothing"> {
  if (anchors.length === 0) return "nothing";
  for (const anchor of anchors.toReversed()) {
    const found = await find(anchor.position);
    if (found?.position === anchor.position) return found.id === anchor.id ? "yes" : "no";
  }
  return "unknown";
}

function followEvent(position: number, event: SourceEvent): FollowedEvent {
  return {
    position,
    timestampMs: event.timestampMs,
    kind: kindOf(event),
    messageId: event.messageId,
    sentAtSeconds: event.sentAtSeconds,
    linkUrl: event.targetLinkUrl ?? "",
    linkName: event.targetLinkName ?? "",
    ...textsOf(event, event.facts),
  };
}

function followChange(change: {
  readonly position: number;
  readonly timestampMs: number;
  readonly event: SourceEvent | undefined;
}): FollowedChange {
  const { position, timestampMs, event } = change;
  return { position, timestampMs, kind: event === undefined ? ERASED : kindOf(event) };
}

function followMessage(message: SourceMessage): FollowedMessage {
  const { openTracking, clickTracking } = message.facts;
  return {
    sentAtSeconds: message.sentAtSeconds,
    tracking: (openTracking ? TRACKS_OPENS : 0) | (clickTracking ? TRACKS_CLICKS : 0),
    ...textsOf(message, message.facts),
  };
}

function isTracked({ facts }: SourceMessage): boolean {
  return facts.openTracking || facts.clickTracking;
}

function kindOf({ type, classification }: SourceEvent): EventKind {
  return eventKind(type, classification);
}

function textsOf(
  { rcptTo, subaccountId, trackingDomain }: Pick<SourceEvent, "rcptTo" | "subaccountId" | "trackingDomain">,
  facts: Facts | undefined,
) {
  return {
    campaign: facts?.campaignId ?? "",
    recipientDomain: domainOfAddress(rcptTo) ?? "",
    subaccount: String(subaccountId),
    sendingDomain: facts?.sendingDomain?.toLowerCase() ?? "",
    trackingDomain: trackingDomain.toLowerCase(),
    template: facts?.templateId ?? "",
  };
}
