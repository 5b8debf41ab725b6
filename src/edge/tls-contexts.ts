/**
 * The certificates that a worker holds in memory, ready for handshakes. They are read when somebody connects, and the least
 * recently used make room: ten thousand of them cost what the busy ones cost.
 */
import { createSecureContext, type SecureContext } from "node:tls";

import { readCertificate } from "./certificate-file.ts";
import type { TlsCounters } from "./counters.ts";
import { canonicalHost } from "./host-header.ts";
import type { EdgeSnapshot } from "./snapshot.ts";

export interface TlsContextsOptions {
  /** Where the control plane puts certificates (`certificate-file.ts`). */
  readonly certificateFolder: string;
  readonly masterSecret: string;
  readonly snapshot: () => EdgeSnapshot | undefined;
  readonly counters: TlsCounters;
  readonly log: { error(fields: object, message: string): void };
  readonly maxContexts?: number;
}

/** `undefined` for a name that has no certificate, or none that can be used. */
type Found = SecureContext | undefined;

/** About 36 KB each, and as much again until the collector has found the one that made room (measured: docs/edge-performance.md). */
const MAX_CONTEXTS = 1000;
/** As long as this a host whose certificate can't be used is not tried again. */
const RETRY_BROKEN_MS = 5000;
/** Of TLS 1.2: OpenSSL takes them from the host's context. Forward secrecy and authenticated encryption only. */
const TLS12_CIPHERS = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
];
/** In TLS 1.3 there is nothing else. */
const TLS13_CIPHERS = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

export const CIPHERS = [...TLS13_CIPHERS, ...TLS12_CIPHERS].join(":");

export class TlsContexts {
  readonly #options: TlsContextsOptions;
  readonly #maxContexts: number;
  /** By tag, so that a wildcard certificate that hosts share is one. The least recently used come first. */
  readonly #contexts = new Map<string, SecureContext>();
  /** By host: a storm of handshakes for a cold one reads its file once. */
  readonly #loading = new Map<string, Promise<Found>>();
  /** By host. At most as many as there are. */
  readonly #broken = new Map<string, { readonly tag: string; readonly retryAtMs: number }>();

  constructor(options: TlsContextsOptions) {
    this.#options = options;
    this.#maxContexts = options.maxContexts ?? MAX_CONTEXTS;
  }

  /** At once when it is in memory: a promise would cost each handshake a turn of OpenSSL's state machine. Never rejects. */
  find(serverName: string): Found | Promise<Found> {
    const host = canonicalHost(serverName);
    const tag = this.#options.snapshot()?.hosts.get(host)?.certificate;
    if (tag === undefined) {
      this.#options.counters.unknownNames += 1;
      return undefined;
    }
    return this.#take(tag) ?? (this.#isBroken(host, tag) ? undefined : this.#load(host, tag));
  }

  #take(tag: string): Found {
    const context = this.#contexts.get(tag);
    if (context === undefined) return undefined;
    this.#contexts.delete(tag);
    this.#contexts.set(tag, context);
    return context;
  }

  /** One with another tag is a new one, and may be good. */
  #isBroken(host: string, tag: string): boolean {
    const broken = this.#broken.get(host);
    return broken !== undefined && broken.tag === tag && performance.now() < broken.retryAtMs;
  }

  #load(host: string, tag: string): Promise<Found> {
    const loading = this.#loading.get(host);
    if (loading !== undefined) return loading;
    const started = this.#read(host, tag).finally(() => this.#loading.delete(host));
    this.#loading.set(host, started);
    return started;
  }

  async #read(host: string, tag: string): Promise<Found> {
    const { certificateFolder, masterSecret, counters, log } = this.#options;
    try {
      const certificate = await readCertificate(certificateFolder, host, masterSecret);
      this.#broken.delete(host);
      // The file may be a moment ahead of the snapshot: what it holds is kept under its own tag, never as what it replaced.
      return this.#take(certificate.tag) ?? this.#keep(certificate.tag, createContext(certificate));
    } catch (error) {
      counters.brokenCertificates += 1;
      this.#broken.set(host, { tag, retryAtMs: performance.now() + RETRY_BROKEN_MS });
      // The code alone: a message could quote what stands in the file.
      const reason = (error as NodeJS.ErrnoException).code ?? "damaged";
      log.error({ host, reason }, "a certificate cannot be used: its host is not served over https");
      return undefined;
    }
  }

  #keep(tag: string, context: SecureContext): SecureContext {
    this.#contexts.set(tag, context);
    if (this.#contexts.size > this.#maxContexts)
      this.#contexts.delete(this.#contexts.keys().next().value ?? "");
    this.#options.counters.contexts = this.#contexts.size;
    return context;
  }
}

function createContext({
  chainPem,
  keyPem,
}: {
  readonly chainPem: string;
  readonly keyPem: string;
}): SecureContext {
  // No authorities: clients show no certificates here.
  return createSecureContext({ cert: chainPem, key: keyPem, ca: [], ciphers: CIPHERS });
}
