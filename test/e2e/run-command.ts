/** Commands as people and programs run them: through pipes, and on a terminal. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { stripVTControlCharacters } from "node:util";

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

/** As {@link inTerminal}, and types each answer once its question has been asked, in this order. */
export async function answering(
  answers: readonly (readonly [question: RegExp, answer: string])[],
  { environment }: Installation,
  command: string,
): Promise<Ran> {
  const script = `stty cols 200; ${command.replaceAll("waypost", `${process.execPath} ${CLI}`)}`;
  const child = spawn("script", ["--quiet", "--return", "--command", script, "/dev/null"], {
    env: { ...environment, TERM: "xterm" },
  });
  let [shown, answered] = ["", 0];
  const left = [...answers];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    const [next] = left;
    if (next === undefined || !next[0].test(stripVTControlCharacters(shown.slice(answered)))) return;
    left.shift();
    answered = shown.length;
    child.stdin.write(`${next[1]}\r`);
  });
  const [code] = await once(child, "close");
  return { code, stdout: shown, stderr: "" };
}

export async function startInstallation(t: TestContext): Promise<Installation> {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  await installation.serve();
  return installation;
}
