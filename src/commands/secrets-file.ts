/** `--secrets FILE`: what a webhook's target asks for, in the API's own fields. On a command line everybody on the machine could read it. */
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";

import { AppError } from "../domain/errors.ts";
import { plain } from "./output.ts";

const FIELDS: ReadonlySet<string> = new Set([
  "auth_type",
  "auth_credentials",
  "auth_request_details",
  "auth_token",
  "custom_headers",
]);
const MAX_CHARS = 65_536;

/** `-` is standard input. Nothing without a file. */
export async function readSecrets(file: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  if (file === undefined) return {};
  const found = parse(await readText(file));
  const wrong = Object.keys(found).find((name) => !FIELDS.has(name));
  if (wrong === undefined) return found;
  throw invalid(`there is no field ${plain(wrong)}, only ${[...FIELDS].join(", ")}`);
}

/** What may be shown of a request's body. */
export function withoutSecrets(body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !FIELDS.has(name)));
}

async function readText(file: string): Promise<string> {
  try {
    return file === "-" ? await text(process.stdin) : await readFile(file, "utf8");
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
}

/** Says nothing of the text: JSON.parse would quote it. */
function parse(json: string): Readonly<Record<string, unknown>> {
  const example = '{"auth_type":"basic","auth_credentials":{"username":"…","password":"…"}}';
  const isNot = invalid(`not a JSON object such as ${example}`);
  if (json.length > MAX_CHARS) throw isNot;
  let found: unknown;
  try {
    found = JSON.parse(json);
  } catch {
    throw isNot;
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw isNot;
  return { ...found };
}

function invalid(why: string): AppError {
  return new AppError("invalid_parameters", `--secrets: ${why}`);
}
