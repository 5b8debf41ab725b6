/**
 * Certificates on disk, a file for each host name: ten thousand of them cost a worker nothing until somebody connects, and
 * a renewed one is one small file. The snapshot says which host has one, and by its tag which; the file has the rest.
 *
 * A file is a line with the tag and one of JSON. Keys in it are sealed with the master secret.
 */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

import { unseal } from "../token/sealed.ts";

/** What {@link unseal} opens keys for. */
export const CERTIFICATE_KEY_PURPOSE = "certificate key";

export interface PublishedCertificate {
  readonly domain: string;
  readonly tag: string;
  readonly chainPem: string;
  readonly sealedKey: string;
}

export interface ServedCertificate {
  readonly tag: string;
  readonly chainPem: string;
  readonly keyPem: string;
}

const FILE_NAME = /^[a-z0-9_.-]{1,253}$/;
const TAG_BYTES = 32;
const FILE = /^([0-9a-f]{32})\n(\{.*\})\n$/;

/** The file stands in its place whole or not at all. Creates the folder. */
export async function writeCertificate(folder: string, published: PublishedCertificate): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { tag, chainPem, sealedKey } = published;
  const path = filePath(folder, published.domain);
  // No host is called so, however the names of hosts end, and it is short: they may be as long as a file's name can be.
  const newPath = join(folder, `.new-${tag}`);
  const file = await open(newPath, "w", 0o600);
  try {
    await file.writeFile(`${tag}\n${JSON.stringify({ chainPem, sealedKey })}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(newPath, path);
}

/** Of the file that is there; `undefined` when there is none that can be read. */
export async function readPublication(
  folder: string,
  domain: string,
): Promise<{ readonly tag: string; readonly writtenAtMs: number } | undefined> {
  try {
    const file = await open(filePath(folder, domain));
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(TAG_BYTES), 0, TAG_BYTES, 0);
      const { mtimeMs } = await file.stat();
      return { tag: buffer.toString("latin1", 0, bytesRead), writtenAtMs: mtimeMs };
    } finally {
      await file.close();
    }
  } catch {
    // Not there, or not readable: it is written anew.
    return undefined;
  }
}

/** Rejects when the file is missing or damaged, or sealed with another secret; never with what stands in it. */
export async function readCertificate(
  folder: string,
  domain: string,
  masterSecret: string,
): Promise<ServedCertificate> {
  const text = await readFile(filePath(folder, domain), "utf8");
  const [, tag = "", json = ""] = FILE.exec(text) ?? [];
  const parsed = parse(json);
  const key = parsed && unseal(parsed.sealedKey, masterSecret, CERTIFICATE_KEY_PURPOSE);
  if (parsed === undefined || key === undefined) throw new Error("the certificate's file is damaged");
  return { tag, chainPem: parsed.chainPem, keyPem: key.toString() };
}

/** Host names are file names already; anything else has no certificate. */
function filePath(folder: string, domain: string): string {
  if (!FILE_NAME.test(domain) || domain.startsWith(".")) throw new Error("not a host name");
  return join(folder, domain);
}

function parse(json: string): { readonly chainPem: string; readonly sealedKey: string } | undefined {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== "object" || value === null) return undefined;
    const { chainPem, sealedKey } = value as { chainPem?: unknown; sealedKey?: unknown };
    return typeof chainPem === "string" && typeof sealedKey === "string"
      ? { chainPem, sealedKey }
      : undefined;
  } catch {
    // Torn, or somebody else's.
    return undefined;
  }
}
