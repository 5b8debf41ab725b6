/**
 * Gives messages, links and texts their numbers: the next one the first time, the same one ever after.
 *
 * A message is known by its tenant, its id and the UTC day on which it was wrapped. Without the day each look would be at a
 * random place among all messages there ever were, as ids are random; so it is at a random place among those of a day, and
 * nearly all events are of messages of the last days. Callers may choose ids: without the tenant, messages of two that chose
 * the same one would be counted as one. A link is known by its message and its name, or its
 * URL when it has none: links of one name are one link, as they are in a report.
 */
import { hash } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";

import { isMessageId } from "../domain/message-id.ts";
import { DamagedIndex } from "./column-file.ts";
import { DIMENSIONS, type Dimension } from "./columns.ts";
import type { FollowedEvent } from "./followed.ts";
import type { IndexState } from "./index-database.ts";

const SECONDS_A_DAY = 86_400;
const MAX_DAY = 2 ** 16 - 1;
/** What a column of numbers can hold. */
const MAX_NUMBER = 2 ** 32 - 1;
const LINK_HASH_BYTES = 16;
/** Of each dimension: those of the mail that is being read about. */
const MAX_REMEMBERED_TEXTS = 50_000;

type NumberedMessage = Pick<FollowedEvent, "subaccount" | "messageId" | "sentAtSeconds">;

interface Table {
  readonly find: StatementSync;
  readonly insert: StatementSync;
}

export class Numbering {
  readonly #highest: Record<keyof IndexState["highest"], number>;
  readonly #messages: Table;
  readonly #links: Table;
  readonly #texts: Table;
  readonly #remembered = new Map<Dimension, Map<string, number>>(DIMENSIONS.map((name) => [name, new Map()]));

  constructor(db: DatabaseSync, highest: IndexState["highest"]) {
    this.#highest = { ...highest };
    this.#messages = {
      find: db.prepare("select number from messages where key = ?"),
      insert: db.prepare("insert into messages values (?, ?)"),
    };
    this.#links = {
      find: db.prepare("select number from links where key = ?"),
      insert: db.prepare("insert into links values (?, ?)"),
    };
    this.#texts = {
      find: db.prepare("select number from texts where dimension = ? and text = ?"),
      insert: db.prepare("insert into texts values (?, ?, ?)"),
    };
  }

  get highest(): IndexState["highest"] {
    return { ...this.#highest };
  }

  message(message: NumberedMessage): number {
    return this.#numberOf(this.#messages, "message", [messageKey(message)]);
  }

  link(message: number, link: { readonly name: string; readonly url: string }): number {
    return this.#numberOf(this.#links, "link", [linkKey(message, link)]);
  }

  /** 0 for the empty text. */
  text(dimension: Dimension, text: string): number {
    if (text === "") return 0;
    const remembered = this.#remembered.get(dimension);
    const known = remembered?.get(text);
    if (known !== undefined) return known;
    const number = this.#numberOf(this.#texts, dimension, [dimension, text]);
    if (remembered !== undefined && remembered.size >= MAX_REMEMBERED_TEXTS) remembered.clear();
    remembered?.set(text, number);
    return number;
  }

  #numberOf(table: Table, what: keyof IndexState["highest"], key: readonly (string | Uint8Array)[]): number {
    const found = table.find.get(...key);
    if (found !== undefined) return Number(found["number"]);
    const number = this.#highest[what] + 1;
    // Built anew, the index gives numbers to what is still there only.
    if (number > MAX_NUMBER) throw new DamagedIndex(`the metrics index has no number left for a ${what}`);
    this.#highest[what] = number;
    table.insert.run(...key, number);
    return number;
  }
}

/** Keys of messages that were wrapped before a day are below its own. */
export function firstKeyOfDay(sentDay: number): Uint8Array {
  const key = new Uint8Array(2);
  new DataView(key.buffer).setUint16(0, Math.min(Math.max(sentDay, 0), MAX_DAY));
  return key;
}

/** Between these lie the keys of a message's links. */
export function linkKeysOf(message: number): readonly [from: Uint8Array, to: Uint8Array] {
  return [numberKey(message), numberKey(message + 1)];
}

function messageKey({ subaccount, messageId, sentAtSeconds }: NumberedMessage): Uint8Array {
  const day = firstKeyOfDay(Math.floor(sentAtSeconds / SECONDS_A_DAY));
  const id = isMessageId(messageId) ? Buffer.from(messageId, "hex") : Buffer.from(`?${messageId}`);
  // Most messages are the primary account's: theirs stay short.
  return Buffer.concat([day, id, Buffer.from(subaccount === "0" ? "" : ` ${subaccount}`)]);
}

function linkKey(
  message: number,
  { name, url }: { readonly name: string; readonly url: string },
): Uint8Array {
  const identity = hash("sha256", name === "" ? `url ${url}` : `name ${name}`, "buffer");
  return Buffer.concat([numberKey(message), identity.subarray(0, LINK_HASH_BYTES)]);
}

function numberKey(number: number): Uint8Array {
  const key = Buffer.alloc(5);
  key.writeUIntBE(number, 0, key.length);
  return key;
}
