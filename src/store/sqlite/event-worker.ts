/** A thread with its own connections to the files of events. */
import type { DayBatch, DayChanges } from "../event-database.ts";
import type { PersonOnDay } from "./day-files.ts";
import { serveDays } from "./day-worker.ts";
import { EventFiles } from "./event-files.ts";

/** All answered with a number of events. */
export type EventRequest =
  | { readonly kind: "append"; readonly batches: readonly DayBatch[] }
  | { readonly kind: "reclassify"; readonly batches: readonly DayChanges[] }
  | ({ readonly kind: "erase" } & PersonOnDay);

serveDays(
  ({ folder, options }) => new EventFiles(folder, options),
  (files, request: EventRequest) => {
    switch (request.kind) {
      case "append":
        return files.append(request.batches);
      case "reclassify":
        return files.reclassify(request.batches);
      case "erase":
        return files.erase(request);
    }
  },
);
