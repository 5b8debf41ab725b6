/**
 * What is kept of each event, and of the messages that were sent: a row of numbers in the file of its UTC day. Texts are
 * numbers of a dictionary (`dictionary.ts`), in which 0 is the empty text: nothing is known.
 */

/** What is known of a message, and so of its events. */
export const MESSAGE_DIMENSIONS = [
  "campaign",
  "recipientDomain",
  "subaccount",
  "sendingDomain",
  "trackingDomain",
  "template",
] as const;

/** What events are filtered and grouped by. */
export const DIMENSIONS = [...MESSAGE_DIMENSIONS, "linkName"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** The array that a column is read into. */
export const COLUMN_ARRAYS = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  f64: Float64Array,
} as const;
export type ColumnType = keyof typeof COLUMN_ARRAYS;
export type ColumnArray = InstanceType<(typeof COLUMN_ARRAYS)[ColumnType]>;

/** The columns of a file, and what their values are. */
export type Columns = Readonly<Record<string, ColumnType>>;

/** Values for some rows, by column. */
export type ColumnValues<Schema extends Columns> = {
  readonly [Name in keyof Schema]: InstanceType<(typeof COLUMN_ARRAYS)[Schema[Name]]>;
};

const DIMENSION_COLUMNS = {
  campaign: "u32",
  recipientDomain: "u32",
  subaccount: "u32",
  sendingDomain: "u32",
  trackingDomain: "u32",
  template: "u32",
} as const;

export const EVENT_COLUMNS = {
  /** In the event store: the rows of a day are in this order. */
  position: "f64",
  /** The message's number, from 1: events of one message have the same. */
  message: "u32",
  /** The number of the message's link, from 1; 0 for what is about no link. */
  link: "u32",
  ...DIMENSION_COLUMNS,
  linkName: "u32",
  /** Of the day. */
  minute: "u16",
  kind: "u8",
} as const satisfies Columns;

/** Alike messages of one minute are one row. */
export const SENT_COLUMNS = {
  ...DIMENSION_COLUMNS,
  count: "u32",
  minute: "u16",
  /** What is tracked in them: {@link TRACKS_OPENS}, {@link TRACKS_CLICKS}. */
  tracking: "u8",
} as const satisfies Columns;

/** Zeros. */
export function newColumnValues<Schema extends Columns>(schema: Schema, rows: number): ColumnValues<Schema> {
  const arrays = Object.entries(schema).map(([name, type]) => [name, new COLUMN_ARRAYS[type](rows)]);
  // An array for each column, of the column's type.
  return Object.fromEntries(arrays) as ColumnValues<Schema>;
}

export const TRACKS_OPENS = 1;
export const TRACKS_CLICKS = 2;

/** From the lowest to the highest of some numbers, both included. */
export interface NumberRange {
  readonly low: number;
  readonly high: number;
}

/** The rows of one UTC day. An array is a whole column, and valid until the same one of another day is asked for. */
export interface DayOfRows {
  /** Days since 1970-01-01. */
  readonly day: number;
  readonly rows: number;
  minutes(): Uint16Array;
  dimension(dimension: Dimension): Uint32Array;
}

export interface DayOfEvents extends DayOfRows {
  /** The numbers of their messages and links; `undefined` when they have none. */
  readonly messageRange: NumberRange | undefined;
  readonly linkRange: NumberRange | undefined;
  kinds(): Uint8Array;
  messages(): Uint32Array;
  links(): Uint32Array;
}

export interface DayOfSent extends DayOfRows {
  counts(): Uint32Array;
  tracking(): Uint8Array;
}
