/**
 * `npm run build:console`, and what `npm start` does first. With `--if-stale` a build that is current stays, and one
 * that cannot be made is said and not waited for: Waypost runs without its console too.
 */
import { buildConsole, isConsoleCurrent } from "./console-build.ts";

const isOptional = process.argv.includes("--if-stale");
if (!isOptional) await buildConsole();
else if (!isConsoleCurrent()) {
  console.error("Building the console, which takes a few seconds …");
  try {
    await buildConsole();
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND";
    const reason = isMissing ? "`npm install` without --omit=dev brings what it needs" : error;
    console.error("The console could not be built, going on without it:", reason);
  }
}
