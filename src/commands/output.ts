/** What commands print: tables for people, JSON for programs. Text from outside never reaches a terminal as control codes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fstatSync } from "node:fs";
import { styleText } from "node:util";

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => unknown;
  /** May be shortened in the middle when the terminal is narrow. */
  readonly flexible?: true;
}

const LOST_OUTPUT: ReadonlySet<string | undefined> = new Set(["EPIPE", "EIO", "ERR_STREAM_DESTROYED"]);
const GAP = "  ";
/** Shortened to less, a name says nothing: `ali…om`. */
const MIN_FLEXIBLE = 7;
/** Where output goes that is no terminal: a file or a program, for which nothing is shortened. */
const UNLIMITED = Number.POSITIVE_INFINITY;
const ELLIPSIS = "…";
const BAR_CHARS = 30;
const BAR_EVERY_MS = 200;

export function printJson(value: unknown): void {
  process.stdout.write(`${toJson(value, 2)}\n`);
}

/** In which the characters that {@link plain} replaces are escaped: programs read the same text, and terminals show what it is. */
export function toJson(value: unknown, indent?: number): string {
  // A server may answer nothing. What is below U+0020 is escaped without us.
  const text = JSON.stringify(value ?? null, undefined, indent);
  return text.replace(/[\u007f-\u009f\p{Cf}\u2028\u2029]/gu, inEscapes);
}

/** A pair of them for what is beyond U+FFFF, as JSON has it. */
function inEscapes(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

/**
 * One line a row, fitted to the terminal; where the columns have no room beside each other, each row as lines of its own. `empty` is said
 * when there are none.
 */
export function printTable<Row>(
  rows: readonly Row[],
  given: readonly Column<Row>[],
  empty: string,
  width = terminalWidth(),
): void {
  if (rows.length === 0) {
    console.log(empty);
    return;
  }
  const all = rows.map((row) => given.map(({ value }) => plain(value(row))));
  // What nobody has takes no room.
  const isUsed = given.map((_column, index) => all.some((line) => line[index] !== ""));
  const columns = given.filter((_column, index) => isUsed[index]);
  const cells = all.map((line) => line.filter((_cell, index) => isUsed[index]));
  const natural = columns.map(({ title }, index) =>
    // Not one call with every length: a function takes so many arguments only.
    cells.reduce((widest, line) => Math.max(widest, (line[index] ?? "").length), title.length),
  );
  const widths = fitted(natural, columns, width);
  if (lengthOf(widths) > width) {
    printRecords(columns, cells);
    return;
  }
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) => shorten(text, widths[index] ?? 0).padEnd(widths[index] ?? 0))
      .join(GAP)
      .trimEnd();
  console.log(styleText("bold", line(columns.map(({ title }) => title))));
  for (const texts of cells) console.log(line(texts));
}

/** Whole: a terminal goes on with the next line. */
function printRecords(
  columns: readonly { readonly title: string }[],
  rows: readonly (readonly string[])[],
): void {
  const titleWidth = Math.max(...columns.map(({ title }) => title.length));
  for (const [index, row] of rows.entries()) {
    if (index > 0) console.log();
    for (const [position, text] of row.entries())
      console.log(`${styleText("bold", (columns[position]?.title ?? "").padEnd(titleWidth))}${GAP}${text}`);
  }
}

/** A line of a table that nobody knows the end of: fitted to the terminal by itself. */
export function printRow<Row>(row: Row, columns: readonly Column<Row>[], width = terminalWidth()): void {
  const cells = columns.map(({ value }) => plain(value(row)));
  const widths = fitted(
    cells.map(({ length }) => length),
    columns,
    width,
  );
  console.log(
    cut(
      cells
        .map((text, index) => shorten(text, widths[index] ?? 0))
        .join(GAP)
        .trimEnd(),
      width,
    ),
  );
}

/** `name: value` lines, values aligned. */
export function printFacts(facts: readonly (readonly [name: string, value: unknown])[]): void {
  const known = facts.filter(([, value]) => value !== undefined && value !== "");
  const width = Math.max(0, ...known.map(([name]) => name.length));
  for (const [name, value] of known) console.log(`${name.padEnd(width)}  ${plain(value)}`);
}

/** Printable: control characters, which could move the cursor or hide text, are shown as what they are not. */
export function plain(value: unknown): string {
  if (value === undefined || value === null) return "-";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\ufffd");
}

/** The same for what has line breaks of its own. Text from outside that is a part of it goes through {@link plain} before. */
export function plainLines(text: string): string {
  return text.split("\n").map(plain).join("\n");
}

/** Says on stderr what failed. */
export function complain(text: string): void {
  console.error(plainLines(text));
}

