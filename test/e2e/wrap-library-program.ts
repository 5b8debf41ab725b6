/** Loaded before an example: `waypost/wrap` is then the library's source, in place of the package that users install. */
import { registerHooks } from "node:module";

const LIBRARY = new URL("../../src/library.ts", import.meta.url).href;

registerHooks({
  resolve: (specifier, context, next) => next(specifier === "waypost/wrap" ? LIBRARY : specifier, context),
});
