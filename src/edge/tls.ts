/**
 * TLS on the edge: each host's own certificate by SNI, and no other's. A host without a certificate gets no default one but
 * an alert.
 */
import { constants, hkdfSync } from "node:crypto";
import type { Server } from "node:https";
import type { TlsOptions } from "node:tls";

import { CIPHERS, TlsContexts, type TlsContextsOptions } from "./tls-contexts.ts";

const TICKET_KEY_BYTES = 48;
/** Resuming saves a handshake for those who come again soon; a stolen ticket key opens no longer than this. */
const TICKET_KEY_MS = 12 * 3_600_000;
const ROTATION_CHECK_MS = 30_000;

/** For `https.createServer`. */
export function tlsOptions(options: TlsContextsOptions): TlsOptions {
  const contexts = new TlsContexts(options);
  return {
    // Without a context and without a default certificate OpenSSL sends an alert.
    SNICallback: (serverName, callback) => {
      const found = contexts.find(serverName);
      if (found instanceof Promise) void found.then((context) => callback(null, context));
      else callback(null, found);
    },
    minVersion: "TLSv1.2",
    ciphers: CIPHERS,
    // Those without hardware for AES ask for ChaCha20 first.
    honorCipherOrder: false,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ALPNProtocols: ["http/1.1"],
    sessionTimeout: TICKET_KEY_MS / 1000,
    // Node's own default comes from the command line: another path to the program would be another context.
    sessionIdContext: "waypost",
  };
}

/**
 * Gives the server the ticket keys of the time, from now on until stopped. It looks at the clock again and again, so that one that
 * is set, or was asleep, keeps nobody from having the keys that all others have.
 *
 * Node takes one set of keys: a client with a ticket of the last period makes a full handshake, without an error.
 */
export function followTicketKeys(
  server: Pick<Server, "setTicketKeys">,
  masterSecret: string,
  now: () => number,
): () => void {
  let period: number | undefined;
  const look = (): void => {
    const current = Math.floor(now() / TICKET_KEY_MS);
    if (current === period) return;
    period = current;
    server.setTicketKeys(ticketKeys(masterSecret, current));
  };
  look();
  const timer = setInterval(look, ROTATION_CHECK_MS).unref();
  return () => clearInterval(timer);
}

/** From the master secret and the time alone: all workers and machines have the same, and none is stored. */
function ticketKeys(masterSecret: string, period: number): Buffer {
  return Buffer.from(hkdfSync("sha256", masterSecret, "", `waypost tls tickets ${period}`, TICKET_KEY_BYTES));
}
