/** Account keys, and JSON Web Signatures as ACME wants them (RFC 8555 section 6.2): ES256, flattened JSON. */
import {
  createHash,
  createHmac,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";

/** The public half (RFC 7517), its members in the order that RFC 7638 hashes them in. */
interface PublicJwk {
  readonly crv: "P-256";
  readonly kty: "EC";
  readonly x: string;
  readonly y: string;
}

export interface AccountKey {
  readonly privateKey: KeyObject;
  readonly publicJwk: PublicJwk;
  /** RFC 7638, base64url. */
  readonly thumbprint: string;
}

/** What a CA gave its customer so that an ACME account becomes theirs (RFC 8555 section 7.3.4). */
export interface ExternalAccount {
  readonly keyId: string;
  /** Base64url, as the CA hands it out. */
  readonly macKey: string;
}

/** `kid` is the account's URL; without it the key itself is sent, as a new account needs it. */
interface JwsHeader {
  readonly nonce: string;
  readonly url: string;
  readonly kid?: string | undefined;
}

/** A new P-256 key, PKCS#8 PEM: for an account or for a certificate. */
export function newKeyPem(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Throws when it is not a P-256 key; the error doesn't quote it. */
export function readP256Key(pem: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // OpenSSL's own words may hold a part of the text.
  }
  if (key?.asymmetricKeyDetails?.namedCurve !== "prime256v1")
    throw new Error("not an unencrypted P-256 private key in PEM form");
  return key;
}

/** Throws as {@link readP256Key} does. */
export function readAccountKey(pem: string): AccountKey {
  const privateKey = readP256Key(pem);
  const { x = "", y = "" } = privateKey.export({ format: "jwk" });
  const publicJwk = { crv: "P-256", kty: "EC", x, y } as const;
  const thumbprint = createHash("sha256").update(JSON.stringify(publicJwk)).digest("base64url");
  return { privateKey, publicJwk, thumbprint };
}

/** A request's body. No payload makes it a POST-as-GET (RFC 8555 section 6.3). */
export function signRequest(key: AccountKey, header: JwsHeader, payload?: object): string {
  const { kid, ...rest } = header;
  const identity = kid === undefined ? { jwk: key.publicJwk } : { kid };
  const input = encode({ alg: "ES256", ...identity, ...rest }, payload);
  const signature = sign("sha256", Buffer.from(`${input.protected}.${input.payload}`), {
    key: key.privateKey,
    dsaEncoding: "ieee-p1363",
  });
  return JSON.stringify({ ...input, signature: signature.toString("base64url") });
}

/** The object that a new account's request carries; `url` is that request's. */
export function bindExternalAccount(key: AccountKey, external: ExternalAccount, url: string): object {
  const input = encode({ alg: "HS256", kid: external.keyId, url }, key.publicJwk);
  const mac = createHmac("sha256", Buffer.from(external.macKey, "base64url"));
  const signature = mac.update(`${input.protected}.${input.payload}`).digest("base64url");
  return { ...input, signature };
}

function encode(header: object, payload: object | undefined): { protected: string; payload: string } {
  const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return { protected: base64url(header), payload: payload === undefined ? "" : base64url(payload) };
}
