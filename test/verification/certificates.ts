/** X.509 certificates made at test time (RFC 5280, in DER), since Node signs but does not issue. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

import { der } from "../../src/tls/der.ts";

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  readonly commonName: string;
  readonly privateKey: KeyObject;
}

export interface CertificateOptions {
  readonly commonName: string;
  readonly dnsNames?: readonly string[];
  readonly isCa?: boolean;
  /** Self-signed unless given. */
  readonly issuer?: Certificate;
  readonly notAfter?: Date;
}

const DAY_MS = 24 * 60 * 60 * 1000;

// Object identifiers, already in DER.
const ECDSA_WITH_SHA256 = Buffer.from("06082a8648ce3d040302", "hex");
const COMMON_NAME = Buffer.from("0603550403", "hex");
const SUBJECT_ALT_NAME = Buffer.from("0603551d11", "hex");
const BASIC_CONSTRAINTS = Buffer.from("0603551d13", "hex");

/** A P-256 certificate, valid from two days ago until tomorrow unless told otherwise. */
export function issueCertificate(options: CertificateOptions): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const tbs = sequence(
    der(0xa0, integer(Buffer.of(2))), // version 3
    integer(Buffer.concat([Buffer.of(1), randomBytes(8)])),
    sequence(ECDSA_WITH_SHA256),
    distinguishedName(options.issuer?.commonName ?? options.commonName),
    sequence(
      time(new Date(Date.now() - 2 * DAY_MS)),
      time(options.notAfter ?? new Date(Date.now() + DAY_MS)),
    ),
    distinguishedName(options.commonName),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions(options))),
  );
  const signature = sign("sha256", tbs, options.issuer?.privateKey ?? privateKey);
  const certificate = sequence(tbs, sequence(ECDSA_WITH_SHA256), der(0x03, Buffer.of(0), signature));
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.toString("base64").replace(/.{1,64}/g, "$&\n")}-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    commonName: options.commonName,
    privateKey,
  };
}

function extensions({ dnsNames = [], isCa = false }: CertificateOptions): Buffer[] {
  const critical = der(0x01, Buffer.of(0xff));
  const constraints = sequence(BASIC_CONSTRAINTS, critical, octets(sequence(...(isCa ? [critical] : []))));
  if (dnsNames.length === 0) return [constraints];
  const names = dnsNames.map((name) => der(0x82, Buffer.from(name)));
  return [constraints, sequence(SUBJECT_ALT_NAME, octets(sequence(...names)))];
}

function distinguishedName(commonName: string): Buffer {
  return sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(commonName)))));
}

function time(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]|\.\d+/g, "")}`));
}

function integer(value: Buffer): Buffer {
  return der(0x02, value);
}

function octets(value: Buffer): Buffer {
  return der(0x04, value);
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, ...parts);
}
