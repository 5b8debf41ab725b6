import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { DOCUMENTED_LOOKS, pictureName } from "../../scripts/picture-name.ts";
import { PICTURE_FOLDER } from "../../scripts/picture-stamp.ts";
import { SCENES } from "./scenes.ts";

const PAGES = join(import.meta.dirname, "../../console/src/pages.ts");

test("the documentation has a picture of every page that the navigation leads to", () => {
  const pictured = SCENES.filter(({ isDocumented }) => isDocumented).map(({ path }) => path.split("?")[0]);
  const pages = [...readFileSync(PAGES, "utf8").matchAll(/path: "([^"]+)",[^}]*\bname: "/g)];
  assert.ok(pages.length > 7);
  assert.deepEqual(
    pages.map(([, path]) => path).filter((path) => !pictured.includes(path)),
    [],
  );
});

test("every documented state is pictured in both themes and on a phone, and nothing else is", () => {
  const expected = SCENES.filter(({ isDocumented }) => isDocumented).flatMap((scene) =>
    DOCUMENTED_LOOKS.map((look) => pictureName(scene, look)),
  );
  const pictures = readdirSync(PICTURE_FOLDER).filter((name) => name.endsWith(".png"));
  assert.deepEqual(pictures.toSorted(), expected.toSorted());
});
