/**
 * Let's Encrypt's test authority, the real one, on loopback: it validates by HTTP-01 at the port and with the DNS server that it is
 * given. Its own TLS has a certificate made for this run.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { freePort } from "../free-port.ts";
import { issueCertificate } from "../verification/certificates.ts";

export interface PebbleOptions {
  /** Where it looks for the answers to its challenges. */
  readonly httpPort: number;
  /** As `startDnsServer` gives it. */
  readonly dnsServer: string;
  /** How many good nonces in a hundred it refuses. */
  readonly nonceRejectPercent?: number;
  /** Of the certificates that it issues; five years unless given. */
  readonly validitySeconds?: number;
  /** MAC keys (base64url) by key id. New accounts need one of them then. */
  readonly externalAccounts?: Readonly<Record<string, string>>;
  /** Names that it refuses to issue for. */
  readonly blocklist?: readonly string[];
}

export interface Pebble {
  readonly directoryUrl: string;
  /** The authority of its own TLS. */
  readonly caPem: string;
  /** The root of what it issues. */
  rootPem(): Promise<string>;
  /** Ends it. May be called twice. */
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 60_000;
const POLL_MS = 25;

const authority = issueCertificate({ commonName: "Pebble's own TLS", isCa: true });
/** For servers on `localhost` that the same authority vouches for. */
export const localhostCertificate = issueCertificate({
  commonName: "localhost",
  dnsNames: ["localhost"],
  issuer: authority,
});

/** Needs `npm test`, which provides the program. */
export async function startPebble(options: PebbleOptions): Promise<Pebble> {
  const program = process.env["WAYPOST_TEST_PEBBLE"];
  if (program === undefined || program === "")
    throw new Error("This test needs pebble: run the tests with `npm test [FILE…]`, which provides it.");
  const folder = mkdtempSync(join(tmpdir(), "waypost-pebble-"));
  const port = await freePort();
  const managementPort = await freePort();
  writeFileSync(join(folder, "cert.pem"), localhostCertificate.cert);
  writeFileSync(join(folder, "key.pem"), localhostCertificate.key);
  writeFileSync(
    join(folder, "config.json"),
    JSON.stringify(configuration(options, { port, managementPort })),
  );
  const pebble = spawn(program, ["-config", "config.json", "-dnsserver", options.dnsServer], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PEBBLE_VA_NOSLEEP: "1",
      PEBBLE_WFE_NONCEREJECT: String(options.nonceRejectPercent ?? 0),
      // Which still reuses one in a hundred.
      PEBBLE_AUTHZREUSE: "0",
    },
  });
  // A test process that ends early must leave nothing behind.
  const endWithUs = (): boolean => pebble.kill("SIGKILL");
  process.once("exit", endWithUs);
  const stop = async (): Promise<void> => {
    process.off("exit", endWithUs);
    if (pebble.exitCode === null && pebble.signalCode === null) {
      pebble.kill("SIGKILL");
      await once(pebble, "exit");
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const directoryUrl = `https://localhost:${port}/dir`;
  try {
    await untilReady(pebble, directoryUrl);
  } catch (error) {
    await stop();
    throw error;
  }
  const rootUrl = `https://localhost:${managementPort}/roots/0`;
  const rootPem = async (): Promise<string> => {
    const pem = await fetchText(rootUrl);
    if (pem === undefined) throw new Error("pebble is not there to tell its root");
    return pem;
  };
  return { directoryUrl, caPem: authority.cert, rootPem, stop };
}

function configuration(options: PebbleOptions, ports: { port: number; managementPort: number }): object {
  const { externalAccounts, validitySeconds, blocklist = [] } = options;
  return {
    pebble: {
      listenAddress: `127.0.0.1:${ports.port}`,
      managementListenAddress: `127.0.0.1:${ports.managementPort}`,
      certificate: "cert.pem",
      privateKey: "key.pem",
      httpPort: options.httpPort,
      tlsPort: 1,
      ocspResponderURL: "",
      externalAccountBindingRequired: externalAccounts !== undefined,
      externalAccountMACKeys: externalAccounts ?? {},
      domainBlocklist: blocklist,
      ...(validitySeconds === undefined ? {} : { certificateValidityPeriod: validitySeconds }),
    },
  };
}

async function untilReady(pebble: ChildProcess, directoryUrl: string): Promise<void> {
  let said = "";
  for (const stream of [pebble.stdout, pebble.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-4000);
    });
  }
  const deadline = Date.now() + START_DEADLINE_MS;
  while ((await fetchText(directoryUrl)) === undefined) {
    if (pebble.exitCode !== null) throw new Error(`pebble did not start: ${said}`);
    if (Date.now() > deadline) throw new Error(`pebble took over ${START_DEADLINE_MS} ms: ${said}`);
    await sleep(POLL_MS);
  }
}

/** `undefined` while nobody listens there. */
function fetchText(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request(url, { ca: authority.cert, agent: false }, async (response) => {
      resolve(Buffer.concat(await response.toArray()).toString());
    });
    asked.on("error", () => resolve(undefined));
    asked.end();
  });
}
