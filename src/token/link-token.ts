/**
 * The opaque part of a tracking URL, `http(s)://<tracking domain>/e/<token>`: everything the edge needs to
 * answer without looking anything up, encrypted and authenticated. docs/token-format.md has the bytes and vectors.
 *
 * base64url of <key id, 1 byte> <synthetic IV, 16 bytes> <ciphertext>:
 *
 *   IV         = SHAKE256(MAC key || key id || plaintext), first 16 bytes
 *   ciphertext = plaintext XOR SHAKE256(cipher key || IV)
 *
 * This is SIV (Rogaway and Shrimpton 2006, the construction of RFC 5297): the IV is the authentication tag, so
 * no nonce is drawn that could repeat however many tokens a key seals, and 16 bytes do the work of a nonce
 * and a tag. SIV asks for two pseudo-random functions. A sponge with a secret prefix is one (the argument
 * behind KMAC, NIST SP 800-185): SHAKE256 has no length extension, the keys are independent and of fixed
 * length, so the inputs are unambiguous. HMAC-SHA256 with AES-256-CTR would be the same design; as one-shot
 * hashes it costs a fifth of that (docs/performance.md).
 */
import { hash } from "node:crypto";

import { EVENT_TYPES, type EventType } from "../domain/event.ts";
import { MESSAGE_ID_BYTES, type MessageId } from "../domain/message-id.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { KeyRing, TokenKey } from "./key-ring.ts";

/** What one link or pixel of one message to one recipient stands for. */
export type LinkToken = ClickToken | OpenToken;

export interface ClickToken extends TokenFacts {
  readonly type: ClickType;
  /** An absolute http(s) URL, byte for byte as the message had it. */
  readonly target: string;
  /** At most 63 bytes of UTF-8: {@link cutLinkName}. {@link sealLink} cuts what is longer. */
  readonly linkName?: string;
}

export interface OpenToken extends TokenFacts {
  readonly type: OpenType;
}

export type ClickType = "click" | "amp_click" | "link_unsubscribe";
export type OpenType = Exclude<EventType, ClickType>;

export interface TokenFacts {
  readonly subaccountId: SubaccountId;
  readonly messageId: MessageId;
  readonly rcptTo: string;
  readonly sentAtSeconds: number;
  /** From then on a click redirects and isn't recorded. Absent: never. */
  readonly expiresAtSeconds?: number;
}

/** Why a segment was refused: not a token at all, sealed by a key we don't hold, or changed since it was sealed. */
export type TokenRejection = "malformed" | "unknown_key" | "forged";

export type OpenedLink =
  | { readonly ok: true; readonly token: LinkToken }
  | { readonly ok: false; readonly reason: TokenRejection };

/** Longer link names are cut at this many bytes, as SparkPost does. */
export const MAX_LINK_NAME_BYTES = 63;

/** The key id and the synthetic IV: what a token is longer than what it says. */
export const TOKEN_OVERHEAD_BYTES = 1 + 16;

/** A wrapped URL has at most 4096 bytes; anything much longer isn't ours and isn't worth decoding. */
const MAX_SEGMENT_CHARS = 8192;

const IV_BYTES = 16;
const KEY_BYTES = 32;
const MAX_U32 = 0xffff_ffff;

const TYPE_MASK = 0x0f;
const HAS_NAME = 0x10;
const HAS_EXPIRY = 0x20;
const HAS_SUBACCOUNT = 0x40;
/** Says that a later version's fields follow. This version refuses such a token instead of misreading it. */
const EXTENDED = 0x80;

/** The number in the token is the index: append only. 0 stands for no prefix. */
const URL_PREFIXES = ["", "http://", "https://", "http://www.", "https://www."] as const;
const CLICK_TYPES: ReadonlySet<EventType> = new Set<ClickType>(["click", "amp_click", "link_unsubscribe"]);

/**
 * `binary`, one character per byte: what `crypto.hash` gives as a Buffer is an ArrayBuffer of its own each time, and
 * collecting those cost a click more than the hashing does (docs/edge-performance.md).
 */
const AS_IV = { outputEncoding: "binary", outputLength: IV_BYTES } as const;

/** Where a token is opened, one at a time, so that opening one allocates next to nothing: IV in its place, see {@link openLink}. */
const OPENING = Buffer.alloc(KEY_BYTES + 1 + MAX_SEGMENT_CHARS);
/** Cipher key and IV, the keystream's seed. */
const SEED = Buffer.alloc(KEY_BYTES + IV_BYTES);
/** Before the plaintext, where the MAC key and the key id stand when it is hashed, a token has its key id and its IV. */
const TOKEN_START = KEY_BYTES - IV_BYTES;
const PLAINTEXT_START = KEY_BYTES + 1;

