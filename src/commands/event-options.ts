/** Which events a command is about: the API's parameters, as options and as a query. */
import { EVENT_TYPES } from "../domain/event.ts";
import type { RemoteOptions } from "./remote.ts";
import { parseTime } from "./time-ago.ts";

export const TIME_OPTIONS = [
  ["from", "2026-11-21T21:00:00Z, or a time ago like 30m, 24h, 7d"],
  ["to", "exclusive"],
] as const;
/** Each takes a list, separated by commas; of some it is known what can be in it. */
export const LIST_OPTIONS: readonly (readonly [
  name: string,
  description: string,
  values?: readonly string[],
])[] = [
  ["events", "types, separated by commas", EVENT_TYPES],
  ["recipients", "addresses"],
  ["recipient-domains", "domains of addresses"],
  ["from-addresses", "addresses in From:"],
  ["sending-domains", "domains of From:"],
  ["campaigns", "campaign ids"],
  ["templates", "template ids"],
  ["subjects", "words of subjects"],
  ["ip-pools", "IP pools"],
  ["event-ids", "event ids"],
  ["messages", "message ids"],
  ["transmissions", "transmission ids"],
  ["tracking-domains", "host names"],
  ["subaccounts", "numbers"],
];
export const BOOLEAN_OPTIONS = [
  ["is-bot", "what programs did, not people"],
  ["is-prefetched", "what was fetched before anybody asked for it"],
  ["is-proxy", "what came by a mailbox provider's proxy"],
] as const;

export type EventOptions = RemoteOptions & { readonly json?: true } & Readonly<Record<string, unknown>>;

/** As the API takes them. */
export function filtersOf(options: EventOptions): Readonly<Record<string, string>> {
  const textOf = (name: string): string | undefined => {
    const value = options[camelCase(name)];
    return typeof value === "string" ? value : undefined;
  };
  const nowMs = Date.now();
  const times = TIME_OPTIONS.map(([name]) => {
    const text = textOf(name);
    return [name, text === undefined ? undefined : parseTime(text, nowMs)] as const;
  });
  const filters = [...LIST_OPTIONS, ...BOOLEAN_OPTIONS].map(
    ([name]) => [name.replaceAll("-", "_"), textOf(name)] as const,
  );
  const given = [...times, ...filters].flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(given);
}

function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());
}
