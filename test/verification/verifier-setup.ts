/** A verifier with a real DNS server and a store in memory, for the tests of the verifier and of what drives it. */
import type { TestContext } from "node:test";

import type { VerificationChange } from "../../src/verification/change-log.ts";
import {
  createVerifier,
  type StoppableVerifier,
  type VerifierDeps,
} from "../../src/verification/verifier.ts";
import { type DnsEntry, type DnsServer, startDnsServer } from "../dns-server.ts";
import { type MemoryStore, memoryStore } from "./memory-store.ts";
import { PROBE_KEY } from "./web-servers.ts";

export const CNAME_TARGET = "edge.example.net";

interface LogLine {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

interface Setup {
  readonly verifier: StoppableVerifier;
  readonly store: MemoryStore;
  readonly dns: DnsServer;
  readonly changes: VerificationChange[];
  readonly lines: LogLine[];
  readonly log: VerifierDeps["log"];
  /** The verifier's clock. */
  nowMs: number;
}

type SetupOptions = Partial<VerifierDeps> & {
  readonly names?: Record<string, DnsEntry>;
  /** The port at which the probe expects the edge, by http and by https. */
  readonly port?: number;
};

/** Probes may reach loopback unless told otherwise; the CNAME target's addresses are 127.0.0.2 and nothing else. */
export async function setUp(
  t: TestContext,
  { names = {}, port = 80, ...over }: SetupOptions = {},
): Promise<Setup> {
  const dns = await startDnsServer({ [CNAME_TARGET]: { a: ["127.0.0.2"] }, ...names });
  t.after(() => dns.close());
  const changes: VerificationChange[] = [];
  const lines: LogLine[] = [];
  const at = (level: LogLine["level"]) => (fields: LogLine["fields"], message: string) =>
    lines.push({ level, message, fields });
  const log = { info: at("info"), warn: at("warn"), error: at("error") };
  const store = memoryStore();
  const setup = { store, dns, changes, lines, log, nowMs: Date.UTC(2026, 0, 1) };
  const verifier = createVerifier({
    store,
    isRestricted: () => false,
    isForeignHost: async () => false,
    hasNewCertificate: async () => false,
    probeKey: PROBE_KEY,
    cnameTarget: CNAME_TARGET,
    ports: { publicHttp: port, publicHttps: port, listenHttp: port, listenHttps: port },
    dnsServers: [dns.address],
    allowPrivate: true,
    log,
    now: () => setup.nowMs,
    random: () => 0,
    onChange: (change) => changes.push(change),
    ...over,
  });
  return Object.assign(setup, { verifier });
}