/** The token as one path segment of `[A-Za-z0-9_-]`. The same facts under the same key give the same token. */
export function sealLink(token: LinkToken, ring: KeyRing): string {
  const { current: key } = ring;
  const bytes = encode(token);
  const iv = syntheticIv(key, bytes, bytes.length);
  SEED.write(iv, KEY_BYTES, "latin1");
  applyKeystream(key, bytes, bytes.length);
  bytes[TOKEN_START] = key.id;
  SEED.copy(bytes, TOKEN_START + 1, KEY_BYTES);
  const text = bytes.toString("base64url", TOKEN_START);
  // The memory goes back to a pool that others draw from: no half of the MAC key with it.
  bytes.fill(0, 0, TOKEN_START);
  return text;
}

/**
 * Opens a path segment. Never throws: anything may stand there. Forgives what mail clients do to links:
 * percent-encoded letters, and anything after the token that isn't a letter of its alphabet.
 */
export function openLink(segment: string, ring: KeyRing): OpenedLink {
  const text = bareToken(segment);
  if (text === undefined || !isCanonical(text)) return rejected("malformed");
  const end = TOKEN_START + OPENING.write(text, TOKEN_START, "base64url");
  if (end <= PLAINTEXT_START) return rejected("malformed");
  const key = ring.keys.get(OPENING[TOKEN_START] ?? 0);
  if (key === undefined) return rejected("unknown_key");

  OPENING.copy(SEED, KEY_BYTES, TOKEN_START + 1, PLAINTEXT_START);
  applyKeystream(key, OPENING, end);
  if (!isSeedIv(syntheticIv(key, OPENING, end))) return rejected("forged");
  const token = decode(OPENING, end);
  return token === undefined ? rejected("malformed") : { ok: true, token };
}

/** Hashes MAC key, key id and plaintext, which stand in `bytes` one behind the other; the first two are filled in here. */
function syntheticIv(key: TokenKey, bytes: Buffer, end: number): string {
  key.macKey.copy(bytes, 0);
  bytes[KEY_BYTES] = key.id;
  return hash("shake256", bytes.subarray(0, end), AS_IV);
}

/** Over the plaintext in `bytes`, under the IV in the seed. */
function applyKeystream(key: TokenKey, bytes: Buffer, end: number): void {
  key.cipherKey.copy(SEED, 0);
  const stream = hash("shake256", SEED, { outputEncoding: "binary", outputLength: end - PLAINTEXT_START });
  for (let at = PLAINTEXT_START; at < end; at++) {
    bytes[at] = (bytes[at] as number) ^ stream.charCodeAt(at - PLAINTEXT_START);
  }
}

/** In constant time: every byte is looked at and none decides a branch. `timingSafeEqual` wants Buffers, which cost more than this. */
function isSeedIv(iv: string): boolean {
  let difference = 0;
  for (let at = 0; at < IV_BYTES; at++) difference |= iv.charCodeAt(at) ^ (SEED[KEY_BYTES + at] as number);
  return difference === 0;
}

/** One spelling per token: base64url whose last letter has bits to spare, and one of them set, is not ours. */
function isCanonical(text: string): boolean {
  const spareBits = SPARE_BITS[text.length % 4];
  return spareBits !== undefined && (BASE64URL.indexOf(text.slice(-1)) & spareBits) === 0;
}

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** By the number of letters beyond the last whole group of four; no bytes make for one letter. */
const SPARE_BITS: readonly (number | undefined)[] = [0, undefined, 0b1111, 0b11];

/** The plaintext, with room for the MAC key and the key id in front. */
function encode(token: LinkToken): Buffer {
  const click = "target" in token ? token : undefined;
  const name = click?.linkName === undefined ? undefined : cutName(click.linkName);
  const prefix = click === undefined ? 0 : prefixOf(click.target);
  const rest = click === undefined ? "" : click.target.slice(URL_PREFIXES[prefix]?.length);
  const rcptLength = Buffer.byteLength(token.rcptTo);
  const size = MAX_FIXED_BYTES + rcptLength + (name?.length ?? 0) + Buffer.byteLength(rest);

  const bytes = Buffer.allocUnsafe(size);
  let at = PLAINTEXT_START;
  bytes[at++] = headOf(token, name);
  at += bytes.write(token.messageId, at, MESSAGE_ID_BYTES, "hex");
  at = bytes.writeUInt32BE(clampU32(token.sentAtSeconds), at);
  if (token.subaccountId !== 0) at = writeVarint(bytes, token.subaccountId, at);
  if (token.expiresAtSeconds !== undefined) at = bytes.writeUInt32BE(clampU32(token.expiresAtSeconds), at);
  at = writeVarint(bytes, rcptLength, at);
  at += bytes.write(token.rcptTo, at);
  if (name !== undefined) {
    bytes[at++] = name.length;
    at += name.copy(bytes, at);
  }
  if (click !== undefined) {
    bytes[at++] = prefix;
    at += bytes.write(rest, at);
  }
  return bytes.subarray(0, at);
}

/** MAC key, key id, head, message id, two times, two varints, two length bytes. */
const MAX_FIXED_BYTES = KEY_BYTES + 1 + 1 + MESSAGE_ID_BYTES + 4 + 4 + 5 + 5 + 2;

