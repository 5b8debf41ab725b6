import assert from "node:assert/strict";
import { test } from "node:test";

import { testScenes } from "./scene-tests.ts";
import { AREAS, areaOf, SCENES } from "./scenes.ts";

testScenes("account");

test("every scene has a name of its own, and is played by one of the tests", () => {
  assert.equal(new Set(SCENES.map(({ name }) => name)).size, SCENES.length);
  const played: readonly string[] = Object.values(AREAS).flat();
  for (const scene of SCENES) assert.ok(played.includes(areaOf(scene)), scene.name);
});
