/** Adds rows to the file of one day. What is added counts once it is written down elsewhere that it does. */
import { addChecksum, type Checksums, ColumnFile } from "./column-file.ts";
import type { ColumnArray, Columns } from "./columns.ts";

/** The column whose values change after they were written: it has no checksum. */
const CHANGING = "kind";

export class DayWriter {
  rows: number;
  readonly checksums: Checksums;
  readonly #schema: Columns;
  readonly #file: ColumnFile;

  constructor(
    path: string,
    schema: Columns,
    before: { readonly rows: number; readonly checksums: Checksums },
  ) {
    this.rows = before.rows;
    this.checksums = { ...before.checksums };
    this.#schema = schema;
    this.#file = new ColumnFile(path, schema, "write");
  }

  /** All columns must have as many values. */
  append(values: Readonly<Record<string, ColumnArray>>): void {
    let rows = 0;
    for (const column of Object.keys(this.#schema)) {
      const added = values[column];
      if (added === undefined) throw new RangeError(`no values for the column ${column}`);
      this.#file.write(column, this.rows, added);
      if (column !== CHANGING) this.checksums[column] = addChecksum(this.checksums[column] ?? 0, added);
      rows = added.length;
    }
    this.rows += rows;
  }

  /** Sets the kind of the event at a position; does nothing when there is none. */
  changeKind(position: number, kind: number): void {
    const row = this.#findPosition(position);
    if (row !== undefined) this.#file.write(CHANGING, row, Uint8Array.of(kind));
  }

  /** Whether the file has what it should have. */
  isIntact(): boolean {
    return Object.entries(this.checksums).every(
      ([column, checksum]) => this.#file.checksum(column, this.rows) === checksum,
    );
  }

  sync(): void {
    this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }

  /** Positions ascend. */
  #findPosition(position: number): number | undefined {
    let low = 0;
    let high = this.rows;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#file.readOne("position", middle) < position) low = middle + 1;
      else high = middle;
    }
    return low < this.rows && this.#file.readOne("position", low) === position ? low : undefined;
  }
}