/**
 * A reader that has seen enough (`| head`) ends the command without an error. One that was told how far something is does not:
 * what has begun goes on to its end. Nor does one whose terminal is closed (EIO): the signal that says so is what ends it, in its own way.
 */
export function endWhenNobodyReads(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EIO") return;
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (!LOST_OUTPUT.has(error.code)) throw error;
  });
}

/**
 * The same for a command that may have nothing to write for hours. That a pipe has lost its reader is seen by whoever writes to it or
 * polls it, and Node.js polls no pipe that it only writes to. GNU tail does: it ends by SIGPIPE within a second. Where there is
 * no such program, what is written next ends the command.
 */
export function endWithItsReader(): void {
  if (!fstatSync(process.stdout.fd).isFIFO()) return;
  const watch = spawn("tail", ["--follow", "/dev/null", `--pid=${process.pid}`], {
    stdio: ["ignore", "inherit", "ignore"],
    // Ours may hold a key.
    env: {},
  });
  watch.on("error", () => undefined);
  watch.on("exit", (_code, signal) => {
    if (signal === "SIGPIPE") process.exit();
  });
  watch.unref();
  process.once("exit", () => watch.kill());
}

/** To standard output; resolves once it has room for more. */
export async function write(chunk: Uint8Array | string): Promise<void> {
  if (!process.stdout.write(chunk)) await once(process.stdout, "drain");
}

/** How much of something long there is already, on one line of the terminal that stderr is. */
export function createBar(): {
  readonly isDue: boolean;
  show(share: number | undefined, text: string): void;
  end(): void;
} {
  let shownAtMs = Number.NEGATIVE_INFINITY;
  return {
    get isDue() {
      return performance.now() - shownAtMs >= BAR_EVERY_MS;
    },
    show: (share, text) => {
      shownAtMs = performance.now();
      process.stderr.write(`\r\u001b[K${share === undefined ? "" : barOf(share)}${text}`);
    },
    end: () => process.stderr.write("\n"),
  };
}

function barOf(share: number): string {
  const part = Math.min(1, Math.max(0, share));
  const percent = String(Math.floor(part * 100)).padStart(3);
  return `[${"#".repeat(Math.round(part * BAR_CHARS)).padEnd(BAR_CHARS)}] ${percent} %  `;
}

/** Says on stderr how far something long has come; on a terminal as a bar, elsewhere in a line now and then. */
export function createProgress(what: string, total: number): { step(): void; end(): void } {
  let done = 0;
  const bar = process.stderr.isTTY ? createBar() : undefined;
  const every = Math.max(1, Math.ceil(total / 10));
  return {
    step: () => {
      done += 1;
      if (bar === undefined && (done % every === 0 || done === total))
        process.stderr.write(`${what}: ${done} of ${total}\n`);
      if (bar?.isDue || done === total) bar?.show(done / total, `${done} of ${total}`);
    },
    end: () => {
      if (done > 0) bar?.end();
    },
  };
}

/** Says on a terminal how much of something large has been read; elsewhere nothing. */
export function createReadingBar(): { show(read: number, total: number): void; end(): void } {
  const bar = process.stderr.isTTY ? createBar() : undefined;
  let isShown = false;
  return {
    show: (read, total) => {
      if (bar === undefined || !(bar.isDue || read === total)) return;
      isShown = true;
      bar.show(read / total, `${megabytes(read)} of ${megabytes(total)} MB`);
    },
    end: () => {
      if (isShown) bar?.end();
    },
  };
}

export function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}

function terminalWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : UNLIMITED;
}

/** Takes from the flexible columns, the widest first, until the line fits or nothing more can go. */
function fitted(
  natural: readonly number[],
  columns: readonly { readonly flexible?: true }[],
  width: number,
): readonly number[] {
  const widths = [...natural];
  while (lengthOf(widths) > width) {
    const flexible = widths.flatMap((one, index) =>
      columns[index]?.flexible && one > MIN_FLEXIBLE ? [{ index, one }] : [],
    );
    const widest = flexible.sort((a, b) => b.one - a.one)[0];
    if (widest === undefined) break;
    widths[widest.index] = widest.one - 1;
  }
  return widths;
}

function lengthOf(widths: readonly number[]): number {
  return widths.reduce((sum, one) => sum + one, GAP.length * (widths.length - 1));
}

/** In the middle: host names and URLs are told apart by both ends. */
function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  const head = Math.ceil((width - 1) / 2);
  const tail = width - 1 - head;
  return `${text.slice(0, head)}${ELLIPSIS}${tail === 0 ? "" : text.slice(-tail)}`;
}

/** For a line whose columns have no room beside each other, however short they are made. */
function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, width - 1)}${ELLIPSIS}`;
}
