/** Asks before something is gone. */
import { createInterface } from "node:readline/promises";

import { AppError } from "../domain/errors.ts";
import { plain } from "./output.ts";

/** `name` must be typed. Throws when it is not, and where there is no terminal to ask on. */
export async function confirmByName(name: string, consequence: string): Promise<void> {
  if (!process.stdin.isTTY) throw new AppError("invalid_parameters", "Use --yes where nobody can be asked");
  console.error(`Deleting ${plain(name)}: ${consequence}`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question("Type its name to delete it: ");
  terminal.close();
  if (answer.trim().toLowerCase() !== name.toLowerCase()) {
    throw new AppError("invalid_parameters", "That is not its name: nothing was deleted.");
  }
}
