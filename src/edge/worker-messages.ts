/** What edge workers, the supervisor and the control process say to each other over Node's IPC channel. */
import type { EdgeStats } from "./worker.ts";

/** A worker that serves now. */
export interface ReadyMessage {
  readonly type: "ready";
}

/** Once a second from every child; one that stops saying it is hung and gets replaced. */
export interface HeartbeatMessage {
  readonly type: "heartbeat";
  /** Of an edge worker that serves. */
  readonly stats?: EdgeStats;
}

/** From the supervisor to the control process: a worker's last heartbeat. Counters start at zero with each `pid`. */
export interface EdgeStatsMessage {
  readonly type: "edge-stats";
  readonly pid: number;
  readonly stats: EdgeStats;
}

export type ChildMessage = ReadyMessage | HeartbeatMessage;

export function isChildMessage(message: unknown): message is ChildMessage {
  return hasType(message) && (message.type === "ready" || message.type === "heartbeat");
}

/** For the control process, which gets {@link EdgeStatsMessage}s and nothing else. */
export function isEdgeStatsMessage(message: unknown): message is EdgeStatsMessage {
  return hasType(message) && message.type === "edge-stats";
}

function hasType(message: unknown): message is { readonly type: unknown } {
  return typeof message === "object" && message !== null && "type" in message;
}
