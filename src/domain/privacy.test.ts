import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { PRIVACY_MODES, strictest } from "./privacy.ts";

const anyMode = fc.constantFrom(...PRIVACY_MODES);

test("of several modes the strictest wins, in whatever order they come", () => {
  fc.assert(
    fc.property(fc.array(anyMode, { minLength: 1 }), (modes) => {
      const ranks = modes.map((mode) => PRIVACY_MODES.indexOf(mode));
      assert.equal(strictest(...modes), PRIVACY_MODES[Math.max(...ranks)]);
      assert.equal(strictest(...modes.toReversed()), strictest(...modes));
    }),
  );
  assert.equal(strictest(), "full");
});
