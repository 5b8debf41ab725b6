/** Both ends of the channel to a thread that owns files: requests out, replies back, in the order of asking. */
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { type MessagePort, Worker } from "node:worker_threads";

/** What a thread threw; of a statement that SQLite refused with its extended result code (https://sqlite.org/rescode.html). */
export class ThreadError extends Error {
  override readonly name = "ThreadError";
  readonly errcode: number | undefined;

  constructor(message: string, errcode: number | undefined) {
    super(message);
    this.errcode = errcode;
  }
}

/** `undefined` asks the thread to close what it has, and to end. */
interface Message<Request> {
  readonly id: number;
  readonly request: Request | undefined;
}

type Reply<Result> =
  | { readonly id: number; readonly result: Result }
  | {
      readonly id: number;
      readonly error: { readonly message: string; readonly errcode: number | undefined };
    };

/** What a thread does. Throwing refuses one request; the thread goes on. */
export interface Served<Request, Result> {
  perform(request: Request): Result;
  close(): void;
}

/** The thread's end. */
export function serveRequests<Request, Result>(port: MessagePort, served: Served<Request, Result>): void {
  port.on("message", (messages: readonly Message<Request>[]) => {
    port.postMessage(messages.map((message) => answer(served, message)));
    if (messages.some(({ request }) => request === undefined)) port.close();
  });
  // The first message says that the databases are open; a failure to open ends the thread with its error instead.
  port.postMessage([]);
}

function answer<Request, Result>(
  served: Served<Request, Result>,
  { id, request }: Message<Request>,
): Reply<Result | undefined> {
  try {
    if (request !== undefined) return { id, result: served.perform(request) };
    served.close();
    return { id, result: undefined };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const errcode = error instanceof Error && "errcode" in error ? Number(error.errcode) : undefined;
    return { id, error: { message, errcode } };
  }
}

/**
 * Starts a file beside the caller's own as a thread: .ts in development and .js in the package, as tsc rewrites imports
 * but not URLs. `caller` is its `import.meta.url`.
 */
export function startThread(caller: string, name: string, workerData: unknown): Worker {
  return new Worker(new URL(`./${name}${extname(fileURLToPath(caller))}`, caller), {
    workerData,
    execArgv: [],
  });
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The caller's end. After `close`, and after the thread's death, every request rejects. */
export class WorkerLink<Request> {
  /** Settles when the thread's databases are open, or cannot be. */
  readonly opened: Promise<void>;
  readonly #worker: Worker;
  readonly #onFatal: (error: Error) => void;
  readonly #waiting = new Map<number, Waiting>();
  #outbox: Message<Request>[] = [];
  #nextId = 0;
  #failure: Error | undefined;
  #isOpen = false;

  /** `onFatal` is called once, when a thread that was open ends without being asked to. */
  constructor(worker: Worker, onFatal: (error: Error) => void) {
    this.#worker = worker;
    this.#onFatal = onFatal;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.opened = promise;
    worker.on("message", (replies: readonly Reply<unknown>[]) => {
      this.#isOpen = true;
      resolve();
      for (const reply of replies) this.#settle(reply);
    });
    const fail = (error: Error): void => {
      reject(error);
      this.#fail(error);
    };
    worker.on("error", (error) => fail(error instanceof Error ? error : new Error(String(error))));
    worker.on("messageerror", fail);
    worker.on("exit", () => fail(new Error("a worker thread has ended")));
  }

  /** `Result` is what the thread answers to this request: the channel cannot check it. */
  send<Result>(request: Request): Promise<Result> {
    return this.#post<Result>(request);
  }

  async close(): Promise<void> {
    if (this.#failure !== undefined) return;
    const closed = this.#post(undefined);
    this.#failure = new Error("the worker thread is closed");
    await closed;
    await this.#worker.terminate();
  }

  #post<Result>(request: Request | undefined): Promise<Result> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    // One message for all that is asked in one turn: a message costs more than most statements.
    if (this.#outbox.length === 0) queueMicrotask(() => this.#flush());
    const id = this.#nextId++;
    this.#outbox.push({ id, request });
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.set(id, { resolve: (result) => resolve(result as Result), reject });
    return promise;
  }

  #flush(): void {
    const messages = this.#outbox;
    this.#outbox = [];
    try {
      this.#worker.postMessage(messages);
    } catch (error) {
      // A parameter that no message can carry. All of this turn's calls fail: the others were not sent either.
      for (const { id } of messages)
        this.#settle({ id, error: { message: String(error), errcode: undefined } });
    }
  }

  #settle(reply: Reply<unknown>): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("result" in reply) waiting?.resolve(reply.result);
    else waiting?.reject(new ThreadError(reply.error.message, reply.error.errcode));
  }

  #fail(error: Error): void {
    const isSurprise = this.#failure === undefined && this.#isOpen;
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    if (isSurprise) this.#onFatal(error);
  }
}
