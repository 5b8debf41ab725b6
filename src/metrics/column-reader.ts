/** Reads columns of one day after the other into the same memory: as much as the largest day takes. */
import { join } from "node:path";

import { ColumnFile } from "./column-file.ts";
import {
  COLUMN_ARRAYS,
  type ColumnArray,
  type Columns,
  type ColumnType,
  type DayOfEvents,
  type DayOfSent,
  EVENT_COLUMNS,
  SENT_COLUMNS,
} from "./columns.ts";
import { dayFileName, type IndexedDay } from "./index-database.ts";

export class ColumnReader {
  readonly #folder: string;
  readonly #buffers = new Map<string, ArrayBuffer>();
  #open: { readonly name: string; readonly file: ColumnFile } | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  dayOfEvents(day: IndexedDay): DayOfEvents {
    const read = <Type extends ColumnType>(column: keyof typeof EVENT_COLUMNS, type: Type) =>
      this.#read(day, { schema: EVENT_COLUMNS, column, type });
    return {
      day: day.day,
      rows: day.rows,
      messageRange: day.messages,
      linkRange: day.links,
      minutes: () => read("minute", "u16"),
      dimension: (dimension) => read(dimension, "u32"),
      kinds: () => read("kind", "u8"),
      messages: () => read("message", "u32"),
      links: () => read("link", "u32"),
    };
  }

  dayOfSent(day: IndexedDay): DayOfSent {
    const read = <Type extends ColumnType>(column: keyof typeof SENT_COLUMNS, type: Type) =>
      this.#read(day, { schema: SENT_COLUMNS, column, type });
    return {
      day: day.day,
      rows: day.rows,
      minutes: () => read("minute", "u16"),
      dimension: (dimension) => {
        if (dimension === "linkName") throw new RangeError("a message has no link's name");
        return read(dimension, "u32");
      },
      counts: () => read("count", "u32"),
      tracking: () => read("tracking", "u8"),
    };
  }

  close(): void {
    this.#open?.file.close();
    this.#open = undefined;
  }

  #read<Type extends ColumnType>(
    day: IndexedDay,
    { schema, column, type }: { readonly schema: Columns; readonly column: string; readonly type: Type },
  ): InstanceType<(typeof COLUMN_ARRAYS)[Type]> {
    const array = COLUMN_ARRAYS[type];
    const bytes = day.rows * array.BYTES_PER_ELEMENT;
    let buffer = this.#buffers.get(column);
    if (buffer === undefined || buffer.byteLength < bytes) {
      buffer = new ArrayBuffer(bytes);
      this.#buffers.set(column, buffer);
    }
    const values: ColumnArray = new array(buffer, 0, day.rows);
    this.#file(dayFileName(day), schema).read(column, day.rows, values);
    // Made by the constructor of this type.
    return values as InstanceType<(typeof COLUMN_ARRAYS)[Type]>;
  }

  /** One is open at a time: there may be more days than a process may have files. */
  #file(name: string, schema: Columns): ColumnFile {
    if (this.#open?.name === name) return this.#open.file;
    this.close();
    const file = new ColumnFile(join(this.#folder, name), schema, "read");
    this.#open = { name, file };
    return file;
  }
}
