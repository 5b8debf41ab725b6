/**
 * `npm test [FILE…]`: the tests of the parts, or those named, with what they need around them. `npm run test:e2e` names those of
 * whole Waypost processes, started, killed, backed up and told what to do by the command line, and `npm run test:console` those
 * that walk through the console in a browser: each takes about as long as all others. PostgreSQL is the one at
 * WAYPOST_TEST_DATABASE_URL when that is set, else a throwaway cluster; the certificate authority is the pebble at
 * WAYPOST_TEST_PEBBLE, else the one on PATH. The console is built when it is stale. Nothing is skipped: what is missing
 * ends the run.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { CERTUTIL } from "./certutil.ts";
import { CHROMIUM } from "./chromium.ts";
import { buildConsole, isConsoleCurrent } from "./console-build.ts";
import { findOrInstall, type NeededProgram, searchFolders } from "./debian-package.ts";
import { POSTFIX } from "./throwaway-postfix.ts";
import { POSTGRES, startThrowawayPostgres } from "./throwaway-postgres.ts";

/** The folder with Let's Encrypt's test authority. */
const PEBBLE: NeededProgram = {
  what: "pebble",
  debianPackage: "pebble",
  insteadSet: "WAYPOST_TEST_PEBBLE",
  search: () => searchFolders(["pebble"]),
};

const OPENSSL: NeededProgram = {
  what: "OpenSSL",
  debianPackage: "openssl",
  search: () => searchFolders(["openssl"]),
};

/** Besides bash, which everybody has: those that completion scripts are made for. */
const SHELLS: readonly NeededProgram[] = ["zsh", "fish"].map((name) => ({
  what: name,
  debianPackage: name,
  search: () => searchFolders([name]),
}));

/** For the example's policy for KumoMTA. */
const LUA: NeededProgram = {
  what: "Lua 5.4",
  debianPackage: "lua5.4",
  search: () => searchFolders(["lua5.4"]),
};

const NODE_COMPILE_CACHE = join(import.meta.dirname, "../node_modules/.cache/compiled");
const OF_THE_PARTS = ["src/**/*.test.ts", "test/!(console|crash|e2e)/**/*.test.ts"];
/** For one test: what hangs fails, and names itself. */
const TEST_TIMEOUT_MS = 120_000;
const NEEDS_A_BROWSER = ["test/console/", "test/e2e/"];
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const EXIT_CODE_OF_A_SIGNAL = 130;
/** A single file of the suite asks for no more than it runs. */
const NEEDED_BY = [
  ["e2e/completion", SHELLS],
  ["e2e/examples", [LUA]],
  ["e2e/postfix", [POSTFIX]],
] as const;

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});

async function main(args: readonly string[]): Promise<number> {
  const say = (line: string): void => console.error(line);
  const given = process.env["WAYPOST_TEST_DATABASE_URL"] ?? "";
  const ownPebble = process.env["WAYPOST_TEST_PEBBLE"] ?? "";
  process.env["WAYPOST_TEST_PEBBLE"] =
    ownPebble === "" ? join(findOrInstall(PEBBLE, say), "pebble") : ownPebble;
  findOrInstall(OPENSSL, say);
  const files = args.filter((arg) => !arg.startsWith("-"));
  if (files.some((file) => NEEDS_A_BROWSER.some((folder) => file.includes(folder)))) {
    findOrInstall(CHROMIUM, say);
    findOrInstall(CERTUTIL, say);
  }
  for (const [suite, programs] of NEEDED_BY) {
    const isRun = files.some((file) => file.includes(suite) || file.includes("test/e2e/*"));
    if (isRun) for (const program of programs) findOrInstall(program, say);
  }
  // Here and not in the tests, which run beside each other.
  if (!isConsoleCurrent()) await buildConsole();
  if (given !== "") return runTests(args, given);
  // Until the tests run, a signal waits: the cluster that is being made must be taken down again.
  const interrupted = firstSignal();
  const postgres = await startThrowawayPostgres(findOrInstall(POSTGRES, say));
  try {
    return await runTests(args, postgres.url, interrupted);
  } finally {
    await postgres.stop();
  }
}

async function runTests(
  args: readonly string[],
  databaseUrl: string,
  interrupted = firstSignal(),
): Promise<number> {
  const hasFiles = args.some((arg) => !arg.startsWith("-"));
  const tests = spawn(
    process.execPath,
    [
      "--test",
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      `--test-concurrency=${Math.max(availableParallelism(), 2)}`,
      ...args,
      ...(hasFiles ? [] : OF_THE_PARTS),
    ],
    {
      stdio: "inherit",
      // Many tests start Waypost as it is started: without the cache each start compiles all of it again.
      env: { NODE_COMPILE_CACHE, ...process.env, WAYPOST_TEST_DATABASE_URL: databaseUrl },
    },
  );
  interrupted.then((signal) => tests.kill(signal));
  const [code] = (await once(tests, "exit")) as [number | null];
  return code ?? EXIT_CODE_OF_A_SIGNAL;
}

/** From now on these signals no longer end this process by themselves. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of SIGNALS) process.on(signal, resolve);
  });
}
