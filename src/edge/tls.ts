/**
 * TLS on the edge: each host's own certificate by SNI, and no other's. Contexts are built when somebody connects and kept while
 * they are used; a host without a certificate gets no default one but an alert.
 */
import { hkdfSync } from "node:crypto";
import type { Server } from "node:https";
import { createSecureContext, type SecureContext, type TlsOptions } from "node:tls";

import { canonicalHostname } from "../domain/hostname.ts";
import { readCertificate } from "./certificate-file.ts";
import type { TlsCounters } from "./counters.ts";
import type { EdgeSnapshot } from "./snapshot.ts";

export interface EdgeTlsOptions {
  /** Where the control plane puts certificates (`certificate-file.ts`). */
  readonly certificateFolder: string;
  readonly masterSecret: string;
  readonly snapshot: () => EdgeSnapshot | undefined;
  readonly counters: TlsCounters;
  readonly log: { error(fields: object, message: string): void };
  readonly maxContexts?: number;
}

/** About 30 KB each. */
const MAX_CONTEXTS = 2000;
/** As long as this a host whose certificate can't be used is not tried again. */
const RETRY_BROKEN_MS = 5000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Forward secrecy and authenticated encryption only; in TLS 1.3 there is nothing else. */
const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");
const TICKET_KEY_BYTES = 48;
/** Resuming saves a handshake for those who come again soon; a stolen ticket key opens no longer than this. */
const TICKET_KEY_MS = 12 * 3_600_000;

/** For `https.createServer`. */
export function tlsOptions(options: EdgeTlsOptions): TlsOptions {
  const contexts = createContexts(options);
  return {
    SNICallback: (servername, callback) => {
      contexts(canonicalHostname(servername)).then(
        // Without a context and without a default certificate OpenSSL sends an alert.
        (context) => callback(null, context),
        () => callback(null, undefined),
      );
    },
    minVersion: "TLSv1.2",
    ciphers: CIPHERS,
    honorCipherOrder: false,
    ALPNProtocols: ["http/1.1"],
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    ticketKeys: ticketKeys(options.masterSecret, Date.now()),
    sessionTimeout: TICKET_KEY_MS / 1000,
  };
}

/** Takes up the next ticket key when its time has come, until stopped. */
export function rotateTicketKeys(server: Server, masterSecret: string, now: () => number): () => void {
  let timer: NodeJS.Timeout;
  const schedule = (): void => {
    timer = setTimeout(
      () => {
        server.setTicketKeys(ticketKeys(masterSecret, now()));
        schedule();
      },
      TICKET_KEY_MS - (now() % TICKET_KEY_MS) + 1,
    ).unref();
  };
  schedule();
  return () => clearTimeout(timer);
}

/** From the master secret and the time alone: all workers and machines have the same, and none is stored. */
function ticketKeys(masterSecret: string, nowMs: number): Buffer {
  const info = `waypost tls tickets ${Math.floor(nowMs / TICKET_KEY_MS)}`;
  return Buffer.from(hkdfSync("sha256", masterSecret, "", info, TICKET_KEY_BYTES));
}

interface CachedContext {
  readonly tag: string;
  readonly context: Promise<SecureContext | undefined>;
}

/** Gives a host's context; `undefined` for one that has no certificate, or none that can be used. Least recently used ones make room. */
function createContexts(options: EdgeTlsOptions): (host: string) => Promise<SecureContext | undefined> {
  const cached = new Map<string, CachedContext>();
  const { counters, maxContexts = MAX_CONTEXTS } = options;
  return async (host) => {
    const tag = options.snapshot()?.hosts.get(host)?.certificate;
    if (tag === undefined) {
      counters.unknownNames += 1;
      return undefined;
    }
    const found = cached.get(host);
    const current = found?.tag === tag ? found : { tag, context: build(host, options) };
    cached.delete(host);
    cached.set(host, current);
    if (cached.size > maxContexts) cached.delete(cached.keys().next().value ?? "");
    counters.contexts = cached.size;
    const context = await current.context;
    // Said once, and tried again when somebody may have mended it.
    if (context === undefined && found !== current) forgetLater(cached, host, current);
    return context;
  };
}

async function build(host: string, options: EdgeTlsOptions): Promise<SecureContext | undefined> {
  try {
    const { chainPem, keyPem } = await readCertificate(options.certificateFolder, host, options.masterSecret);
    return createSecureContext({ cert: chainPem, key: keyPem, minVersion: "TLSv1.2", ciphers: CIPHERS });
  } catch (error) {
    options.counters.brokenCertificates += 1;
    // The code alone: a message could quote what stands in the file.
    const reason = (error as NodeJS.ErrnoException).code ?? "damaged";
    options.log.error({ host, reason }, "a certificate cannot be used: its host is not served over https");
    return undefined;
  }
}

function forgetLater(cached: Map<string, CachedContext>, host: string, broken: CachedContext): void {
  setTimeout(() => {
    if (cached.get(host) === broken) cached.delete(host);
  }, RETRY_BROKEN_MS).unref();
}
