/** An installation that orders its certificates at pebble, all of it real: API, background work, an edge, DNS, and the CA. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { SettingKey } from "../../src/config.ts";
import { type Answer, type Database, send } from "../api/harness.ts";
import { CNAME_TARGET, startTestInstallation, type TestInstallation } from "../api/with-edge.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { type Pebble, type PebbleOptions, startPebble } from "./pebble.ts";

export const DOMAINS = "/api/v1/tracking-domains";

export interface AcmeInstallation extends TestInstallation {
  readonly pebble: Pebble;
  /** In front of pebble. */
  readonly proxy: FaultProxy;
  readonly rootPem: string;
  /** Points the name at the edge and creates it, secure unless told otherwise. The edge knows it then. */
  add(domain: string, body?: object): Promise<void>;
  verify(domain: string): Promise<Answer>;
  /** Asks again like a person would: on a machine without idle cores a probe can miss its five seconds. */
  verifyUntilItPasses(domain: string): Promise<Answer>;
  show(domain: string): Promise<Answer["json"]>;
  /** The newest check. */
  lastCheck(domain: string): Promise<Answer["json"]>;
  /** What the ops listener answers. */
  ops(path: string): Promise<Answer>;
}

interface AcmeInstallationOptions {
  readonly pebble?: Partial<PebbleOptions>;
  readonly settings?: Partial<Record<SettingKey, string>>;
}

export async function startAcmeInstallation(
  database: Database,
  options: AcmeInstallationOptions = {},
): Promise<AcmeInstallation> {
  const folder = mkdtempSync(join(tmpdir(), "waypost-acme-"));
  await using started = new AsyncDisposableStack();
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  const ca: { pebble?: Pebble; proxy?: FaultProxy; rootPem?: string } = {};
  const waypost = await startTestInstallation(database, async ({ edgePort, dns }) => {
    const pebble = await startPebble({ httpPort: edgePort, dnsServer: dns.address, ...options.pebble });
    started.defer(() => pebble.stop());
    const proxy = await startFaultProxy(pebble);
    started.defer(() => proxy.close());
    Object.assign(ca, { pebble, proxy, rootPem: await pebble.rootPem() });
    const caFile = join(folder, "ca.pem");
    writeFileSync(caFile, `${pebble.caPem}${ca.rootPem}`);
    const settings = {
      acmeTermsAgreed: "yes",
      acmeDirectory: proxy.directoryUrl,
      // Names under localhost are reached where the edge listens.
      edgeHttpListen: `127.0.0.1:${edgePort}`,
      ...options.settings,
    };
    return { caFile, settings };
  });
  started.use(waypost);
  const { pebble, proxy, rootPem } = ca;
  if (pebble === undefined || proxy === undefined || rootPem === undefined) throw new Error("there is no CA");
  const all = started.move();
  const verify = (domain: string) => waypost.call("POST", `${DOMAINS}/${domain}/verify`);
  return {
    ...waypost,
    pebble,
    proxy,
    rootPem,
    add: async (domain, body = { secure: true }) => {
      waypost.dns.zone.set(domain, { cname: CNAME_TARGET });
      await waypost.nextSnapshot(() => waypost.call("POST", DOMAINS, { body: { domain, ...body } }));
    },
    verify,
    verifyUntilItPasses: async (domain) => {
      const giveUpAt = Date.now() + 60_000;
      for (;;) {
        const answer = await verify(domain);
        if (answer.status === 200) return answer;
        if (Date.now() > giveUpAt) throw new Error(`${domain} was not verified: ${answer.text}`);
      }
    },
    show: async (domain) => (await waypost.call("GET", `${DOMAINS}/${domain}`)).json.results,
    lastCheck: async (domain) =>
      (await waypost.call("GET", `${DOMAINS}/${domain}/checks`)).json.results.checks[0],
    ops: (path) => send(waypost.control.opsAddress.port, "GET", path, { key: null }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Waits for a condition that comes about by itself. */
export async function until(
  what: string,
  isTrue: () => Promise<boolean> | boolean,
  withinMs = 60_000,
): Promise<void> {
  const giveUpAt = Date.now() + withinMs;
  while (!(await isTrue())) {
    if (Date.now() > giveUpAt) throw new Error(`did not come about within ${withinMs} ms: ${what}`);
    await sleep(50);
  }
}
