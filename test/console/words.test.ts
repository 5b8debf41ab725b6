import assert from "node:assert/strict";
import { test } from "node:test";

import { eventWord } from "../../console/src/event-words.ts";
import { formatCount, formatRate, formatRelative } from "../../console/src/format.ts";
import { GRANT_WORDS } from "../../console/src/grants.ts";
import { EVENT_TYPES } from "../../src/domain/event.ts";
import { GRANTS, SUBACCOUNT_GRANTS } from "../../src/domain/grants.ts";

test("the console has words for every grant, and offers subaccounts those that they can have", () => {
  assert.deepEqual(GRANT_WORDS.map(({ grant }) => grant).toSorted(), [...GRANTS].toSorted());
  const offered = GRANT_WORDS.filter(({ isForSubaccounts }) => isForSubaccounts).map(({ grant }) => grant);
  assert.deepEqual(offered.toSorted(), [...SUBACCOUNT_GRANTS].toSorted());
});

test("the console has a word for every event type", () => {
  for (const type of EVENT_TYPES) assert.notEqual(eventWord(type), type);
});

test("a rate is never of nothing, and never more than all", () => {
  assert.equal(formatRate(764, 4000), "19.1%");
  assert.equal(formatRate(4, 4), "100%");
  for (const [part, whole] of [
    [0, 0],
    [5, 2],
  ] as const) {
    assert.equal(formatRate(part, whole), undefined);
  }
});

test("numbers have thousands separators, and distances in time are in the unit that a person would use", () => {
  assert.equal(formatCount(48_210, "link"), "48,210 links");
  assert.equal(formatCount(1, "link"), "1 link");
  const now = new Date("2026-11-25T12:00:00Z");
  for (const [time, words] of [
    ["2026-11-25T11:59:57Z", "just now"],
    ["2026-11-25T12:00:40Z", "in 40 seconds"],
    ["2026-11-25T11:15:00Z", "45 minutes ago"],
    ["2026-11-26T13:00:00Z", "in 25 hours"],
    ["2026-12-04T12:00:00Z", "in 9 days"],
  ] as const) {
    assert.equal(formatRelative(new Date(time), now), words);
  }
});
