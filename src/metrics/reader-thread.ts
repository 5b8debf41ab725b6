/** A thread that answers questions: however long one takes, nobody else waits but those who ask. */
import { parentPort, workerData } from "node:worker_threads";

import { serveRequests } from "../threads/worker-link.ts";
import type { MetricAnswer, MetricQuestion } from "./answer.ts";
import { IndexReader } from "./index-reader.ts";

export interface ReaderThreadData {
  readonly folder: string;
}

if (parentPort !== null) {
  const reader = new IndexReader((workerData as ReaderThreadData).folder);
  serveRequests<MetricQuestion, MetricAnswer>(parentPort, {
    perform: (question) => reader.answer(question),
    close: () => reader.close(),
  });
}
