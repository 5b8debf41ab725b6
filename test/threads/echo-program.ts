/** A thread that answers with what it was asked, or that cannot open what it should. */
import { parentPort, workerData } from "node:worker_threads";

import { serveRequests } from "../../src/threads/worker-link.ts";

if (workerData === "broken") throw new Error("there is no such folder");
if (parentPort !== null)
  serveRequests<string, string>(parentPort, { perform: (request) => request, close: () => undefined });