/** The facts; `undefined` when the bytes are another version's, which only a sealer newer than we are writes. */
function decode(bytes: Buffer, end: number): LinkToken | undefined {
  const reader = new Reader(bytes, PLAINTEXT_START, end);
  const head = reader.byte();
  const type = EVENT_TYPES[head & TYPE_MASK];
  if (type === undefined || (head & EXTENDED) !== 0) return undefined;

  const messageId = reader.text(MESSAGE_ID_BYTES, "hex") as MessageId;
  const sentAtSeconds = reader.u32();
  const subaccountId = (head & HAS_SUBACCOUNT) === 0 ? 0 : reader.varint();
  const expiresAtSeconds = (head & HAS_EXPIRY) === 0 ? undefined : reader.u32();
  const rcptTo = reader.text(reader.varint(), "utf8");
  const linkName = (head & HAS_NAME) === 0 ? undefined : reader.text(reader.byte(), "utf8");
  const facts =
    expiresAtSeconds === undefined
      ? { subaccountId, messageId, rcptTo, sentAtSeconds }
      : { subaccountId, messageId, rcptTo, sentAtSeconds, expiresAtSeconds };
  if (!isClickType(type)) return reader.isComplete() ? { type: type as OpenType, ...facts } : undefined;
  const prefix = URL_PREFIXES[reader.byte()];
  const target = prefix + reader.rest();
  if (prefix === undefined || reader.overran) return undefined;
  return linkName === undefined ? { type, target, ...facts } : { type, target, ...facts, linkName };
}

/** Reads fields in order. A read past the end gives nothing and sets `overran`: the bytes were authenticated, so that is another version's doing. */
class Reader {
  overran = false;
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  byte(): number {
    const at = this.#take(1);
    return this.overran ? 0 : (this.#bytes[at] ?? 0);
  }

  u32(): number {
    const at = this.#take(4);
    return this.overran ? 0 : this.#bytes.readUInt32BE(at);
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    this.overran = true;
    return 0;
  }

  text(length: number, encoding: "hex" | "utf8"): string {
    const at = this.#take(length);
    return this.overran ? "" : this.#bytes.toString(encoding, at, at + length);
  }

  rest(): string {
    return this.text(Math.max(0, this.#end - this.#at), "utf8");
  }

  isComplete(): boolean {
    return !this.overran && this.#at === this.#end;
  }

  /** Where the next field starts. */
  #take(length: number): number {
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#end) this.overran = true;
    return start;
  }
}

/** The token in a segment: percent-encoding undone, everything from the first foreign character on left out. */
function bareToken(segment: string): string | undefined {
  if (segment.length > MAX_SEGMENT_CHARS) return undefined;
  const decoded = segment.includes("%") ? segment.replace(PERCENT_ENCODED, decodePercent) : segment;
  const end = decoded.search(OUTSIDE_ALPHABET);
  return end === -1 ? decoded : decoded.slice(0, end);
}

const PERCENT_ENCODED = /%([0-9a-f]{2})/gi;
const OUTSIDE_ALPHABET = /[^A-Za-z0-9_-]/;

function decodePercent(_whole: string, hex: string): string {
  return String.fromCharCode(Number.parseInt(hex, 16));
}

function headOf(token: LinkToken, name: Buffer | undefined): number {
  return (
    EVENT_TYPES.indexOf(token.type) |
    (name === undefined ? 0 : HAS_NAME) |
    (token.expiresAtSeconds === undefined ? 0 : HAS_EXPIRY) |
    (token.subaccountId === 0 ? 0 : HAS_SUBACCOUNT)
  );
}

function prefixOf(target: string): number {
  if (target.startsWith("https://")) return target.startsWith("www.", 8) ? 4 : 2;
  if (target.startsWith("http://")) return target.startsWith("www.", 7) ? 3 : 1;
  return 0;
}

/** The link name as tokens and reports have it: at most 63 bytes, never half a character. */
export function cutLinkName(name: string): string {
  // A UTF-16 unit is at most three bytes.
  return name.length * 3 <= MAX_LINK_NAME_BYTES ? name : cutName(name).toString();
}

function cutName(name: string): Buffer {
  const bytes = Buffer.from(name);
  if (bytes.length <= MAX_LINK_NAME_BYTES) return bytes;
  let end = MAX_LINK_NAME_BYTES;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

function writeVarint(bytes: Buffer, value: number, start: number): number {
  let at = start;
  let left = value;
  while (left > 0x7f) {
    bytes[at++] = (left & 0x7f) | 0x80;
    left = Math.floor(left / 128);
  }
  bytes[at++] = left;
  return at;
}

/** Four bytes of seconds last until 2106. */
function clampU32(seconds: number): number {
  return Math.min(Math.max(Math.floor(seconds), 0), MAX_U32);
}

function isClickType(type: EventType): type is ClickType {
  return CLICK_TYPES.has(type);
}

function rejected(reason: TokenRejection): OpenedLink {
  return { ok: false, reason };
}
