/** The values of options and arguments that have a closed set of them: shown by `--help`, and completed. */
import { Argument, Option } from "commander";

/** Whoever reads the value judges it: the command, or the server, which may know more. */
export function optionOf(flags: string, description: string, values: readonly string[]): Option {
  return new Option(flags, description).choices(values).argParser(asGiven);
}

export function argumentOf(flags: string, description: string, values: readonly string[]): Argument {
  return new Argument(flags, description).choices(values).argParser(asGiven);
}

function asGiven(text: string): string {
  return text;
}
