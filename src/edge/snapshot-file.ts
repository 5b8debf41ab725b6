/**
 * The snapshot on disk. Lines of text, so that 100,000 domains load in well under a second, in slices that
 * leave the event loop free, and an operator can read them:
 *
 *   waypost-snapshot 1
 *   {"version":42,"hosts":2,"keys":"<sealed key ring>"}
 *   click.acme.com⇥0,5⇥-
 *   track.example.org⇥7⇥blocked
 *   go.example.net⇥7⇥-⇥cert=0123…⇥{"assetlinks.json":"[…]"}
 *   crc32 1a2b3c4d
 *
 * The checksum is against accidents (a torn copy, a bad disk). Who may write the file may also stop the
 * edge; the keys inside are sealed with the master secret.
 */
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { crc32 } from "node:zlib";

import type { SubaccountId } from "../domain/subaccount.ts";
import type { WellKnownFiles } from "../domain/well-known.ts";
import { openSealedKeyRing } from "../token/key-ring.ts";
import { HostTable, tableBytes } from "./host-table.ts";
import type { EdgeSnapshot, HostEntry } from "./snapshot.ts";

/** What the control plane publishes: the snapshot with its key ring sealed. */
export interface PublishedSnapshot {
  readonly version: number;
  readonly hosts: ReadonlyMap<string, HostEntry>;
  readonly sealedKeys: string;
  readonly acmeThumbprint?: string | undefined;
}

/** Why a file gives no snapshot. `wrong_secret`: whole, but sealed with another master secret. */
export type SnapshotProblem = "missing" | "damaged" | "wrong_secret" | "unreadable";

/**
 * What a snapshot was read into. Once nobody uses that snapshot any more, the next one is read into it: left to the
 * collector, which sees little of it, the memory of several old ones would pile up.
 */
export interface SnapshotMemory {
  readonly file: ArrayBuffer;
  readonly table: ArrayBuffer;
}

export type ReadSnapshot =
  | { readonly ok: true; readonly snapshot: EdgeSnapshot; readonly memory: SnapshotMemory }
  | { readonly ok: false; readonly problem: SnapshotProblem };

interface Header {
  readonly version: number;
  readonly hosts: number;
  readonly keys: string;
  readonly acme?: string;
}

const FORMAT_LINE = "waypost-snapshot 1\n";
const TRAILER = /^crc32 ([0-9a-f]{8})\n$/;
const TRAILER_LENGTH = "crc32 00000000\n".length;
const LINE_FEED = 0x0a;
const TAB = 0x09;
const HOST_LINE =
  /^([!-~]{1,255})\t([0-9]+(?:,[0-9]+)*)\t(-|blocked)(?:\tcert=([0-9a-f]+))?(?:\t(\{[ -~]*\}))?$/;
/** About 2 ms of work: what a reply may have to wait while a snapshot loads. */
const LINES_PER_SLICE = 4000;

