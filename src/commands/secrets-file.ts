/** `--secrets FILE`: what a webhook's target asks for, in the API's own fields. On a command line everybody on the machine could read it. */
import { createReadStream } from "node:fs";

import { AppError } from "../domain/errors.ts";
import { plain } from "./output.ts";

const FIELDS: ReadonlySet<string> = new Set([
  "auth_type",
  "auth_credentials",
  "auth_request_details",
  "auth_token",
  "custom_headers",
]);
const MAX_BYTES = 65_536;

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
  if (file.trimStart().startsWith("{")) throw invalid("needs a file's name, not what belongs into the file");
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of file === "-" ? process.stdin : createReadStream(file)) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_BYTES) break;
    }
  } catch (error) {
    throw invalid(plain(error instanceof Error ? error.message : String(error)));
  }
  if (bytes > MAX_BYTES) throw invalid(`more than ${MAX_BYTES} bytes`);
  // Leaves out a byte order mark.
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/** Says nothing of the text: JSON.parse would quote it. */
function parse(json: string): Readonly<Record<string, unknown>> {
  const example = '{"auth_type":"basic","auth_credentials":{"username":"…","password":"…"}}';
  const isNot = invalid(`not a JSON object such as ${example}`);
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
