/** Loaded before a program of Waypost's: says at its end, on standard output, which parts and packages it has loaded. */
import { registerHooks } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCES = resolve(import.meta.dirname, "../../src");
const packages = new Set<string>();
const parts = new Set<string>();
registerHooks({
  resolve: (specifier, context, next) => {
    const resolved = next(specifier, context);
    const isSource = (url: string | undefined) =>
      url?.startsWith("file:") === true && fileURLToPath(url).startsWith(`${SOURCES}/`);
    if (isSource(resolved.url)) parts.add(fileURLToPath(resolved.url).slice(SOURCES.length + 1));
    else if (isSource(context.parentURL) && !specifier.startsWith("node:")) packages.add(specifier);
    return resolved;
  },
});
process.on("exit", () => {
  for (const found of [packages, parts]) process.stdout.write(`${JSON.stringify([...found].sort())}\n`);
});
