/** A line of a configuration file, as the reader of such files takes it back. Pure. */
import { parseEnv } from "node:util";

import { AppError } from "../domain/errors.ts";

/** Without quotes these end a value, begin another kind of it, or are cut off. */
const NEEDS_QUOTES = /[\s#'"`\\$]/;
/** Of double quotes the reader takes `\n` for a line break. */
const QUOTES = ["'", "`", '"'] as const;

/** Throws `invalid_parameters` for a value that no quotes can hold. */
export function settingLine(name: string, value: string): string {
  if (!NEEDS_QUOTES.test(value)) return `${name}=${value}`;
  const lines = QUOTES.map((quote) => `${name}=${quote}${value}${quote}`);
  const line = lines.find((candidate) => isReadBack(candidate, name, value));
  if (line !== undefined) return line;
  throw new AppError(
    "invalid_parameters",
    `${name} cannot stand in a configuration file: its value has all kinds of quotes, or characters that are not kept. Set it in the environment.`,
  );
}

/** With what follows: quotes that are left open would take it along. */
function isReadBack(line: string, name: string, value: string): boolean {
  const read = parseEnv(`${line}\nAFTER=1\n`);
  return read[name] === value && read["AFTER"] === "1";
}
