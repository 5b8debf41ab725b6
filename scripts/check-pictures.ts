/** A step of `npm run check`: pictures of a console that has changed since are worse than none. */
import { arePicturesCurrent } from "./picture-stamp.ts";

if (!arePicturesCurrent()) {
  console.error(
    "docs/screenshots/ shows the console as it was: `npm run screenshots` makes the pictures anew.",
  );
  process.exitCode = 1;
}
