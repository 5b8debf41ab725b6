/** A database as one file, by PostgreSQL's own programs: they know every version's ways. */
import { spawn } from "node:child_process";
import { once } from "node:events";

import { AppError } from "../../domain/errors.ts";

/** Writes the whole database, as of one moment, to a file in pg_dump's custom format. Throws `unavailable` with what the program says. */
export function dumpPostgres(url: string, file: string, env: NodeJS.ProcessEnv): Promise<void> {
  return run("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", `--file=${file}`], url, env);
}

/** All of a dump or nothing, into a database that has none of its tables. */
export function restorePostgres(url: string, file: string, env: NodeJS.ProcessEnv): Promise<void> {
  const options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"];
  return run("pg_restore", [...options, file], url, env);
}

async function run(
  program: string,
  args: readonly string[],
  url: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const { address, password } = withoutPassword(url);
  const child = spawn(program, [...args, `--dbname=${address}`], {
    stdio: ["ignore", "ignore", "pipe"],
    // Arguments stand in the process list, where everybody can read them.
    env: { ...env, ...(password === "" ? {} : { PGPASSWORD: password }) },
  });
  const said: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  const [code] = (await once(child, "close").catch((error: NodeJS.ErrnoException) => {
    throw new AppError(
      "unavailable",
      error.code === "ENOENT"
        ? `${program} is not here: install PostgreSQL's client programs (Debian: postgresql-client), of the server's version or newer`
        : `${program} could not be started: ${error.message}`,
    );
  })) as [number | null];
  if (code !== 0)
    throw new AppError("unavailable", `${program} failed: ${Buffer.concat(said).toString().trim()}`);
}

function withoutPassword(url: string): { readonly address: string; readonly password: string } {
  const parsed = new URL(url);
  const password = decodeURIComponent(parsed.password);
  parsed.password = "";
  return { address: parsed.href, password };
}
