/** Commands as people and programs run them: through pipes, and on a terminal. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";

import { CLI, createInstallation, type Installation } from "./waypost-process.ts";
import { KEY } from "./wrapped-link.ts";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line with something on its standard input. */
export async function runWith(
  input: string | Buffer,
  { environment }: Installation,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const child = spawn(process.execPath, [CLI, ...args], { env: { ...environment, ...more } });
  child.stdin.end(input);
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => stream.setEncoding("utf8").toArray());
  const [code] = await once(child, "close");
  return { code, stdout: (await stdout)?.join("") ?? "", stderr: (await stderr)?.join("") ?? "" };
}

/** As a shell would, in a terminal of so many columns. */
export async function inTerminal(
  columns: number,
  { environment }: Installation,
  command: string,
): Promise<Ran> {
  const waypost = `${process.execPath} ${CLI}`;
  const script = `stty cols ${columns}; ${command.replaceAll("waypost", waypost)}`;
  const child = spawn("script", ["--quiet", "--return", "--command", script, "/dev/null"], {
    env: { ...environment, TERM: "xterm" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => stream.setEncoding("utf8").toArray());
  const [code] = await once(child, "close");
  return { code, stdout: (await stdout)?.join("") ?? "", stderr: (await stderr)?.join("") ?? "" };
}

export async function startInstallation(t: TestContext): Promise<Installation> {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  await installation.serve();
  return installation;
}
