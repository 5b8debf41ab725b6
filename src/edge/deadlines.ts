/**
 * Things that wait, all for the same time at most, with one timer for all of them: a timer of its own for
 * every click would be a measurable part of what the click costs.
 */

export interface Waiting<T> {
  readonly dueMs: number;
  /** Gone once it was taken or is late: a disk that hangs must not hold every exchange since then in memory. */
  thing: T | undefined;
}

export interface Deadlines<T> {
  add(thing: T): Waiting<T>;
  /** The thing, unless its deadline has passed; nobody else gets it after that. */
  take(waiting: Waiting<T>): T | undefined;
}

/** `onLate` gets every thing that nobody has taken within `waitMs`. */
export function createDeadlines<T>(waitMs: number, onLate: (thing: T) => void): Deadlines<T> {
  let queue: Waiting<T>[] = [];
  let timer: NodeJS.Timeout | undefined;

  const expire = (): void => {
    const nowMs = performance.now();
    const firstInTime = queue.findIndex(({ dueMs }) => dueMs > nowMs);
    const late = firstInTime === -1 ? queue : queue.slice(0, firstInTime);
    queue = firstInTime === -1 ? [] : queue.slice(firstInTime).filter(({ thing }) => thing !== undefined);
    timer = undefined;
    schedule(nowMs);
    for (const waiting of late) {
      const { thing } = waiting;
      waiting.thing = undefined;
      if (thing !== undefined) onLate(thing);
    }
  };
  const schedule = (nowMs: number): void => {
    const [next] = queue;
    // A timer may fire up to a millisecond early; then nothing is late yet and it is set again.
    if (next === undefined) return;
    timer = setTimeout(expire, Math.max(1, Math.ceil(next.dueMs - nowMs)));
    // Whatever waits has a connection that keeps the process running; once all was taken nothing should.
    timer.unref();
  };

  return {
    add: (thing) => {
      const nowMs = performance.now();
      const waiting = { dueMs: nowMs + waitMs, thing };
      queue.push(waiting);
      if (timer === undefined) schedule(nowMs);
      return waiting;
    },
    take: (waiting) => {
      const { thing } = waiting;
      waiting.thing = undefined;
      return thing;
    },
  };
}
