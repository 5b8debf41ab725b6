/** A control plane as in harness.ts with a real edge worker beside it, on a loopback address of its own. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { SettingKey } from "../../src/config.ts";
import { CERTIFICATE_FOLDER, SNAPSHOT_FILE, SPOOL_FOLDER } from "../../src/data-directory.ts";
import { startEdgeWorker } from "../../src/edge/worker.ts";
import { readMasterSecret } from "../../src/master-secret.ts";
import { type DnsServer, startDnsServer } from "../dns-server.ts";
import { freePort } from "../free-port.ts";
import { type Answer, type Database, send, startTestApi, type TestApi } from "./harness.ts";

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
export const CNAME_TARGET = "edge.waypost.example";

export interface TestInstallation extends TestApi {
  readonly dns: DnsServer;
  readonly edgePort: number;
  readonly tlsPort: number;
  /** Resolves once the edge has taken up a snapshot later than the one it has now. */
  nextSnapshot(change: () => Promise<unknown>): Promise<void>;
  /** A request to the edge as a recipient sends it. */
  visit(
    url: string,
    options?: { readonly method?: string; readonly headers?: Record<string, string> },
  ): Promise<Answer>;
  /** Points the name at the edge, creates it and verifies it. */
  addVerifiedDomain(domain: string, headers?: Record<string, string>): Promise<void>;
}

/** With an HTTPS listener, whose probes trust this authority. */
export interface TestTls {
  readonly caFile: string;
  /** Further settings. */
  readonly settings?: Partial<Record<SettingKey, string>>;
}

/** Known before anything of Waypost has started. */
export interface Surroundings {
  readonly edgePort: number;
  readonly dns: DnsServer;
}

export async function startTestInstallation(
  database: Database,
  given?: TestTls | ((surroundings: Surroundings) => Promise<TestTls>),
): Promise<TestInstallation> {
  await using started = new AsyncDisposableStack();
  const edgePort = await freePort();
  const tlsPort = await freePort();
  const dns = await startDnsServer({ [CNAME_TARGET]: { a: ["127.0.0.1"] } });
  started.defer(() => dns.close());
  const tls = typeof given === "function" ? await given({ edgePort, dns }) : given;
  const api = await startTestApi(database, {
    cnameTarget: CNAME_TARGET,
    supportEmail: "help@waypost.example",
    dnsServers: dns.address,
    probePrivate: "allow",
    publicHttpPort: String(edgePort),
    ...(tls === undefined ? {} : { publicHttpsPort: String(tlsPort), caFile: tls.caFile, ...tls.settings }),
  });
  started.use(api);
  const edge = await startEdgeWorker({
    listen: { host: "127.0.0.1", port: edgePort },
    snapshotPath: join(api.dataDir, SNAPSHOT_FILE),
    masterSecret: readMasterSecret(api.dataDir, api.secret),
    spoolDirectory: join(api.dataDir, SPOOL_FOLDER),
    maxSpoolBytes: 64 * 1024 * 1024,
    commitDeadlineMs: 1000,
    trustedProxies: [],
    ...(tls === undefined
      ? {}
      : {
          tls: {
            listen: { host: "127.0.0.1", port: tlsPort },
            certificateFolder: join(api.dataDir, CERTIFICATE_FOLDER),
          },
        }),
    log: SILENT,
  });
  started.defer(() => edge.stop());
  const all = started.move();
  return {
    ...api,
    dns,
    edgePort,
    tlsPort,
    visit: (url, { method = "GET", headers = {} } = {}) => {
      const { host, pathname, search } = new URL(url);
      return send(edgePort, method, `${pathname}${search}`, { key: null, headers: { host, ...headers } });
    },
    nextSnapshot: async (change) => {
      const before = edge.stats().snapshotVersion ?? 0;
      await change();
      for (let tries = 0; tries < 2400; tries += 1) {
        if ((edge.stats().snapshotVersion ?? 0) > before) return;
        await sleep(25);
      }
      throw new Error("the edge took up no new snapshot");
    },
    addVerifiedDomain: async (domain, headers = {}) => {
      dns.zone.set(domain, { cname: CNAME_TARGET });
      await api.call("POST", "/api/v1/tracking-domains", { body: { domain }, headers });
      const { json } = await api.call("POST", `/api/v1/tracking-domains/${domain}/verify`, { headers });
      if (json.results?.verified !== true)
        throw new Error(`${domain} was not verified: ${JSON.stringify(json)}`);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
