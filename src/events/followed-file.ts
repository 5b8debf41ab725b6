/**
 * A file that an operator may replace while the process runs. Looked at every few seconds instead of watched: a watch
 * ends when the file is renamed over, which is how files are replaced, and reports nothing on network file systems.
 */
import { readFile, stat } from "node:fs/promises";

import { fileIdentity } from "../edge/file-identity.ts";

export interface FollowedFileLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface FollowedFileOptions<Value> {
  readonly path: string;
  readonly maxBytes: number;
  /** Throws for a content that cannot be used. */
  readonly parse: (content: Buffer) => Value;
  /** In force as long as there has been no file that can be used. */
  readonly fallback: Value;
  readonly log: FollowedFileLog;
  readonly pollMs?: number;
}

export interface FollowedFile<Value> {
  /** What the last file that could be used says. */
  current(): Value;
  stop(): void;
}

const POLL_MS = 5000;

/** Resolves after the first look. A file that cannot be used is logged, once for each, and changes nothing. */
export async function followFile<Value>(options: FollowedFileOptions<Value>): Promise<FollowedFile<Value>> {
  const { path, log } = options;
  let current = options.fallback;
  let seen: string | undefined;
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;

  const look = async (): Promise<void> => {
    const identity = await fileIdentity(path);
    if (identity === seen) return;
    seen = identity;
    try {
      current = await readFileAs(path, options);
      log.info({ path }, "the file was read and is in use");
    } catch (error) {
      log.error({ path, err: error }, "the file cannot be used, what was in use before stays");
    }
  };
  const poll = async (): Promise<void> => {
    await look();
    if (!isStopped) timer = setTimeout(poll, options.pollMs ?? POLL_MS).unref();
  };

  await poll();
  return {
    current: () => current,
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

/** Reads and parses a file of a bounded size. Throws what is wrong with it. */
export async function readFileAs<Value>(
  path: string,
  { maxBytes, parse }: Pick<FollowedFileOptions<Value>, "maxBytes" | "parse">,
): Promise<Value> {
  const { size } = await stat(path);
  if (size > maxBytes) throw new Error(`the file has ${size} bytes, at most ${maxBytes} are read`);
  return parse(await readFile(path));
}
