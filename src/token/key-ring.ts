/**
 * The keys that seal link tokens. New tokens use the current key; every older key is kept for ever,
 * because a link in a sent message works for ever.
 */
import { hkdfSync, randomBytes } from "node:crypto";

import { AppError } from "../domain/errors.ts";
import { seal, unseal } from "./sealed.ts";

/** One key of the ring: the secret as stored, and the two sub-keys that tokens use, derived once. */
export interface TokenKey {
  /** 1 to 255: the first byte of every token. 0 is never a key, so that a zeroed token names none. */
  readonly id: number;
  /** 32 random bytes. */
  readonly secret: Buffer;
  readonly macKey: Buffer;
  readonly cipherKey: Buffer;
  /** New tokens use it from then on. Later than its creation, so that every edge has it before a token needs it. */
  readonly activeFromSeconds: number;
}

export interface KeyRing {
  /** Seals new tokens: see {@link keyRingAt}. */
  readonly current: TokenKey;
  readonly keys: ReadonlyMap<number, TokenKey>;
  /** Proves that an edge is ours (`probe-mac.ts`). Rotation keeps it: edges holding an older ring must still agree. */
  readonly probeKey: Buffer;
}

const PURPOSE = "key-ring";
const VERSION = 1;
const KEY_BYTES = 32;
const MAX_KEY_ID = 255;

/** A ring with one new random key. */
export function createKeyRing(): KeyRing {
  const current = tokenKey(1, randomBytes(KEY_BYTES));
  return { current, keys: new Map([[current.id, current]]), probeKey: randomBytes(KEY_BYTES) };
}

/**
 * The ring with a new key, which becomes current at the given time; at once when there is none. Throws
 * `resource_conflict` when all 255 ids are used.
 */
export function rotateKeyRing(ring: KeyRing, activeFromSeconds = 0): KeyRing {
  const id = Math.max(...ring.keys.keys()) + 1;
  if (id > MAX_KEY_ID) {
    throw new AppError(
      "resource_conflict",
      `The key ring is full: it holds ${MAX_KEY_ID} keys and drops none`,
    );
  }
  const added = tokenKey(id, randomBytes(KEY_BYTES), activeFromSeconds);
  const keys = new Map([...ring.keys, [id, added]]);
  return { ...ring, keys, current: activeFromSeconds === 0 ? added : ring.current };
}

/** The ring as it seals at a time: its newest key that is active by then. */
export function keyRingAt(ring: KeyRing, nowSeconds: number): KeyRing {
  const active = [...ring.keys.values()].filter(({ activeFromSeconds }) => activeFromSeconds <= nowSeconds);
  const current = active.reduce((newest, key) => (key.id > newest.id ? key : newest), ring.current);
  return current === ring.current ? ring : { ...ring, current };
}

/** A key from its stored form. The secret is 32 bytes. */
export function tokenKey(id: number, secret: Buffer, activeFromSeconds = 0): TokenKey {
  return {
    id,
    secret,
    macKey: subKey(secret, "mac"),
    cipherKey: subKey(secret, "cipher"),
    activeFromSeconds,
  };
}

/** The ring as text for a store or a snapshot, encrypted under the master secret. */
export function sealKeyRing(ring: KeyRing, masterSecret: string): string {
  const stored: StoredRing = {
    version: VERSION,
    current: ring.current.id,
    keys: [...ring.keys.values()].map(({ id, secret, activeFromSeconds }) => [
      id,
      secret.toString("base64url"),
      activeFromSeconds,
    ]),
    probeKey: ring.probeKey.toString("base64url"),
  };
  return seal(Buffer.from(JSON.stringify(stored)), masterSecret, PURPOSE);
}

/** The ring that was sealed; `undefined` when the master secret doesn't fit it, or a byte was damaged. */
export function openSealedKeyRing(text: string, masterSecret: string): KeyRing | undefined {
  const bytes = unseal(text, masterSecret, PURPOSE);
  if (bytes === undefined) return undefined;
  // We wrote it and nobody else could: it parses. Another version is one that a later release wrote.
  const stored = JSON.parse(bytes.toString()) as StoredRing;
  if (stored.version !== VERSION) return undefined;
  const keys = new Map(
    stored.keys.map(([id, secret, activeFrom]) => [
      id,
      tokenKey(id, Buffer.from(secret, "base64url"), activeFrom),
    ]),
  );
  const current = keys.get(stored.current);
  if (current === undefined) return undefined;
  return { current, keys, probeKey: Buffer.from(stored.probeKey, "base64url") };
}

interface StoredRing {
  readonly version: number;
  readonly current: number;
  readonly keys: readonly (readonly [id: number, secret: string, activeFromSeconds: number])[];
  readonly probeKey: string;
}

function subKey(secret: Buffer, use: "mac" | "cipher"): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", `waypost token v1 ${use}`, KEY_BYTES));
}
