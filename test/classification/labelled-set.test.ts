/** The labelled set, event by event: each must get exactly the reasons that its scenario calls for. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { RULES } from "../../src/events/classification-rules.ts";
import { createLabelledSet } from "./labelled-set.ts";
import { judgeLabelledSet, qualityByClass, SEED } from "./measure.ts";

const judged = judgeLabelledSet(500);

for (const [scenario, events] of Map.groupBy(judged, (event) => event.scenario)) {
  test(`${scenario}: each event has the reasons that it should have`, () => {
    for (const { event, reasons, verdict } of events)
      assert.deepEqual(verdict.classification.reasons, reasons, `${event.type} ${event.targetLinkUrl}`);
  });
}

test("an unsubscribe is one exactly when a person did it", () => {
  const unsubscribes = judged.filter(({ event }) => event.type === "link_unsubscribe");
  assert.ok(unsubscribes.length > 500);
  for (const { verdict } of unsubscribes) {
    const { isBot, isPrefetched } = verdict.classification;
    assert.equal(verdict.type, isBot || isPrefetched ? "click" : "link_unsubscribe");
  }
});

test("verdicts are the same in whatever batches the events come", () => {
  const verdicts = (batchSize: number) => judgeLabelledSet(batchSize).map(({ verdict }) => verdict);
  const expected = judged.map(({ verdict }) => verdict);
  for (const batchSize of [1, 7, 2000, judged.length]) assert.deepEqual(verdicts(batchSize), expected);
});

test("the set has an example of every rule that marks", () => {
  const found = new Set(judged.flatMap(({ reasons }) => reasons));
  for (const { reason, marks } of RULES) if (marks.length > 0) assert.ok(found.has(reason), reason);
});

test("the same seed gives the same set, another one another", () => {
  assert.deepEqual(createLabelledSet(SEED), createLabelledSet(SEED));
  assert.notDeepEqual(createLabelledSet(SEED), createLabelledSet(SEED + 1));
});

test("another draw of the set is judged as well", () => {
  for (const seed of [1, 2, 3]) {
    for (const { label, precision, recall } of qualityByClass(judgeLabelledSet(500, seed))) {
      assert.ok(precision > 0.85, `precision of ${label}: ${precision}`);
      assert.ok(recall > 0.83, `recall of ${label}: ${recall}`);
    }
  }
});
