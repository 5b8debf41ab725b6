/** What issuing takes, all of it real: pebble, DNS, an edge worker that answers the challenges, and an account key. */

import { type Hostname, parseHostname } from "../../src/domain/hostname.ts";
import { writeSnapshot } from "../../src/edge/snapshot-file.ts";
import { type AcmeClient, type AcmeClientOptions, openAcmeClient } from "../../src/tls/acme-client.ts";
import { newKeyPem, readAccountKey } from "../../src/tls/jws.ts";
import { sealKeyRing } from "../../src/token/key-ring.ts";
import { type DnsServer, startDnsServer } from "../dns-server.ts";
import { createInstallation } from "../edge/installation.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { type Pebble, type PebbleOptions, startPebble } from "./pebble.ts";

export interface AcmeRig extends AsyncDisposable {
  readonly pebble: Pebble;
  /** In front of pebble. */
  readonly proxy: FaultProxy;
  readonly dns: DnsServer;
  readonly accountKeyPem: string;
  /**
   * A name that leads to the edge and was never ordered: for tests of the validation, since pebble takes an earlier one of the same
   * name for good now and then, whatever it is told.
   */
  unusedName(): Hostname;
  /** A client with the rig's account, through the proxy. */
  open(over?: Partial<AcmeClientOptions>): Promise<AcmeClient>;
}

const UNUSED_NAMES = 200;

/** The names lead to the edge, which knows them. Others don't exist until they are put into `dns.zone`. */
export async function startAcmeRig(
  given: readonly string[],
  pebbleOptions: Partial<PebbleOptions> = {},
): Promise<AcmeRig> {
  await using started = new AsyncDisposableStack();
  const unused = Array.from({ length: UNUSED_NAMES }, (_, index) =>
    parseHostname(`n${index}.unused.example`),
  );
  const names = [...given, ...unused];
  const accountKeyPem = newKeyPem();
  const installation = started.use(await createInstallation({ publish: false }));
  await writeSnapshot(installation.edgeOptions.snapshotPath, {
    version: 1,
    hosts: new Map(names.map((name) => [name, { owners: [1], blocked: false }])),
    sealedKeys: sealKeyRing(installation.keys, installation.edgeOptions.masterSecret),
    acmeThumbprint: readAccountKey(accountKeyPem).thumbprint,
  });
  const edge = await installation.startWorker();
  const dns = await startDnsServer(Object.fromEntries(names.map((name) => [name, { a: ["127.0.0.1"] }])));
  started.defer(() => dns.close());
  const pebble = await startPebble({ httpPort: edge.address.port, dnsServer: dns.address, ...pebbleOptions });
  started.defer(() => pebble.stop());
  const proxy = await startFaultProxy(pebble);
  started.defer(() => proxy.close());
  const all = started.move();
  return {
    pebble,
    proxy,
    dns,
    accountKeyPem,
    unusedName: () => {
      const name = unused.pop();
      if (name === undefined) throw new Error("there are no unused names left");
      return name;
    },
    open: (over = {}) =>
      openAcmeClient({
        directoryUrl: proxy.directoryUrl,
        accountKeyPem,
        termsAgreed: true,
        extraCa: pebble.caPem,
        ...over,
      }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
