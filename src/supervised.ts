/** What a child of the supervisor says to it. */
import type { ChildMessage } from "./edge/worker-messages.ts";

type Heartbeat = Extract<ChildMessage, { readonly type: "heartbeat" }>;

const HEARTBEAT_MS = 1000;
/** The supervisor doesn't read: what it missed is said again, and must not fill the memory of a process that is well. */
let isUnread = false;

/** A supervisor that is gone is noticed by "disconnect"; a message that it missed is not worth more. */
export function tellSupervisor(message: ChildMessage): void {
  if (isUnread || !process.connected || process.send === undefined) return;
  isUnread = !process.send(message, undefined, undefined, () => {
    isUnread = false;
  });
}

/** At once and then every second. */
export function startHeartbeat(stats: () => Heartbeat["stats"] = () => undefined): NodeJS.Timeout {
  const beat = (): void => {
    const current = stats();
    tellSupervisor({ type: "heartbeat", ...(current === undefined ? {} : { stats: current }) });
  };
  beat();
  return setInterval(beat, HEARTBEAT_MS);
}

/** For work that goes on for as long as it wants to, while this process is well. */
export async function withHeartbeat<T>(work: Promise<T>): Promise<T> {
  const heartbeat = startHeartbeat();
  try {
    return await work;
  } finally {
    clearInterval(heartbeat);
  }
}
