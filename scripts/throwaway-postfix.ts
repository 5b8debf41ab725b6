/**
 * A Postfix for one test: its own folder, a port on loopback, everything that leaves it goes to one other port there. It shares
 * nothing with a Postfix that runs on this machine: neither its configuration nor its queue nor its log.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort } from "../test/free-port.ts";
import { findOrInstall, type NeededProgram, searchFolders } from "./debian-package.ts";

const START_DEADLINE_MS = 60_000;
const GREETING_WITHIN_MS = 5_000;
const POLL_MS = 25;
/** Postfix's own programs, without a chroot, and its log in a file, since nobody listens to syslog. */
const SERVICES = `
pickup     unix       n - n 60 1 pickup
cleanup    unix       n - n -  0 cleanup
qmgr       unix       n - n 300 1 qmgr
rewrite    unix       - - n -  - trivial-rewrite
bounce     unix       - - n -  0 bounce
defer      unix       - - n -  0 bounce
trace      unix       - - n -  0 bounce
proxymap   unix       - - n -  - proxymap
smtp       unix       - - n -  - smtp
showq      unix       n - n -  - showq
error      unix       - - n -  - error
retry      unix       - - n -  - error
anvil      unix       - - n -  1 anvil
scache     unix       - - n -  1 scache
postlog    unix-dgram n - n -  1 postlogd
`;
/** The queue's folders that are Postfix's own, and those that `postdrop` reaches too. */
const FOLDERS = "active bounce corrupt defer deferred flush hold incoming private saved trace".split(" ");
const SHARED_FOLDERS = [
  ["maildrop", 0o1730],
  ["public", 0o2710],
] as const;
/** One that nobody stopped ends by itself. */
const LIFETIME_SECONDS = 1800;

export interface PostfixOptions {
  /** Where all mail goes, an SMTP server on loopback. */
  readonly relayPort: number;
  /** More lines of main.cf and master.cf, made for the port that its submission service is to have. */
  configuration(port: number): { readonly main: string; readonly master: string };
}

export interface ThrowawayPostfix {
  /** Where it takes mail. */
  readonly port: number;
  /** What it has written so far. */
  log(): string;
  /** Ends it and removes its files. May be called twice. */
  stop(): Promise<void>;
}

/** The folder with `postconf`, `postdrop` and `sendmail`. */
export const POSTFIX: NeededProgram = {
  what: "Postfix",
  debianPackage: "postfix",
  // As it is asked for, it would be set up to take mail from everywhere, and started.
  debconf: "postfix postfix/main_mailer_type select No configuration",
  search: () => searchFolders(["postconf", "postdrop", "sendmail"], ["/usr/sbin"]),
};

/**
 * Starts it. Throws when it can't: not without root, as whom Postfix starts before it becomes its own user, and with its own words
 * when it does not come up.
 */
export async function startThrowawayPostfix(options: PostfixOptions): Promise<ThrowawayPostfix> {
  const programs = findOrInstall(POSTFIX, () => undefined);
  if (process.getuid?.() !== 0) throw new Error("Postfix starts for root alone: run this test as root.");
  const folder = mkdtempSync(join(tmpdir(), "waypost-postfix-"));
  const port = await freePort();
  const logFile = join(folder, "log");
  const log = (): string => (existsSync(logFile) ? readFileSync(logFile, "utf8") : "");
  makeFolders(folder);
  const { main, master } = options.configuration(port);
  writeFileSync(join(folder, "config/main.cf"), `${settings(folder, options.relayPort)}${main}\n`);
  writeFileSync(join(folder, "config/master.cf"), `${SERVICES}${master}\n`);
  const daemons = setting(join(programs, "postconf"), "daemon_directory");
  const args = ["-s", "-e", String(LIFETIME_SECONDS), "-c", join(folder, "config")];
  const server = spawn(join(daemons, "master"), args, { stdio: ["ignore", "ignore", "pipe"] });
  const stop = async (): Promise<void> => {
    await stopMaster(server);
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  };
  try {
    await untilReady(server, port, log);
    return { port, log, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * `setgid_group` is another than usual: pipe(8) refuses to run a filter in the group that it names, and only in `postdrop` can
 * `sendmail` hand mail in to a configuration that /etc/postfix/main.cf does not know of.
 */
function settings(folder: string, relayPort: number): string {
  return `compatibility_level = 2
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file = ${folder}/log
maillog_file_prefixes = ${folder}
myhostname = postfix.test
setgid_group = daemon
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
relayhost = [127.0.0.1]:${relayPort}
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
alias_maps =
alias_database =
`;
}

/** As `postfix check` makes them. Others may pass through the folder, since the filter runs as another user. */
function makeFolders(folder: string): void {
  const postfix = idOf("/etc/passwd", "postfix");
  const postdrop = idOf("/etc/group", "postdrop");
  chmodSync(folder, 0o755);
  for (const name of ["config", "queue", "queue/pid"]) mkdirSync(join(folder, name), { mode: 0o755 });
  for (const name of ["data", ...FOLDERS.map((queue) => `queue/${queue}`)]) {
    mkdirSync(join(folder, name), { mode: 0o700 });
    chownSync(join(folder, name), postfix, 0);
  }
  for (const [name, mode] of SHARED_FOLDERS) {
    const path = join(folder, "queue", name);
    mkdirSync(path);
    chownSync(path, postfix, postdrop);
    chmodSync(path, mode);
  }
}

/** The number that an account's name stands for. */
export function idOf(file: string, name: string): number {
  const lines = readFileSync(file, "utf8").split("\n");
  const id = lines.map((line) => line.split(":")).find(([first]) => first === name)?.[2];
  if (id === undefined) throw new Error(`Postfix is there, but ${file} has no ${name}.`);
  return Number(id);
}

/** A default that this Postfix was built with. */
function setting(postconf: string, name: string): string {
  return spawnSync(postconf, ["-dh", name], { encoding: "utf8" }).stdout.trim();
}

async function stopMaster(server: ChildProcess): Promise<void> {
  if (server.pid === undefined) return;
  if (server.exitCode === null && server.signalCode === null) {
    server.kill("SIGTERM");
    await once(server, "exit");
  }
  try {
    // Its children are of its process group, and may take their time.
    process.kill(-server.pid, "SIGKILL");
  } catch {
    // They are gone.
  }
}

async function untilReady(server: ChildProcess, port: number, log: () => string): Promise<void> {
  let said = "";
  server.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const deadline = performance.now() + START_DEADLINE_MS;
  while (!(await answers(port))) {
    if (server.exitCode !== null) throw new Error(`Postfix for the tests did not start: ${said}${log()}`);
    if (performance.now() > deadline)
      throw new Error(`Postfix for the tests takes too long: ${said}${log()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Whether there is a greeting. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    const [greeting] = await once(socket, "data", { signal: AbortSignal.timeout(GREETING_WITHIN_MS) });
    return String(greeting).startsWith("220");
  } catch {
    // Not listening yet: asked again until the deadline.
    return false;
  } finally {
    socket.destroy();
  }
}
