/** A thread with its own connections to the files of message facts. */
import type { MessageBatch } from "../message-columns.ts";
import type { PersonOnDay } from "./day-files.ts";
import { serveDays } from "./day-worker.ts";
import { MessageFiles } from "./message-files.ts";

export type MessageRequest =
  | { readonly kind: "record"; readonly batches: readonly MessageBatch[] }
  /** Answered with the number of messages. */
  | ({ readonly kind: "erase" } & PersonOnDay);

serveDays(
  ({ folder, options }) => new MessageFiles(folder, options),
  (files, request: MessageRequest) => {
    switch (request.kind) {
      case "record":
        return files.record(request.batches);
      case "erase":
        return files.erase(request);
    }
  },
);
