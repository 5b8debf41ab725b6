/** A thread that starts when it is first asked for something: most commands ask for nothing in its files, and do less than a start does. */
import type { Worker } from "node:worker_threads";

import { WorkerLink } from "./worker-link.ts";

export class ThreadOnDemand<Request> {
  readonly #start: () => WorkerLink<Request>;
  #link: WorkerLink<Request> | undefined;
  #isClosed = false;

  /** `onFatal` is called once, when the thread ends unasked, also when it cannot open its files: it will not at the next request either. */
  constructor(start: () => Worker, onFatal: (error: Error) => void) {
    this.#start = () => {
      const link = new WorkerLink<Request>(start(), onFatal);
      link.opened.catch((error: Error) => {
        if (!this.#isClosed) onFatal(error);
      });
      return link;
    };
  }

  /** `Result` is what the thread answers to this request: the channel cannot check it. */
  async send<Result>(request: Request): Promise<Result> {
    if (this.#isClosed) throw new Error("the worker thread is closed");
    this.#link ??= this.#start();
    return this.#link.send<Result>(request);
  }

  /** What has not started has nothing open. */
  async sendIfStarted(request: Request): Promise<void> {
    if (this.#link !== undefined) await this.send(request);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#link?.close();
  }
}
