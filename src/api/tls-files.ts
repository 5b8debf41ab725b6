/** The API's own certificate: two files, looked at again and again, so that whoever renews them need not restart anything. */
import { readFile } from "node:fs/promises";
import type { Server } from "node:https";
import { createSecureContext } from "node:tls";

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

export interface TlsLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const LOOK_EVERY_MS = 5000;

/** Throws when a file cannot be read, or when the two are not a pair. */
export async function readTlsPair({ certFile, keyFile }: TlsFiles): Promise<TlsPair> {
  const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
  createSecureContext({ cert, key });
  return { cert, key };
}

/**
 * Gives the server whatever pair the files hold next. New connections have it, open ones keep theirs. Files that do not
 * fit, as between the writing of one and the other, change nothing. By content: a renewal may swap a link or a whole folder.
 */
export function followTlsFiles(
  server: Pick<Server, "setSecureContext">,
  files: TlsFiles,
  { current, log, intervalMs = LOOK_EVERY_MS }: { current: TlsPair; log: TlsLog; intervalMs?: number },
): { stop(): Promise<void> } {
  let shown = current;
  let isBroken = false;
  let timer: NodeJS.Timeout;
  let looking = Promise.resolve();
  const look = async (): Promise<void> => {
    try {
      const found = await readTlsPair(files);
      isBroken = false;
      if (found.cert === shown.cert && found.key === shown.key) return;
      server.setSecureContext(found);
      shown = found;
      log.info({}, "the API's certificate was renewed");
    } catch (error) {
      // Said once. The code alone: a message could quote what stands in the file.
      const reason = (error as NodeJS.ErrnoException).code ?? "unreadable";
      if (!isBroken)
        log.error({ reason }, "the API's certificate files cannot be used: the former one stays");
      isBroken = true;
    }
  };
  const schedule = (): void => {
    timer = setTimeout(() => {
      looking = look().then(schedule);
    }, intervalMs).unref();
  };
  schedule();
  return {
    stop: async () => {
      await looking;
      clearTimeout(timer);
    },
  };
}
