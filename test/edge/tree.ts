/** Starts the process tree of `tree-program.ts` and follows what it says. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { freePort } from "../free-port.ts";
import type { Installation } from "./installation.ts";
import { TREE_PROGRAM, type TreeSettings, treeArguments } from "./tree-program.ts";

export interface TreeLine {
  readonly level: string;
  readonly message: string;
  readonly role?: "control" | "edge";
  readonly childPid?: number;
  readonly err?: { readonly code?: string };
}

export interface Tree extends AsyncDisposable {
  readonly port: number;
  readonly process: ChildProcess;
  readonly lines: readonly TreeLine[];
  readonly exited: Promise<number | null>;
  /** Children that have started and, as far as the supervisor knows, still run. */
  children(role: "control" | "edge"): readonly number[];
  /** Resolves at the nth line with this message, from the start. */
  said(message: string, times?: number, role?: "control" | "edge"): Promise<TreeLine>;
}

export interface TreeOptions
  extends Partial<Pick<TreeSettings, "edgeCount" | "timing" | "controlArgumentBytes">> {
  readonly port?: number;
  /** Don't wait until everything serves. */
  readonly isExpectedToFail?: boolean;
}

export async function startTree(installation: Installation, options: TreeOptions = {}): Promise<Tree> {
  const port = options.port ?? (await freePort());
  const { log: _, ...edge } = installation.edgeOptions;
  const { controlArgumentBytes } = options;
  const settings: TreeSettings = {
    dataDir: installation.dataDir,
    edge: { ...edge, listen: { host: "127.0.0.1", port } },
    edgeCount: options.edgeCount ?? 2,
    timing: { firstBackoffMs: 20, ...options.timing },
    ...(controlArgumentBytes === undefined ? {} : { controlArgumentBytes }),
  };
  const child = spawn(process.execPath, [TREE_PROGRAM, ...treeArguments("supervisor", settings)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const tree = follow(child, port);
  if (options.isExpectedToFail !== true) await tree.said("child ready", settings.edgeCount, "edge");
  return tree;
}

function follow(child: ChildProcess, port: number): Tree {
  const lines: TreeLine[] = [];
  const waiting = new Set<() => void>();
  if (child.stdout === null) throw new Error("the supervisor's output is not followed");
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(JSON.parse(line) as TreeLine);
    for (const check of waiting) check();
  });
  const exited = once(child, "exit").then(([code]) => code as number | null);

  const children = (role: "control" | "edge"): readonly number[] => {
    const alive = new Set<number>();
    for (const line of lines) {
      if (line.role !== role || line.childPid === undefined) continue;
      if (line.message === "child started") alive.add(line.childPid);
      else if (line.message.startsWith("child ended")) alive.delete(line.childPid);
    }
    return [...alive];
  };
  const said = async (message: string, times = 1, role?: "control" | "edge"): Promise<TreeLine> => {
    const { promise, resolve } = Promise.withResolvers<TreeLine>();
    const check = (): void => {
      const hits = lines.filter(
        (line) => line.message === message && (role === undefined || line.role === role),
      );
      const hit = hits[times - 1];
      if (hit !== undefined) resolve(hit);
    };
    waiting.add(check);
    check();
    const line = await promise;
    waiting.delete(check);
    return line;
  };
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    await exited;
  };
  return { port, process: child, lines, exited, children, said, [Symbol.asyncDispose]: stop };
}
