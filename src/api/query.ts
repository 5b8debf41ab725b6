/** Query parameters: text that is checked once. What is not understood is `invalid_parameters`; unknown names are ignored. */
import { AppError } from "../domain/errors.ts";
import { MAX_SUBACCOUNT_ID, type SubaccountId } from "../domain/subaccount.ts";

type Query = Readonly<Record<string, string>>;

const MAX_LIST_ENTRIES = 1000;

export function booleanParameter(query: Query, name: string): boolean | undefined {
  const text = query[name]?.toLowerCase();
  if (text === undefined || text === "") return undefined;
  if (text !== "true" && text !== "false") throw invalid(name, "must be true or false");
  return text === "true";
}

/** A list; `undefined` when the parameter is absent or empty. */
export function listParameter(query: Query, name: string, delimiter = ","): readonly string[] | undefined {
  const entries = (query[name] ?? "")
    .split(delimiter)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  if (entries.length > MAX_LIST_ENTRIES) throw invalid(name, `may have at most ${MAX_LIST_ENTRIES} entries`);
  return entries.length === 0 ? undefined : entries;
}

export function subaccountsParameter(
  query: Query,
  name: string,
  delimiter = ",",
): readonly SubaccountId[] | undefined {
  return listParameter(query, name, delimiter)?.map((entry) => {
    const id = /^\d{1,10}$/.test(entry) ? Number(entry) : Number.NaN;
    if (!(id <= MAX_SUBACCOUNT_ID)) throw invalid(name, "must be numbers of subaccounts");
    return id;
  });
}

export function numberParameter(
  query: Query,
  name: string,
  bounds: { readonly default: number; readonly min: number; readonly max: number },
): number {
  const text = query[name];
  if (text === undefined || text === "") return bounds.default;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= bounds.min && value <= bounds.max)) {
    throw invalid(name, `must be a whole number from ${bounds.min} to ${bounds.max}`);
  }
  return value;
}

/** ISO 8601 in UTC, as SparkPost writes it: `2026-11-22T21:00:00Z`, seconds and milliseconds optional. */
export function timeParameter(query: Query, name: string): number | undefined {
  const text = query[name];
  if (text === undefined || text === "") return undefined;
  const shape = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d)(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  const [, date = "", clock, seconds = ":00", , zone = "Z"] = shape ?? [];
  const time = timeOnDate(date, `${clock}${seconds}${zone}`);
  if (Number.isNaN(time)) throw invalid(name, "must be a time like 2026-11-22T21:00:00Z");
  return time;
}

/** In milliseconds since 1970; NaN also for a day that there isn't, of which `Date.parse` makes another one. */
export function timeOnDate(date: string, clockAndZone: string): number {
  const midnight = Date.parse(`${date}T00:00:00Z`);
  const exists = !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(date);
  return exists ? Date.parse(`${date}${clockAndZone}`) : Number.NaN;
}

/** A JSON object. */
export function objectParameter(query: Query, name: string): Record<string, unknown> | undefined {
  const text = query[name];
  if (text === undefined || text === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(name, "must be a JSON object");
  return value as Record<string, unknown>;
}

/** Every entry must be one of the closed set. */
export function choicesParameter<T extends string>(
  query: Query,
  name: string,
  choices: readonly T[],
): readonly T[] | undefined {
  return listParameter(query, name)?.map((entry) => {
    const choice = choices.find((candidate) => candidate === entry);
    if (choice === undefined) throw invalid(name, `has the unknown value '${entry.slice(0, 100)}'`);
    return choice;
  });
}

export function invalid(name: string, problem: string): AppError {
  return new AppError("invalid_parameters", `${name} ${problem}`);
}
