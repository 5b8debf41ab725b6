/** `X-MSYS-API: {"options": {…}, "campaign_id": …}` in a message's own header says how the message is to be wrapped, and what it is. */
import { AppError } from "../domain/errors.ts";
import { PRIVACY_MODES, type PrivacyMode } from "../domain/privacy.ts";
import { messageHeaderField } from "../wrap/mime-header.ts";
import type { CallFacts } from "./wrap-facts.ts";
import { OPTION_NAMES, type WrapOptions } from "./wrap-options.ts";

/** To be taken out: it is the sender's word to us, not to the recipient. */
export const CONTROL_HEADER = "x-msys-api";

export interface ControlHeader {
  readonly options: WrapOptions;
  readonly privacy: PrivacyMode | undefined;
  readonly facts: Pick<CallFacts, "campaign_id" | "metadata" | "tags">;
}

/** Nothing without the field. Throws `invalid_parameters` for one that isn't JSON, or has fields of a wrong type. */
export function readControlHeader(message: Buffer): ControlHeader {
  const field = messageHeaderField(message, CONTROL_HEADER);
  if (field === undefined) return { options: {}, privacy: undefined, facts: {} };
  const parsed = parse(field);
  const options = parsed["options"] ?? {};
  if (!isObject(options)) throw wrongType("options", "json object");
  return { options: optionsOf(options), privacy: privacyOf(options), facts: factsOf(parsed) };
}

/** Not one of the options: it is the recipient's, and the strictest wish counts. */
function privacyOf({ privacy }: Readonly<Record<string, unknown>>): PrivacyMode | undefined {
  const mode = PRIVACY_MODES.find((candidate) => candidate === privacy);
  if (privacy !== undefined && mode === undefined)
    throw invalid(`'privacy' must be one of ${PRIVACY_MODES.join(", ")}`);
  return mode;
}

function optionsOf(options: Readonly<Record<string, unknown>>): WrapOptions {
  const given = OPTION_NAMES.map((name) => [name, options[name]] as const).filter(
    ([, value]) => value !== undefined,
  );
  const wrong = given.find(([, value]) => typeof value !== "boolean");
  if (wrong !== undefined) throw wrongType(wrong[0], "boolean");
  return Object.fromEntries(given) as WrapOptions;
}

function factsOf({ campaign_id, metadata, tags }: Readonly<Record<string, unknown>>): ControlHeader["facts"] {
  if (campaign_id !== undefined && typeof campaign_id !== "string") throw wrongType("campaign_id", "string");
  if (metadata !== undefined && !isObject(metadata)) throw wrongType("metadata", "json object");
  if (tags !== undefined && !isTexts(tags)) throw wrongType("tags", "array of strings");
  return {
    ...(campaign_id !== undefined && { campaign_id }),
    ...(metadata !== undefined && { metadata }),
    ...(tags !== undefined && { tags }),
  };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    // Header fields come a character for each byte; JSON is UTF-8.
    parsed = JSON.parse(Buffer.from(text, "latin1").toString());
  } catch (cause) {
    throw invalid("must be a JSON object", cause);
  }
  if (!isObject(parsed)) throw invalid("must be a JSON object");
  return parsed;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

function wrongType(name: string, type: string): AppError {
  return invalid(`'${name}' must be of type '${type}'`);
}

function invalid(problem: string, cause?: unknown): AppError {
  return new AppError("invalid_parameters", `X-MSYS-API ${problem}`, { cause });
}
