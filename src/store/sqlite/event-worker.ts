/** A thread with its own connections to the files of events. */
import { parentPort, workerData } from "node:worker_threads";

import type { DayBatch } from "../event-database.ts";
import type { EventDay } from "../event-day.ts";
import type { SqliteValue } from "./database.ts";
import { EventFiles, type EventFilesOptions } from "./event-files.ts";
import { serveRequests } from "./worker-link.ts";

export type EventRequest =
  /** Answered with the number of new events. */
  | { readonly kind: "append"; readonly batches: readonly DayBatch[] }
  /** Answered with the rows. Without a day: of the index. */
  | {
      readonly kind: "query";
      readonly day: EventDay | undefined;
      readonly sql: string;
      readonly parameters: readonly SqliteValue[];
    }
  /** Answered with the number of days. */
  | { readonly kind: "forget_before"; readonly day: EventDay }
  | { readonly kind: "close_before"; readonly day: EventDay }
  | { readonly kind: "remove_forgotten_before"; readonly day: EventDay };

export interface EventWorkerData {
  readonly folder: string;
  readonly options: EventFilesOptions;
}

function perform(files: EventFiles, request: EventRequest): unknown {
  switch (request.kind) {
    case "append":
      return files.append(request.batches);
    case "query":
      return request.day === undefined
        ? files.queryIndex(request.sql, request.parameters)
        : files.query(request.day, request.sql, request.parameters);
    case "forget_before":
      return files.forgetBefore(request.day);
    case "close_before":
      return files.closeBefore(request.day);
    case "remove_forgotten_before":
      return files.removeForgottenBefore(request.day);
  }
}

if (parentPort !== null) {
  const { folder, options } = workerData as EventWorkerData;
  const files = new EventFiles(folder, options);
  serveRequests<EventRequest, unknown>(parentPort, {
    perform: (request) => perform(files, request),
    close: () => files.close(),
  });
}
