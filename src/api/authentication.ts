/** Turns the `Authorization` header, or the console's session, into a {@link Principal}, and slows down whoever guesses. */
import { timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";

import ipaddr from "ipaddr.js";
import { RateLimiterMemory } from "rate-limiter-flexible";

import { addressList, containsAddress } from "../domain/address-list.ts";
import { AppError } from "../domain/errors.ts";
import { GRANTS, type Grant } from "../domain/grants.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import { apiKeyFromHeader, hashApiKey } from "./api-key.ts";
import type { Principal } from "./principal.ts";
import { hashSessionId } from "./session-cookie.ts";

/** An API key as it is stored. */
export interface ApiKeyRecord {
  readonly id: string;
  readonly hash: string;
  readonly label: string;
  readonly shortKey: string;
  readonly grants: readonly string[];
  readonly validIps: readonly string[];
  readonly subaccountId: SubaccountId | undefined;
  readonly createdAtMs: number;
}

export interface ApiKeyFinder {
  findByHash(hash: string): Promise<ApiKeyRecord | undefined>;
}

export interface AuthenticationDeps {
  readonly keys: ApiKeyFinder;
  /** The key of a session that has not ended; counts as a use of it. */
  readonly findSession: (
    idHash: string,
  ) => Promise<{ readonly key: ApiKeyRecord; readonly expiresAtMs: number } | undefined>;
}

export interface Credentials {
  readonly authorization: string | undefined;
  /** Counts when there is no `authorization`. */
  readonly sessionId: string | undefined;
  readonly address: string;
}

export type Authenticate = (credentials: Credentials) => Promise<Principal>;

// Enough for a deploy with a wrong key to be noticed and mended, far too few to guess anything.
const FAILURES_PER_MINUTE = 20;
const PREFIX_V6_BYTES = 8;

/** Keys that have worked are not made to wait for somebody else's guesses from the same address. */
const KNOWN_KEYS = 10_000;

/**
 * Builds the check that every request passes. Both ways in lead to the same key, its grants and addresses. It throws `unauthorized` for an unknown key, `forbidden` for an address
 * the key may not be used from, and `rate_limited` once an address has failed too often in a minute.
 */
export function createAuthenticator({ keys, findSession }: AuthenticationDeps): Authenticate {
  const byKey = createKeyCheck(keys);
  return async ({ authorization, sessionId, address }) => {
    const principal =
      authorization === undefined && sessionId !== undefined
        ? await bySession(sessionId, findSession)
        : await byKey(authorization, address);
    if (principal.validIps !== undefined && !containsAddress(principal.validIps, address)) {
      throw new AppError("forbidden", "the key may not be used from this address");
    }
    return principal;
  };
}

/** A wrong id does not count as a guess: it is what every open page of an ended session goes on sending. */
async function bySession(id: string, findSession: AuthenticationDeps["findSession"]): Promise<Principal> {
  const idHash = hashSessionId(id);
  const found = await findSession(idHash);
  if (found === undefined) throw new AppError("unauthorized", "the session has ended");
  return { ...toPrincipal(found.key), session: { idHash, expiresAtMs: found.expiresAtMs } };
}

function createKeyCheck(
  keys: ApiKeyFinder,
): (authorization: string | undefined, address: string) => Promise<Principal> {
  const failures = new RateLimiterMemory({ points: FAILURES_PER_MINUTE, duration: 60 });
  const known = new Set<string>();
  return async (authorization, address) => {
    // Nothing is guessed: an open sign-in page asks like this whether somebody has signed in meanwhile.
    if (authorization === undefined) throw new AppError("unauthorized", "no API key");
    const key = apiKeyFromHeader(authorization);
    const hash = key === undefined ? undefined : hashApiKey(key);
    const client = limiterKey(address);
    const isKnown = hash !== undefined && known.has(hash);
    // Taken before the look-up and given back after it, so that guesses that arrive at once count too.
    if (!isKnown) await failures.consume(client).catch(refuse);
    const record = hash === undefined ? undefined : await findKey(keys, hash);
    if (record === undefined || hash === undefined) {
      if (hash !== undefined) known.delete(hash);
      throw new AppError("unauthorized", "unknown API key");
    }
    if (!isKnown) await failures.reward(client);
    if (known.size < KNOWN_KEYS) known.add(hash);
    return toPrincipal(record);
  };
}

function refuse(): never {
  throw new AppError(
    "rate_limited",
    "Too many failed authentications from this address. Try again in a minute.",
  );
}

async function findKey(keys: ApiKeyFinder, hash: string): Promise<ApiKeyRecord | undefined> {
  const record = await keys.findByHash(hash);
  // The look-up compares hashes, whose prefix tells a guesser nothing; the last word is constant-time all the same.
  return record !== undefined && timingSafeEqual(Buffer.from(record.hash), Buffer.from(hash))
    ? record
    : undefined;
}

function toPrincipal(record: ApiKeyRecord): Principal {
  return {
    keyId: record.id,
    keyLabel: record.label,
    grants: new Set(GRANTS.filter((grant: Grant) => record.grants.includes(grant))),
    subaccountId: record.subaccountId,
    validIps: record.validIps.length === 0 ? undefined : addressList(record.validIps),
  };
}

/** One IPv6 customer has a whole /64 to fail from. */
function limiterKey(address: string): string {
  if (isIP(address) !== 6) return address;
  const parsed = ipaddr.process(address);
  return parsed.kind() === "ipv4"
    ? parsed.toString()
    : Buffer.from(parsed.toByteArray().slice(0, PREFIX_V6_BYTES)).toString("hex");
}
