/** Which events a command is about: the API's parameters, as options and as a query. */
import type { RemoteOptions } from "./remote.ts";
import { parseTime } from "./time-ago.ts";

export const TIME_OPTIONS = [
  ["from", "2026-11-21T21:00:00Z, or a time ago like 30m, 24h, 7d"],
  ["to", "exclusive"],
] as const;
export const FILTER_OPTIONS = [
  ["events", "types, separated by commas"],
  ["recipients", "addresses"],
  ["recipient-domains", "domains of addresses"],
  ["sending-domains", "domains of From:"],
  ["campaigns", "campaign ids"],
  ["templates", "template ids"],
  ["subjects", "words of subjects"],
  ["messages", "message ids"],
  ["transmissions", "transmission ids"],
  ["tracking-domains", "host names"],
  ["subaccounts", "numbers"],
  ["is-bot", "true or false"],
  ["is-prefetched", "true or false"],
  ["is-proxy", "true or false"],
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
  const filters = FILTER_OPTIONS.map(([name]) => [name.replaceAll("-", "_"), textOf(name)] as const);
  const given = [...times, ...filters].flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(given);
}

function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_dash, letter: string) => letter.toUpperCase());
}
