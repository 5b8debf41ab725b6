/**
 * The rows of one day in a file, column by column in blocks of rows: a question reads the columns that it needs and no
 * byte more, and a row is added without moving another.
 *
 *   header, 16 bytes: magic, format, bytes per row (u32 each), zeros
 *   block:  16,384 values of the first column, 16,384 of the second, …
 *
 * How many of the rows count is said elsewhere (`index-database.ts`), after they are on the disk: what a crash left
 * behind them is written over. A file of few rows is mostly hole, which takes no room. Numbers are in the order of the
 * machine's bytes: an index never leaves its machine.
 */
import { closeSync, constants, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from "node:fs";

import { COLUMN_ARRAYS, type ColumnArray, type Columns, type ColumnType } from "./columns.ts";

const HEADER_BYTES = 16;
const MAGIC = 0x6c_6f_63_77;
const FORMAT = 1;
const BLOCK_ROWS = 2 ** 14;

/** The file is not what was written: too short, or of another kind. */
export class DamagedIndex extends Error {
  override readonly name = "DamagedIndex";
}

interface Place {
  readonly type: ColumnType;
  /** Of one value. */
  readonly bytes: number;
  /** Of the column in a block. */
  readonly offset: number;
}

export class ColumnFile {
  readonly #file: number;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #blockBytes: number;

  /** Throws {@link DamagedIndex} for a file of another kind, `ENOENT` when it is only to be read and not there. */
  constructor(path: string, schema: Columns, mode: "read" | "write") {
    const places = new Map<string, Place>();
    let rowBytes = 0;
    for (const [name, type] of Object.entries(schema)) {
      const bytes = COLUMN_ARRAYS[type].BYTES_PER_ELEMENT;
      places.set(name, { type, bytes, offset: rowBytes * BLOCK_ROWS });
      rowBytes += bytes;
    }
    this.#places = places;
    this.#blockBytes = rowBytes * BLOCK_ROWS;
    const flags = mode === "read" ? constants.O_RDONLY : constants.O_RDWR | constants.O_CREAT;
    this.#file = openSync(path, flags, 0o600);
    try {
      this.#checkHeader(rowBytes, mode);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Returns once what was written is on the disk. */
  sync(): void {
    fdatasyncSync(this.#file);
  }

  /** Writes values of a column from a row on. */
  write(column: string, firstRow: number, values: ColumnArray): void {
    const { bytes } = this.#place(column);
    for (const { row, count, at } of this.#pieces(column, firstRow, values.length)) {
      const start = values.byteOffset + (row - firstRow) * bytes;
      writeSync(this.#file, new Uint8Array(values.buffer, start, count * bytes), 0, count * bytes, at);
    }
  }

  /** Reads a column from its start. `into` must have room for that many values. */
  read(column: string, rows: number, into: ColumnArray): void {
    const { bytes } = this.#place(column);
    const target = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    for (const { row, count, at } of this.#pieces(column, 0, rows)) {
      const read = readSync(this.#file, target, row * bytes, count * bytes, at);
      if (read < count * bytes) throw new DamagedIndex("a file of the metrics index is too short");
    }
  }

  readOne(column: string, row: number): number {
    const { type } = this.#place(column);
    const value = new COLUMN_ARRAYS[type](1);
    for (const { at } of this.#pieces(column, row, 1)) readSync(this.#file, value, 0, value.byteLength, at);
    return value[0] ?? 0;
  }

  /** Whether the file reaches to the end of so many rows. */
  hasRows(rows: number): boolean {
    const [column] = [...this.#places].at(-1) ?? [""];
    const { bytes } = this.#place(column);
    const [last] = this.#pieces(column, Math.max(rows - 1, 0), Math.min(rows, 1));
    return last === undefined || fstatSync(this.#file).size >= last.at + bytes;
  }

  /** A column's values as they lie in blocks. */
  *#pieces(column: string, firstRow: number, count: number) {
    const { bytes, offset } = this.#place(column);
    const end = firstRow + count;
    for (let row = firstRow; row < end; ) {
      const block = Math.floor(row / BLOCK_ROWS);
      const inBlock = row - block * BLOCK_ROWS;
      const piece = Math.min(end - row, BLOCK_ROWS - inBlock);
      yield { row, count: piece, at: HEADER_BYTES + block * this.#blockBytes + offset + inBlock * bytes };
      row += piece;
    }
  }

  #place(column: string): Place {
    const place = this.#places.get(column);
    if (place === undefined) throw new RangeError(`there is no column ${column}`);
    return place;
  }

  #checkHeader(rowBytes: number, mode: "read" | "write"): void {
    const expected = new Uint32Array([MAGIC, FORMAT, rowBytes, 0]);
    if (mode === "write" && fstatSync(this.#file).size === 0) writeSync(this.#file, expected);
    const found = new Uint32Array(expected.length);
    readSync(this.#file, found, 0, HEADER_BYTES, 0);
    if (found.some((part, index) => part !== expected[index])) {
      throw new DamagedIndex("a file of the metrics index is not one");
    }
  }
}