/** Writes the whole file beside the old one, then puts it in its place: a reader sees one or the other, never a mixture. */
export async function writeSnapshot(path: string, published: PublishedSnapshot): Promise<void> {
  const text = await render(published);
  const fresh = `${path}.new`;
  try {
    await writeWhole(fresh, text);
    await rename(fresh, path);
  } catch (error) {
    // What a full disk took of it is room that others need.
    await rm(fresh, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function writeWhole(path: string, text: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/**
 * Never throws. The work is done in slices, so that an edge that serves can load its next snapshot. `spare` is memory
 * that is used again where it is large enough, whatever comes of it.
 */
export async function readSnapshot(
  path: string,
  masterSecret: string,
  spare?: SnapshotMemory,
): Promise<ReadSnapshot> {
  let content: Buffer<ArrayBuffer>;
  try {
    content = await readInto(path, spare?.file);
  } catch (error) {
    return failed(isMissing(error) ? "missing" : "unreadable");
  }
  const body = checkedBody(content);
  if (body === undefined) return failed("damaged");
  const headerEnd = body.indexOf("\n");
  const header = parseHeader(body.toString("latin1", 0, headerEnd));
  // A line has five bytes at least: a count that doesn't fit would ask for memory without end.
  if (header === undefined || !(header.hosts >= 0 && header.hosts * 5 <= body.length))
    return failed("damaged");
  const keys = openSealedKeyRing(header.keys, masterSecret);
  if (keys === undefined) return failed("wrong_secret");
  const table = atLeast(tableBytes(header.hosts), spare?.table);
  const hosts = new HostTable(body, header.hosts, table);
  if (!(await parseHosts(body, headerEnd + 1, header.hosts, hosts))) return failed("damaged");
  const { version, acme } = header;
  const snapshot = { version, hosts, keys, ...(acme === undefined ? {} : { acmeThumbprint: acme }) };
  return { ok: true, snapshot, memory: { file: content.buffer, table } };
}

/** The whole file. It may be replaced meanwhile, but never changes: what was opened stays as it is. */
async function readInto(path: string, spare: ArrayBuffer | undefined): Promise<Buffer<ArrayBuffer>> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const content = Buffer.from(atLeast(size, spare), 0, size);
    let length = 0;
    while (length < size) {
      const { bytesRead } = await file.read(content, length, size - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return content.subarray(0, length);
  } finally {
    await file.close();
  }
}

/** With some room to grow, where it is new: most snapshots are a little larger than the one before. */
function atLeast(bytes: number, spare: ArrayBuffer | undefined): ArrayBuffer {
  return spare !== undefined && spare.byteLength >= bytes ? spare : new ArrayBuffer(Math.ceil(bytes * 1.1));
}

async function render({ version, hosts, sealedKeys, acmeThumbprint }: PublishedSnapshot): Promise<string> {
  const header: Header = {
    version,
    hosts: hosts.size,
    keys: sealedKeys,
    ...(acmeThumbprint === undefined ? {} : { acme: acmeThumbprint }),
  };
  const lines = [FORMAT_LINE, JSON.stringify(header), "\n"];
  for (const [host, entry] of hosts) {
    const certificate = entry.certificate === undefined ? "" : `\tcert=${entry.certificate}`;
    const state = entry.blocked ? "blocked" : "-";
    const line = `${host}\t${entry.owners.join(",")}\t${state}${certificate}${renderFiles(entry)}`;
    if (!HOST_LINE.test(line)) throw new Error(`not a snapshot entry: ${JSON.stringify(host)}`);
    lines.push(line, "\n");
    if (lines.length % (2 * LINES_PER_SLICE) === 1) await nextTurn();
  }
  const text = lines.join("");
  return `${text}crc32 ${checksum(text)}\n`;
}

/** What stands between the first line and the checksum, when that is right. */
function checkedBody(content: Buffer): Buffer | undefined {
  const end = content.length - TRAILER_LENGTH;
  if (end < FORMAT_LINE.length) return undefined;
  const trailer = TRAILER.exec(content.toString("latin1", end));
  if (trailer?.[1] !== checksum(content.subarray(0, end))) return undefined;
  if (content.toString("latin1", 0, FORMAT_LINE.length) !== FORMAT_LINE) return undefined;
  return content.subarray(FORMAT_LINE.length, end);
}

function parseHeader(line: string): Header | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isHeader(value) ? value : undefined;
  } catch {
    // Not JSON: the caller reports the file as damaged.
    return undefined;
  }
}

/** False when the lines are not what the header says. */
async function parseHosts(body: Buffer, from: number, count: number, hosts: HostTable): Promise<boolean> {
  // Few distinct entries: 100,000 domains share theirs with the others of the same owners.
  const entryNumbers = new Map<string, number>();
  let start = from;
  for (let line = 1; start < body.length; line += 1) {
    const end = body.indexOf(LINE_FEED, start);
    const tab = body.indexOf(TAB, start);
    if (end === -1 || tab === -1 || tab > end || line > count) return false;
    const text = body.toString("latin1", tab, end);
    let number = entryNumbers.get(text);
    if (number === undefined) {
      const entry = parseEntry(text);
      if (entry === undefined) return false;
      number = hosts.addEntry(entry);
      entryNumbers.set(text, number);
    }
    hosts.add(start, tab, number);
    start = end + 1;
    if (line % LINES_PER_SLICE === 0) await nextTurn();
  }
  return hosts.size === count;
}

function parseEntry(text: string): HostEntry | undefined {
  const [, , owners, state, certificate, files] = HOST_LINE.exec(`host${text}`) ?? [];
  if (owners === undefined) return undefined;
  return {
    owners: owners.split(",").map((owner): SubaccountId => Number(owner)),
    blocked: state === "blocked",
    ...(certificate === undefined ? {} : { certificate }),
    // Ours: the checksum has been right.
    ...(files === undefined ? {} : { files: JSON.parse(files) as WellKnownFiles }),
  };
}

/** ASCII only, so that the file can be read byte by byte. */
function renderFiles({ files }: HostEntry): string {
  if (files === undefined || Object.keys(files).length === 0) return "";
  const json = JSON.stringify(files).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `\t${json}`;
}

function isHeader(value: unknown): value is Header {
  return (
    typeof value === "object" &&
    value !== null &&
    "version" in value &&
    typeof value.version === "number" &&
    "hosts" in value &&
    typeof value.hosts === "number" &&
    "keys" in value &&
    typeof value.keys === "string" &&
    (!("acme" in value) || typeof value.acme === "string")
  );
}

function checksum(content: string | Buffer): string {
  return crc32(content).toString(16).padStart(8, "0");
}

// A rename is on disk only once its folder is (fsync(2), notes).
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function failed(problem: SnapshotProblem): ReadSnapshot {
  return { ok: false, problem };
}
