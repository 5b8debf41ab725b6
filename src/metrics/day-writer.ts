/** Adds rows to the file of one day. What is added counts once it is written down elsewhere that it does. */
import { ColumnFile, DamagedIndex } from "./column-file.ts";
import type { ColumnArray, Columns } from "./columns.ts";

export class DayWriter {
  rows: number;
  readonly #schema: Columns;
  readonly #file: ColumnFile;

  /** `rows`: how many of the rows in the file count. Throws {@link DamagedIndex} when it has fewer. */
  constructor(path: string, schema: Columns, rows: number) {
    this.rows = rows;
    this.#schema = schema;
    this.#file = new ColumnFile(path, schema, "write");
    if (this.#file.hasRows(rows)) return;
    this.close();
    throw new DamagedIndex("a file of the metrics index is too short");
  }

  /** All columns must have as many values. */
  append(values: Readonly<Record<string, ColumnArray>>): void {
    let rows = 0;
    for (const column of Object.keys(this.#schema)) {
      const added = values[column];
      if (added === undefined) throw new RangeError(`no values for the column ${column}`);
      this.#file.write(column, this.rows, added);
      rows = added.length;
    }
    this.rows += rows;
  }

  /** Sets the kind of the event at a position; does nothing when there is none. */
  changeKind(position: number, kind: number): void {
    const row = this.#findPosition(position);
    if (row !== undefined) this.#file.write("kind", row, Uint8Array.of(kind));
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
