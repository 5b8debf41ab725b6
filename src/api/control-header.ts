/** `X-MSYS-API: {"options": {…}}` in a message's own header says how the message is to be wrapped. */
import { AppError } from "../domain/errors.ts";
import { messageHeaderField } from "../wrap/mime-header.ts";
import { OPTION_NAMES, type WrapOptions } from "./wrap-options.ts";

/** To be taken out: it is the sender's word to us, not to the recipient. */
export const CONTROL_HEADER = "x-msys-api";

/** None without the field. Throws `invalid_parameters` for one that isn't JSON, or has options of a wrong type. */
export function optionsInHeader(message: Buffer): WrapOptions {
  const field = messageHeaderField(message, CONTROL_HEADER);
  if (field === undefined) return {};
  const options = parse(field);
  const given = OPTION_NAMES.map((name) => [name, options[name]] as const).filter(
    ([, value]) => value !== undefined,
  );
  const wrong = given.find(([, value]) => typeof value !== "boolean");
  if (wrong !== undefined) throw invalid(`'${wrong[0]}' must be of type 'boolean'`);
  return Object.fromEntries(given) as WrapOptions;
}

function parse(text: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw invalid("must be a JSON object", cause);
  }
  if (!isObject(parsed)) throw invalid("must be a JSON object");
  const { options = {} } = parsed;
  if (!isObject(options)) throw invalid("'options' must be of type 'json object'");
  return options;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(problem: string, cause?: unknown): AppError {
  return new AppError("invalid_parameters", `X-MSYS-API ${problem}`, { cause });
}
