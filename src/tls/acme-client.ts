/**
 * A client of a certificate authority that speaks ACME (RFC 8555): one account, certificates for one host name each, validated by
 * HTTP-01, and renewal information (RFC 9773).
 *
 * Challenges need nobody to hand out tokens: the edge derives each answer from the account key's thumbprint, which must be in
 * the snapshot (`acmeThumbprint`) before the first order.
 */
import type { CheckedCertificate } from "../domain/certificate.ts";
import type { Hostname } from "../domain/hostname.ts";
import { obtainCertificate } from "./acme-order.ts";
import { openSession } from "./acme-session.ts";
import { readJson } from "./acme-transport.ts";
import type { ExternalAccount } from "./jws.ts";
import { type RenewalWindow, readRenewalWindow, renewalId } from "./renewal-info.ts";

export interface AcmeClientOptions {
  /** https, or http on loopback. */
  readonly directoryUrl: string;
  /** P-256 (`newKeyPem`). The same key finds the same account again. */
  readonly accountKeyPem: string;
  /** Whether the operator agreed to the CA's terms of service. */
  readonly termsAgreed: boolean;
  readonly contactEmail?: string | undefined;
  /** For CAs that ask for it, when the account is created. */
  readonly externalAccount?: ExternalAccount | undefined;
  /** A certificate authority (PEM) that the CA's own TLS may come from, besides the usual ones. */
  readonly extraCa?: string | undefined;
  /** Default `waypost`; with the version a CA can tell who has trouble (RFC 8555 section 6.1). */
  readonly userAgent?: string | undefined;
  /** For one request. Default 20 s. */
  readonly requestTimeoutMs?: number | undefined;
  /** For one call of `order`. Default 3 min. */
  readonly orderTimeoutMs?: number | undefined;
  /** Cancels opening. */
  readonly signal?: AbortSignal | undefined;
}

export interface OrderOptions {
  /** The certificate's own key, P-256 (`newKeyPem`): stored before the order, so that a restart can go on with it. */
  readonly keyPem: string;
  /**
   * An order that was begun earlier with the same key. One that the CA no longer has, that failed or that is for another name
   * is silently replaced by a new one.
   */
  readonly orderUrl?: string | undefined;
  /** PEM of the certificate that this one takes the place of: exempts renewals from limits where the CA has renewal information. */
  readonly replaces?: string | undefined;
  /** Called with each new order, before anything else happens to it: store the URL here. What it throws ends the order. */
  readonly onOrder: (orderUrl: string) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

export interface AcmeClient {
  readonly accountUrl: string;
  /** RFC 7638, of the account key. */
  readonly thumbprint: string;
  /** Names of the CA for CAA records. Empty when it doesn't tell. */
  readonly caaIdentities: readonly string[];
  /**
   * From the order to the certificate, which is checked to be for this key and name.
   *
   * Throws an `AcmeError`, or the signal's reason. It repeats by itself what was refused for its nonce and a few lost requests;
   * pacing anything else is the caller's, by `isTemporary` and `retryAfterMs`. After a temporary failure or an abort
   * repeat the call with the order's URL and the same key, after any other without.
   */
  order(name: Hostname, options: OrderOptions): Promise<CheckedCertificate>;
  /** `undefined` when the CA has none for this certificate. Throws as `order` does. `certificatePem` may be a chain. */
  renewalInfo(certificatePem: string, signal?: AbortSignal): Promise<RenewalWindow | undefined>;
}

const REQUEST_TIMEOUT_MS = 20_000;
const ORDER_TIMEOUT_MS = 180_000;

/** Reads the directory and finds or creates the account. Throws an `AcmeError`, or the signal's reason. */
export async function openAcmeClient(options: AcmeClientOptions): Promise<AcmeClient> {
  const {
    requestTimeoutMs = REQUEST_TIMEOUT_MS,
    orderTimeoutMs = ORDER_TIMEOUT_MS,
    userAgent = "waypost",
  } = options;
  const session = await openSession({ ...options, requestTimeoutMs, userAgent });
  const { renewalInfo, caaIdentities } = session.directory;
  return {
    accountUrl: session.accountUrl,
    thumbprint: session.thumbprint,
    caaIdentities,
    order: (name, { replaces, ...order }) => {
      const replacedId =
        renewalInfo === undefined || replaces === undefined ? undefined : renewalId(replaces);
      return obtainCertificate(session, name, { ...order, replacedId, timeoutMs: orderTimeoutMs });
    },
    renewalInfo: async (certificatePem, signal) => {
      const id = renewalInfo === undefined ? undefined : renewalId(certificatePem);
      if (id === undefined) return undefined;
      const reply = await session.get(`${renewalInfo}/${id}`, signal);
      return reply.status === 404 ? undefined : readRenewalWindow(readJson(reply), reply.retryAfterMs);
    },
  };
}
