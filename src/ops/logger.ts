/** Structured logs: JSON lines for machines, readable lines on a terminal. Messages are constant sentences, variables are fields. */
import { styleText } from "node:util";

import { type DestinationStream, pino } from "pino";

export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  /** A logger whose lines also carry these fields. */
  child(fields: object): Logger;
}

export interface LoggerOptions {
  readonly level: string;
  readonly terminal: boolean;
  /** Which process speaks: `control`, `edge`, `supervisor`. */
  readonly part: string;
}

export function createLogger({ level, terminal, part }: LoggerOptions): Logger {
  const destination: DestinationStream = terminal
    ? { write: (line) => void process.stdout.write(`${readable(line)}\n`) }
    : pino.destination({ fd: 1, sync: true });
  return pino({ level, base: { part }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  20: "debug",
  30: "info",
  40: "WARN",
  50: "ERROR",
  60: "FATAL",
};
const WARNING_LEVEL = 40;

function readable(line: string): string {
  const { level, time, part, msg, ...fields } = JSON.parse(line) as {
    level: number;
    time: string;
    part: string;
    msg: string;
    [field: string]: unknown;
  };
  const name = (LEVEL_NAMES[level] ?? "trace").padEnd(5);
  const details = Object.entries(fields).map(([field, value]) => `${field}=${detail(value)}`);
  return [
    styleText("gray", time.slice(11, 19)),
    level >= WARNING_LEVEL ? styleText("yellow", name) : styleText("gray", name),
    styleText("gray", part.padEnd(10)),
    msg,
    styleText("gray", details.join(" ")),
  ].join(" ");
}

function detail(value: unknown): string {
  if (typeof value === "string") return value;
  const text =
    typeof value === "object" && value !== null && "stack" in value ? value.stack : JSON.stringify(value);
  return String(text);
}
