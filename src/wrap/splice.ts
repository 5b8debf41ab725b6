/**
 * Edits: the only way content is changed. A scanner lists them by offset, in order and without overlap; what
 * lies between two edits is never looked at again, so it goes out as it came.
 */
import { HONEYPOT_LINK_NAME } from "../domain/honeypot.ts";
import { type ClickType, type LinkToken, type OpenType, sealLink } from "../token/link-token.ts";
import type { Recipient, Settings } from "./options.ts";

export interface Edit {
  /** Offsets into the scanned text; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
  readonly insert: Insert;
}

/** What replaces the range: a wrapped URL, a pixel or the honeypot (the range is empty), or nothing (a marker that is removed). */
export type Insert = LinkInsert | PixelInsert | HoneypotInsert | typeof REMOVED;

export interface LinkInsert {
  readonly kind: "link";
  readonly type: ClickType;
  readonly target: string;
  readonly linkName?: string;
  /** `""`, or path segments with a slash at the end. */
  readonly sublink: string;
}

export interface PixelInsert {
  readonly kind: "pixel";
  readonly type: OpenType;
  /** The markup around the pixel's URL. */
  readonly before: string;
  readonly after: string;
}

export interface HoneypotInsert {
  readonly kind: "honeypot";
  readonly target: string;
  /** The markup around the link's URL. */
  readonly before: string;
  readonly after: string;
}

export const REMOVED = { kind: "removed" } as const;

export function hasPixelAmong(edits: readonly Edit[]): boolean {
  return edits.some(({ insert }) => insert.kind === "pixel");
}

/** The inserted text for one recipient; `undefined` leaves the range as it came. ASCII only. */
export type Inserter = (insert: Insert) => string | undefined;

/** Seals what one recipient gets: their `tracking` decides which edits happen. */
export function createInserter(recipient: Recipient, settings: Settings): Inserter {
  const tracking = recipient.tracking ?? "full";
  const clicks = tracking === "full" || tracking === "clicks";
  const opens = tracking === "full" || tracking === "opens";
  const { messageId, rcptTo, subaccountId, sentAtSeconds, expiresAtSeconds } = recipient;
  const facts = {
    messageId,
    rcptTo,
    subaccountId,
    sentAtSeconds,
    ...(expiresAtSeconds === undefined ? {} : { expiresAtSeconds }),
  };
  const base = `${settings.origin}/e/`;
  const url = (sublink: string, token: LinkToken) => base + sublink + sealLink(token, settings.ring);

  return (insert) => {
    switch (insert.kind) {
      case "removed":
        return "";
      case "link": {
        if (!clicks) return undefined;
        const { type, target, linkName, sublink } = insert;
        const wrapped = url(
          sublink,
          linkName === undefined ? { type, target, ...facts } : { type, target, linkName, ...facts },
        );
        // Only an address longer than any that SMTP carries gets a link this far.
        return wrapped.length > settings.maxUrlBytes ? undefined : wrapped;
      }
      case "honeypot": {
        if (!clicks) return undefined;
        const { target, before, after } = insert;
        return before + url("", { type: "click", target, linkName: HONEYPOT_LINK_NAME, ...facts }) + after;
      }
      case "pixel":
        return opens ? insert.before + url("", { type: insert.type, ...facts }) + insert.after : undefined;
    }
  };
}

/** Text cut at its edits once, to be filled in once per recipient without parsing it again. */
export class Template {
  readonly #edits: readonly Edit[];
  readonly #source: string;
  /** What stands before each edit, and behind the last. */
  readonly #statics: readonly string[];

  constructor(source: string, edits: readonly Edit[]) {
    this.#source = source;
    this.#edits = edits;
    let at = 0;
    const statics = edits.map(({ start, end }) => {
      const piece = source.slice(at, start);
      at = end;
      return piece;
    });
    this.#statics = [...statics, source.slice(at)];
  }

  render(insert: Inserter): string {
    let out = this.#statics[0] ?? "";
    for (let i = 0; i < this.#edits.length; i++) {
      const edit = this.#edits[i] as Edit;
      out += insert(edit.insert) ?? this.#source.slice(edit.start, edit.end);
      out += this.#statics[i + 1];
    }
    return out;
  }
}
