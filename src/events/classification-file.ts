/**
 * The rows that an operator adds to the table of rules, in a JSON file (docs/classification.md has the format):
 *
 *     {
 *       "networks": [{ "reason": "our_probe", "marks": ["bot"], "networks": ["192.0.2.0/24"] }],
 *       "user_agents": [{ "reason": "our_monitor", "marks": ["bot"], "contains": ["AcmeMonitor/"] }]
 *     }
 */
import { isAddressOrCidr } from "../domain/address-list.ts";
import { AppError } from "../domain/errors.ts";
import type { ListedNetworks, ListedUserAgents, OperatorRules } from "./classification.ts";
import { MARKS, type Mark, type RequestKind, RULES } from "./classification-rules.ts";

/** A list of all addresses of a large CDN is some ten megabytes. */
export const MAX_CLASSIFICATION_FILE_BYTES = 32 * 1024 * 1024;
const MAX_NETWORKS = 500_000;
/** Each is looked for in every new user agent. */
const MAX_TEXTS = 200;
const MIN_TEXT_CHARS = 3;
const MAX_TEXT_CHARS = 200;

/** Throws `invalid_format` with what is wrong, and where. */
export function parseClassificationFile(content: string): OperatorRules {
  const file = parseObject(parseJson(content), "", ["networks", "user_agents"]);
  const networks = rows(file["networks"], "networks").map(parseNetworks);
  const userAgents = rows(file["user_agents"], "user_agents").map(parseUserAgents);
  atMost(networks.flatMap((row) => row.networks).length, MAX_NETWORKS, "networks");
  atMost(userAgents.flatMap((row) => row.contains).length, MAX_TEXTS, "user agents");
  return { networks, userAgents };
}

function parseNetworks(value: unknown, index: number): ListedNetworks {
  const at = `networks[${index}]`;
  const row = parseObject(value, at, ["reason", "marks", "on", "networks"]);
  const networks = texts(row["networks"], `${at}.networks`);
  const wrong = networks.findIndex((network) => !isAddressOrCidr(network));
  if (wrong !== -1) throw invalid(`${at}.networks[${wrong}]`, "must be an IP address or a CIDR");
  return { ...parseRow(row, at), networks };
}

function parseUserAgents(value: unknown, index: number): ListedUserAgents {
  const at = `user_agents[${index}]`;
  const row = parseObject(value, at, ["reason", "marks", "on", "contains"]);
  const contains = texts(row["contains"], `${at}.contains`);
  const wrong = contains.findIndex(({ length }) => length < MIN_TEXT_CHARS || length > MAX_TEXT_CHARS);
  if (wrong !== -1) {
    throw invalid(`${at}.contains[${wrong}]`, `must have ${MIN_TEXT_CHARS} to ${MAX_TEXT_CHARS} characters`);
  }
  return { ...parseRow(row, at), contains };
}

function parseRow(
  { reason, marks, on }: Record<string, unknown>,
  at: string,
): { reason: string; marks: readonly Mark[]; on?: RequestKind } {
  if (typeof reason !== "string" || !REASON.test(reason))
    throw invalid(`${at}.reason`, "must be 1 to 40 of the characters a-z, 0-9 and _");
  if (RULES.some((rule) => rule.reason === reason))
    throw invalid(`${at}.reason`, `must be a name of your own: '${reason}' is a rule of Waypost's`);
  if (on !== undefined && on !== "opens" && on !== "clicks")
    throw invalid(`${at}.on`, "must be 'opens' or 'clicks', or be left out for both");
  const parsed = texts(marks, `${at}.marks`).map((mark, index) => {
    const known = MARKS.find((candidate) => candidate === mark);
    if (known === undefined) throw invalid(`${at}.marks[${index}]`, `must be one of ${MARKS.join(", ")}`);
    return known;
  });
  return on === undefined ? { reason, marks: parsed } : { reason, marks: parsed, on };
}

/** Reasons of an event are stored in one text, separated by commas. */
const REASON = /^[a-z0-9_]{1,40}$/;

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (error) {
    throw new AppError(
      "invalid_format",
      `the file must be JSON: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function parseObject(value: unknown, at: string, keys: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(at, "must be an object");
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw invalid(at, `must have ${keys.join(", ")} only, but has '${unknown}'`);
  return value as Record<string, unknown>;
}

function rows(value: unknown, at: string): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalid(at, "must be a list");
  return value;
}

function texts(value: unknown, at: string): readonly string[] {
  if (!Array.isArray(value)) throw invalid(at, "must be a list of texts");
  const wrong = value.findIndex((entry) => typeof entry !== "string");
  if (wrong !== -1) throw invalid(`${at}[${wrong}]`, "must be a text");
  return value;
}

function atMost(count: number, most: number, what: string): void {
  if (count > most) throw invalid("", `must have at most ${most} ${what}, but has ${count}`);
}

function invalid(at: string, problem: string): AppError {
  return new AppError("invalid_format", `${at === "" ? "the file" : at} ${problem}`);
}
