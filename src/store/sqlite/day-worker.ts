/** What a thread does that owns a folder of files by day, beside what is its own. */
import { parentPort, workerData } from "node:worker_threads";

import { serveRequests } from "../../threads/worker-link.ts";
import type { EventDay } from "../event-day.ts";
import type { SqliteValue } from "./database.ts";
import type { DayFiles, DayFilesOptions } from "./day-files.ts";

export type DayRequest =
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

export interface DayWorkerData {
  readonly folder: string;
  readonly options: DayFilesOptions;
}

/** Serves the thread's caller, if this is a thread. */
export function serveDays<Files extends DayFiles, Request extends { readonly kind: string }>(
  open: (data: DayWorkerData) => Files,
  performOwn: (files: Files, request: Request) => unknown,
): void {
  if (parentPort === null) return;
  const files = open(workerData as DayWorkerData);
  serveRequests<Request | DayRequest, unknown>(parentPort, {
    perform: (request) =>
      isDayRequest(request) ? perform(files, request) : performOwn(files, request as Request),
    close: () => files.close(),
  });
}

const DAY_REQUESTS: ReadonlySet<string> = new Set<DayRequest["kind"]>([
  "query",
  "forget_before",
  "close_before",
  "remove_forgotten_before",
]);

function isDayRequest(request: { readonly kind: string }): request is DayRequest {
  return DAY_REQUESTS.has(request.kind);
}

function perform(files: DayFiles, request: DayRequest): unknown {
  switch (request.kind) {
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
