import assert from "node:assert/strict";
import { test } from "node:test";

import { AppError } from "../domain/errors.ts";
import { createLimiter } from "./limiter.ts";

/** Work that ends when it is told to. */
function openWork(): {
  started: number[];
  work: (id: number) => () => Promise<number>;
  end: (id: number) => void;
} {
  const started: number[] = [];
  const ends = new Map<number, () => void>();
  return {
    started,
    work: (id) => async () => {
      started.push(id);
      await new Promise<void>((resolve) => ends.set(id, resolve));
      return id;
    },
    end: (id) => ends.get(id)?.(),
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("work beyond the limit starts in the order it came, as places become free", async () => {
  const limit = createLimiter({ maxRunning: 2, maxWaiting: 10 });
  const { started, work, end } = openWork();
  const all = [1, 2, 3, 4].map((id) => limit(work(id)));
  await settled();
  assert.deepEqual(started, [1, 2]);
  end(2);
  await settled();
  assert.deepEqual(started, [1, 2, 3]);
  end(1);
  end(3);
  await settled();
  end(4);
  assert.deepEqual(await Promise.all(all), [1, 2, 3, 4]);
});

test("work that fails gives its place back", async () => {
  const limit = createLimiter({ maxRunning: 1, maxWaiting: 1 });
  const failing = limit(() => Promise.reject(new Error("broken")));
  const following = limit(async () => "done");
  await assert.rejects(failing, /broken/);
  assert.equal(await following, "done");
  assert.equal(await limit(async () => "again"), "again");
});

test("more than may wait is refused as unavailable", async () => {
  const limit = createLimiter({ maxRunning: 1, maxWaiting: 1 });
  const { work, end } = openWork();
  const all = [limit(work(1)), limit(work(2))];
  await assert.rejects(limit(work(3)), (error) => error instanceof AppError && error.code === "unavailable");
  end(1);
  await settled();
  end(2);
  assert.deepEqual(await Promise.all(all), [1, 2]);
});
