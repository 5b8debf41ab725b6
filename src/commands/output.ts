/** What commands print: tables for people, JSON for programs. Text from outside never reaches a terminal as control codes. */
import { once } from "node:events";
import { styleText } from "node:util";

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => unknown;
  /** May be shortened in the middle when the terminal is narrow. */
  readonly flexible?: true;
}

const GAP = "  ";
const MIN_FLEXIBLE = 6;
/** Where output goes that is no terminal: a file or a program, for which nothing is shortened. */
const UNLIMITED = Number.POSITIVE_INFINITY;
const ELLIPSIS = "…";
const BAR_CHARS = 30;
const BAR_EVERY_MS = 200;

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** One line a row, fitted to the terminal. `empty` is said when there are none. */
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
    Math.max(title.length, ...cells.map((line) => (line[index] ?? "").length)),
  );
  const widths = fitted(natural, columns, width);
  const line = (texts: readonly string[]): string => {
    const padded = texts.map((text, index) => shorten(text, widths[index] ?? 0).padEnd(widths[index] ?? 0));
    return cut(padded.join(GAP).trimEnd(), width);
  };
  console.log(styleText("bold", line(columns.map(({ title }) => title))));
  for (const texts of cells) console.log(line(texts));
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

/** A reader that has seen enough (`| head`) ends the command without an error. */
export function endWhenNobodyReads(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
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

/** Says on stderr how far something long has come; on a terminal on one line, elsewhere now and then. */
export function createProgress(what: string, total: number): { step(): void; end(): void } {
  let done = 0;
  const isTerminal = process.stderr.isTTY;
  const every = isTerminal ? 1 : Math.max(1, Math.ceil(total / 10));
  return {
    step: () => {
      done += 1;
      if (done % every !== 0 && done !== total) return;
      const text = `${what}: ${done} of ${total}`;
      process.stderr.write(isTerminal ? `\r\u001b[K${text}` : `${text}\n`);
    },
    end: () => {
      if (isTerminal && done > 0) process.stderr.write("\n");
    },
  };
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
  const total = (): number => widths.reduce((sum, one) => sum + one, GAP.length * (widths.length - 1));
  while (total() > width) {
    const flexible = widths.flatMap((one, index) =>
      columns[index]?.flexible && one > MIN_FLEXIBLE ? [{ index, one }] : [],
    );
    const widest = flexible.sort((a, b) => b.one - a.one)[0];
    if (widest === undefined) break;
    widths[widest.index] = widest.one - 1;
  }
  return widths;
}

/** In the middle: host names and URLs are told apart by both ends. */
function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  const head = Math.ceil((width - 1) / 2);
  const tail = width - 1 - head;
  return `${text.slice(0, head)}${ELLIPSIS}${tail === 0 ? "" : text.slice(-tail)}`;
}

/** For terminals on which not even the shortest columns have room beside each other. */
function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, width - 1)}${ELLIPSIS}`;
}
