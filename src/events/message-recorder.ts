/**
 * Records message facts for callers that wait for it. Who comes while a transaction is under way shares the next one: many
 * small calls then wait for the disk once, together.
 */
import { eraseAgain } from "./erase-again.ts";
import type { MessageStore, WrappedCall } from "./message-store.ts";
import type { PrivacyRules } from "./privacy-rules.ts";

export interface MessageRecorder {
  /** Resolves once all are durable. Rejects when the store refuses. */
  record(calls: readonly WrappedCall[]): Promise<void>;
}

/** For calls to which privacy rules were applied. */
export interface PrivateRecorder {
  /** As {@link MessageRecorder.record}. Keeps nothing of who was erased since the rules had had so many `erasures`. */
  record(calls: readonly WrappedCall[], erasures: number): Promise<void>;
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

export function createPrivateRecorder(
  store: Pick<MessageStore, "record" | "erase">,
  rules: PrivacyRules,
): PrivateRecorder {
  const recorder = createMessageRecorder(store);
  return {
    async record(calls, erasures) {
      if (calls.length === 0) return;
      await recorder.record(calls);
      const recorded = calls.flatMap(({ subaccountId, messages }) =>
        messages.map(({ rcptTo }) => ({ subaccountId, rcptTo })),
      );
      await eraseAgain(recorded, erasures, { rules, store });
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
