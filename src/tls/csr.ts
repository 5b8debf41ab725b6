/** Certificate signing requests (PKCS#10, RFC 2986) for one host name, with an ECDSA P-256 key. */
import { createPublicKey, sign } from "node:crypto";

import type { Hostname } from "../domain/hostname.ts";
import { der, TAG } from "./der.ts";
import { readP256Key } from "./jws.ts";

// Object identifiers, already in DER.
const ECDSA_WITH_SHA256 = Buffer.from("06082a8648ce3d040302", "hex");
const EXTENSION_REQUEST = Buffer.from("06092a864886f70d01090e", "hex");
const SUBJECT_ALT_NAME = Buffer.from("0603551d11", "hex");

const VERSION_1 = Buffer.from("020100", "hex");
// [2] of GeneralName, and [0] of CertificationRequestInfo (RFC 5280 section 4.2.1.6, RFC 2986 section 4.1).
const DNS_NAME = 0x82;
const ATTRIBUTES = 0xa0;

/**
 * The request in DER. The name stands in subjectAltName alone: the subject stays empty, which is what CAs advise and what lets names
 * be longer than a common name may be. Throws when the key is not a P-256 key.
 */
export function createCsr(name: Hostname, keyPem: string): Buffer {
  const key = readP256Key(keyPem);
  const names = sequence(der(DNS_NAME, Buffer.from(name, "latin1")));
  const extensions = sequence(sequence(SUBJECT_ALT_NAME, der(TAG.octetString, names)));
  const info = sequence(
    VERSION_1,
    sequence(),
    createPublicKey(key).export({ type: "spki", format: "der" }),
    der(ATTRIBUTES, sequence(EXTENSION_REQUEST, der(TAG.set, extensions))),
  );
  const signature = der(TAG.bitString, Buffer.of(0), sign("sha256", info, key));
  return sequence(info, sequence(ECDSA_WITH_SHA256), signature);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(TAG.sequence, ...parts);
}
