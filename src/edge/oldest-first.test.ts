import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { OldestFirst, type Place } from "./oldest-first.ts";

test("whoever comes and leaves, the list has the others in the order in which they came", () => {
  const steps = fc.array(fc.oneof(fc.constant("come"), fc.nat({ max: 30 })), { maxLength: 100 });
  fc.assert(
    fc.property(steps, (taken) => {
      const list = new OldestFirst<number>();
      const places: Place<number>[] = [];
      const model = new Set<number>();
      for (const step of taken) {
        if (step === "come") {
          model.add(places.length);
          places.push(list.add(places.length));
        } else {
          const place = places[Number(step)];
          if (place !== undefined) list.remove(place);
          model.delete(Number(step));
        }
        assert.deepEqual([...list], [...model]);
        assert.equal(list.size, model.size);
      }
    }),
  );
});

test("one that leaves while all are looked at keeps none of the others from being looked at", () => {
  const list = new OldestFirst<string>();
  const places = new Map(["a", "b", "c"].map((thing) => [thing, list.add(thing)]));
  const seen: string[] = [];
  for (const thing of list) {
    seen.push(thing);
    list.remove(places.get(thing)!);
  }
  assert.deepEqual(seen, ["a", "b", "c"]);
  assert.equal(list.size, 0);
});

test("what has left names nothing in the list, so that it keeps nothing alive that came later", () => {
  const list = new OldestFirst<object>();
  const [first, second] = [list.add({}), list.add({}), list.add({})];
  list.remove(second!);
  list.remove(first!);
  assert.deepEqual(second, { thing: undefined, before: undefined, after: undefined });
  assert.deepEqual(first, { thing: undefined, before: undefined, after: undefined });
});
