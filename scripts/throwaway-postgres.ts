/**
 * A PostgreSQL cluster for one test run: its own folder, its own port, nothing synced to disk, gone afterwards.
 * It sorts text by a language's rules where it can (ICU), as production databases do: code that relies on
 * byte order without asking for it fails here.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Client } from "pg";

import { freePort } from "../test/free-port.ts";
import { type NeededProgram, searchFolders } from "./debian-package.ts";

const DEBIAN_BINARIES = "/usr/lib/postgresql";
/** Linux's file system in memory; in a container it may be small. */
const MEMORY = "/dev/shm";
const MEMORY_NEEDED_BYTES = 4 * 1024 ** 3;
const START_DEADLINE_MS = 60_000;
const POLL_MS = 50;
const SUPERUSER = "waypost";

export interface ThrowawayPostgres {
  /** Its superuser's address. */
  readonly url: string;
  /** Ends the server and removes its files. May be called twice. */
  stop(): Promise<void>;
}

/** The folder with `initdb` and `postgres`. */
export const POSTGRES: NeededProgram = {
  what: "PostgreSQL 14 or newer",
  debianPackage: "postgresql",
  insteadSet: "WAYPOST_TEST_DATABASE_URL",
  search: () => searchFolders(["initdb", "postgres"], debianFolders()),
};

/**
 * Creates and starts a cluster, in memory where there is room unless it is told where. Throws with the server's own words when it does
 * not start.
 */
export async function startThrowawayPostgres(
  binaries: string,
  parent: string = roomInMemory() ?? tmpdir(),
): Promise<ThrowawayPostgres> {
  const user = unprivilegedUser();
  const folder = mkdtempSync(join(parent, "waypost-postgres-"));
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const port = await freePort();
  let server: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    if (server !== undefined && server.exitCode === null && server.signalCode === null) {
      // Immediate shutdown: whatever the tests left open, there is nothing in it to keep.
      server.kill("SIGQUIT");
      await once(server, "exit");
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    createCluster(binaries, folder, user);
    const settings = ["listen_addresses=127.0.0.1", `unix_socket_directories=${folder}`, "fsync=off"];
    const fast = ["synchronous_commit=off", "full_page_writes=off", "max_connections=200"];
    server = spawn(
      join(binaries, "postgres"),
      ["-D", join(folder, "data"), "-p", String(port), ...[...settings, ...fast].flatMap((s) => ["-c", s])],
      { cwd: folder, stdio: ["ignore", "ignore", "pipe"], ...user },
    );
    const url = `postgres://${SUPERUSER}@127.0.0.1:${port}/postgres`;
    await untilReady(server, url);
    return { url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Each test makes a database of its own, three hundred files: making and removing them takes a disk longer than the tests take. */
function roomInMemory(): string | undefined {
  if (!existsSync(MEMORY)) return undefined;
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize > MEMORY_NEEDED_BYTES ? MEMORY : undefined;
}

function debianFolders(): readonly string[] {
  const versions = existsSync(DEBIAN_BINARIES) ? readdirSync(DEBIAN_BINARIES) : [];
  return versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(DEBIAN_BINARIES, version, "bin"));
}

/** PostgreSQL refuses to run as root: there, the user that Debian made for it, else `nobody`. */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const user = users.find(([name]) => name === "postgres") ?? users.find(([name]) => name === "nobody");
  if (user === undefined)
    throw new Error("The tests run as root, and there is no user postgres or nobody to run PostgreSQL as.");
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

function createCluster(
  binaries: string,
  folder: string,
  user: { uid: number; gid: number } | undefined,
): void {
  const initdb = join(binaries, "initdb");
  const options = { cwd: folder, encoding: "utf8", ...user } as const;
  const hasIcu = spawnSync(initdb, ["--help"], options).stdout.includes("--icu-locale");
  const collation = hasIcu ? ["--locale-provider=icu", "--icu-locale=en"] : [];
  const args = [
    "-D",
    join(folder, "data"),
    "-U",
    SUPERUSER,
    "--auth=trust",
    "--no-sync",
    "--encoding=UTF8",
    "--locale=C",
  ];
  const { status, stderr } = spawnSync(initdb, [...args, ...collation], options);
  if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
}

async function untilReady(server: ChildProcess, url: string): Promise<void> {
  let said = "";
  server.stderr?.on("data", (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-4000);
  });
  const deadline = Date.now() + START_DEADLINE_MS;
  while (!(await answers(url))) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL for the tests did not start: ${said}`);
    if (Date.now() > deadline)
      throw new Error(`PostgreSQL for the tests took over ${START_DEADLINE_MS} ms: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 1000 });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    // Not listening yet, or still starting up: asked again until the deadline.
    return false;
  }
}
