/**
 * Records message facts for callers that wait for it. Who comes while a transaction is under way shares the next one: many
 * small calls then wait for the disk once, together.
 */
import type { MessageStore, WrappedCall } from "./message-store.ts";

export interface MessageRecorder {
  /** Resolves once all are durable. Rejects when the store refuses. */
  record(calls: readonly WrappedCall[]): Promise<void>;
}

/** A transaction holds the database up for about as long as a batch of events does. */
const MAX_MESSAGES = 4000;

interface Waiting {
  readonly calls: readonly WrappedCall[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export function createMessageRecorder(store: Pick<MessageStore, "record">): MessageRecorder {
  let waiting: Waiting[] = [];
  let isRecording = false;
  const recordAll = async (): Promise<void> => {
    isRecording = true;
    while (waiting.length > 0) {
      const group = firstGroup(waiting);
      waiting = waiting.slice(group.length);
      await settle(store, group);
    }
    isRecording = false;
  };
  return {
    async record(calls) {
      if (calls.length === 0) return;
      await new Promise<void>((resolve, reject) => {
        waiting.push({ calls, resolve, reject });
        if (!isRecording) void recordAll();
      });
    },
  };
}

function firstGroup(waiting: readonly Waiting[]): readonly Waiting[] {
  let messages = 0;
  const tooMuch = waiting.findIndex(({ calls }, index) => {
    for (const call of calls) messages += call.messages.length;
    return index > 0 && messages > MAX_MESSAGES;
  });
  return tooMuch === -1 ? waiting : waiting.slice(0, tooMuch);
}

async function settle(store: Pick<MessageStore, "record">, group: readonly Waiting[]): Promise<void> {
  try {
    await store.record(group.flatMap(({ calls }) => calls));
    for (const { resolve } of group) resolve();
  } catch (error) {
    for (const { reject } of group) reject(error);
  }
}
