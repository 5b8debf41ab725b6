import assert from "node:assert/strict";
import { test } from "node:test";

import { onBothDatabases } from "../api/harness.ts";
import { issueCertificate } from "../verification/certificates.ts";
import { addEvents, addWebhook, createPlace, deliver, open, receiver, until } from "./delivery-setup.ts";
import { accept, type Behaviour, type Receiver } from "./receiver.ts";

const HOST = "hooks.localhost";
const HUNDRED_MB = 100 * 1024 * 1024;
const CHUNK = Buffer.alloc(256 * 1024);
const AUTHORITY = issueCertificate({ commonName: "Test CA", isCa: true });
const GOOD = issueCertificate({ commonName: HOST, dnsNames: [HOST], issuer: AUTHORITY });
const LIES = {
  otherName: issueCertificate({ commonName: "x", dnsNames: ["other.localhost"], issuer: AUTHORITY }),
  nobodys: issueCertificate({ commonName: HOST, dnsNames: [HOST] }),
  ended: issueCertificate({
    commonName: HOST,
    dnsNames: [HOST],
    issuer: AUTHORITY,
    notAfter: new Date(Date.now() - 60_000),
  }),
};

function answering(behave: Behaviour): (target: Receiver) => void {
  return (target) => {
    target.behave = behave;
  };
}

const sendHundredMegabytes: Behaviour = (response) => {
  response.writeHead(500);
  let sent = 0;
  const write = (): void => {
    while (sent < HUNDRED_MB && !response.destroyed) {
      sent += CHUNK.length;
      if (!response.write(CHUNK)) return void response.once("drain", write);
    }
    response.end();
  };
  write();
};

/** What the receiver does, and what the batch status says of it. */
const MISDEEDS: readonly (readonly [name: string, failure: string, begin: (target: Receiver) => void])[] = [
  ["hangs", "timeout", answering(() => undefined)],
  ["closes the connection", "UND_ERR_SOCKET", answering((response) => void response.socket?.destroy())],
  ["answers 500", "500", answering((response) => response.writeHead(500).end())],
  [
    "redirects",
    "307",
    answering((response) => response.writeHead(307, { location: "http://127.0.0.1:1/" }).end()),
  ],
  ["sends 100 MB", "500", answering(sendHundredMegabytes)],
  [
    "shows the certificate of another name",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    (target) => target.showCertificate(LIES.otherName),
  ],
  [
    "shows a certificate of no authority",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    (target) => target.showCertificate(LIES.nobodys),
  ],
  ["shows a certificate that has ended", "CERT_HAS_EXPIRED", (target) => target.showCertificate(LIES.ended)],
];

onBothDatabases("the worst that a receiver does", (database) => {
  test("every event arrives in order, and every batch under the id that it had before", async (t) => {
    const store = await open(t, await createPlace(t, database));
    const target = await receiver(t, { tls: GOOD });
    const id = await addWebhook(store, target.url);
    deliver(t, store, { timeoutMs: 3000, extraCa: AUTHORITY.cert });
    const listed = (state: "failing" | "delivered") =>
      store.webhookReplays.listBatches(id, { state, withinMs: 3_600_000, limit: 100 });
    const ids: string[] = [];
    for (const [name, failure, begin] of MISDEEDS) {
      begin(target);
      ids.push(...(await addEvents(store, 3)));
      await until(async () => (await listed("failing")).length === 1, `the receiver ${name}`);
      const [failed] = await listed("failing");
      assert.equal(failed?.failureCode, failure, name);
      ids.push(...(await addEvents(store, 3)));
      target.behave = accept;
      target.showCertificate(GOOD);
      await store.webhooks.retryNow(id);
      await until(() => target.deliveredIds().length === ids.length, `what waited while it ${name} arrives`);
      await until(async () => (await listed("failing")).length === 0, "and is noted so");
      const again = target.batches.findLast(({ batchId }) => batchId === failed.id);
      assert.equal(again?.eventIds[0], ids.at(-6), `the batch came under its id after the receiver ${name}`);
    }
    assert.deepEqual(target.deliveredIds(), ids);
    assert.deepEqual(target.complaints, []);
    for (const batches of Map.groupBy(target.batches, ({ batchId }) => batchId).values())
      assert.equal(new Set(batches.map(({ body }) => body)).size, 1);
  });
});
