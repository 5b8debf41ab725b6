/**
 * From bytes to a checked body. The specification's errors come in a fixed order: JSON, object, required fields,
 * types; nothing is coerced and unknown fields are ignored.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import type { TSchema } from "typebox";

import { AppError } from "../domain/errors.ts";

const UTF8 = new TextDecoder("utf-8", { fatal: true });
/** What curl sends for `-d` without a header: the specification's PUT example has no content type at all. */
const READ_AS_JSON = new Set(["", "application/json", "application/x-www-form-urlencoded"]);

export type BodyCheck = (body: unknown) => void;

/** Throws `unsupported_media_type` for a declared type that is not JSON, and the errors of {@link parseJson}. */
export function readJsonBody(bytes: Buffer | undefined, contentType: string | undefined): unknown {
  const mediaType = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (!READ_AS_JSON.has(mediaType) && !mediaType.endsWith("+json")) {
    throw new AppError(
      "unsupported_media_type",
      `'${mediaType.slice(0, 100)}' is not supported, use application/json`,
    );
  }
  return parseJson(bytes ?? Buffer.alloc(0));
}

function parseJson(bytes: Buffer): unknown {
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch (cause) {
    throw new AppError("invalid_utf8", "Non-UTF-8 data found in json", { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError("malformed_json", "Problems parsing request as json", { cause });
  }
}

/** Compiles a schema into a check that throws SparkPost's error for the first thing wrong. */
export function compileBodyCheck(schema: TSchema): BodyCheck {
  const validate: ValidateFunction = new Ajv({ coerceTypes: false, strict: false, verbose: true }).compile(
    schema,
  );
  const required = new Set(requiredFields(schema));
  return (body) => {
    if (typeof body !== "object" || body === null || Array.isArray(body)) {
      throw new AppError("invalid_format", "JSON object expected");
    }
    const error = validate(body) ? undefined : validate.errors?.[0];
    if (error === undefined) return;
    // null stands for "not given" where a field must be given.
    if (error.data === null && required.has(error.instancePath.slice(1)))
      throw missing(error.instancePath.slice(1));
    throw toAppError(error);
  };
}

function requiredFields(schema: TSchema): readonly string[] {
  return "required" in schema && Array.isArray(schema.required) ? schema.required : [];
}

function toAppError(error: ErrorObject): AppError {
  const field = fieldName(error.instancePath);
  switch (error.keyword) {
    case "required":
      return missing(joinField(field, String(error.params["missingProperty"])));
    case "type":
      return wrongType(field, error);
    case "maxLength":
      return invalid(
        `field '${field}' is of length '${String(error.data).length}', but needs to be of max length '${error.params["limit"]}'`,
      );
    case "enum":
      return invalid(`field '${field}' must be one of: ${[error.params["allowedValues"]].flat().join(", ")}`);
    case "minLength":
    case "minItems":
    case "minProperties":
      return invalid(`field '${field}' must not be empty`);
    case "maxItems":
      return invalid(`field '${field}' may have at most ${error.params["limit"]} entries`);
    case "minimum":
    case "maximum":
      return invalid(`field '${field}' must be ${error.params["comparison"]} ${error.params["limit"]}`);
    case "additionalProperties":
      return invalid(
        `field '${joinField(field, String(error.params["additionalProperty"]))}' is not known here`,
      );
    default:
      return invalid(`field '${field}' is not valid`);
  }
}

function wrongType(field: string, error: ErrorObject): AppError {
  const expected = [error.params["type"]].flat().join("' or '");
  return invalid(
    `field '${field}' is of type '${jsonType(error.data)}', but needs to be of type '${expected}'`,
  );
}

function missing(field: string): AppError {
  return new AppError("missing_field", `field '${field}' is required`);
}

function invalid(message: string): AppError {
  return new AppError("invalid_format", message);
}

function fieldName(instancePath: string): string {
  return instancePath
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce(joinField, "");
}

function joinField(parent: string, name: string): string {
  if (parent === "") return name;
  return /^\d+$/.test(name) ? `${parent}[${name}]` : `${parent}.${name}`;
}

function jsonType(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
