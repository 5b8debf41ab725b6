import assert from "node:assert/strict";
import { test } from "node:test";

import { newProbeNonce, readProbeAnswer } from "../../src/token/probe-mac.ts";
import { ask, sendRaw } from "./client.ts";
import { createInstallation, TARGET, TENANT } from "./installation.ts";

test("a click over HTTP is a redirect of known bytes, with the event recorded by then", async () => {
  await using installation = await createInstallation();
  const { port } = (await installation.startWorker()).address;
  const path = installation.clickPath();
  const reply = await sendRaw(
    port,
    `GET ${path} HTTP/1.1\r\nHost: Click.Acme.com:${port}\r\nConnection: close\r\n\r\n`,
  );
  const [head = "", body] = reply.split("\r\n\r\n");
  const lines = head.split("\r\n").filter((line) => !line.startsWith("Date: "));
  assert.deepEqual(lines, [
    "HTTP/1.1 302 Found",
    "Server: waypost",
    "Content-Type: text/plain",
    `Location: ${TARGET}`,
    "X-Robots-Tag: noindex",
    "Content-Length: 0",
    "Connection: close",
  ]);
  assert.equal(body, "");
  const [event] = await installation.recorded();
  assert.equal(event?.type, "click");
  assert.equal(event?.subaccountId, TENANT);
  assert.equal(event?.trackingDomain, "click.acme.com");
  assert.equal(event?.targetLinkUrl, TARGET);
  assert.equal(event?.targetLinkName, "shop");
  assert.equal(event?.ipAddress, "127.0.0.1");
});

test("an open over HTTP is the 44-byte GIF that caches leave alone", async () => {
  await using installation = await createInstallation();
  const { port } = (await installation.startWorker()).address;
  const headers = { "user-agent": "Mail/1.0", "accept-language": "de" };
  const { status, headers: sent, body } = await ask({ port, path: installation.openPath(), headers });
  assert.equal(status, 200);
  assert.equal(sent["content-type"], "image/gif");
  assert.equal(sent["cache-control"], "no-cache, max-age=0");
  assert.equal(body.length, 44);
  assert.equal(body.subarray(0, 6).toString(), "GIF89a");
  const [event] = await installation.recorded();
  assert.deepEqual([event?.type, event?.userAgent, event?.acceptLanguage], ["open", "Mail/1.0", "de"]);
});

test("what was fetched ahead of anybody's click is recorded as such", async () => {
  await using installation = await createInstallation();
  const { port } = (await installation.startWorker()).address;
  const headers = { "sec-purpose": "prefetch;prerender" };
  assert.equal((await ask({ port, path: installation.clickPath(), headers })).status, 302);
  assert.equal((await installation.recorded())[0]?.purpose, "prerender");
});

test("HEAD has the same header fields, no body and no event", async () => {
  await using installation = await createInstallation();
  const { port } = (await installation.startWorker()).address;
  const click = await ask({ port, path: installation.clickPath(), method: "HEAD" });
  const open = await ask({ port, path: installation.openPath(), method: "HEAD" });
  assert.deepEqual([click.status, click.headers.location], [302, TARGET]);
  assert.deepEqual([open.status, open.headers["content-length"], open.body.length], [200, "44", 0]);
  assert.deepEqual(await installation.recorded(), []);
});

test("robots, unknown paths, other methods and probes are answered, and record nothing", async () => {
  await using installation = await createInstallation();
  const { port } = (await installation.startWorker()).address;
  const robots = await ask({ port, path: "/robots.txt" });
  assert.equal(robots.body.toString(), "User-Agent: *\nDisallow: /\n");
  const unknown = await ask({ port, path: "/favicon.ico" });
  assert.equal(unknown.status, 404);
  assert.ok(unknown.body.length < 200);
  const options = await ask({ port, path: installation.clickPath(), method: "OPTIONS" });
  assert.deepEqual([options.status, options.headers.allow], [405, "GET, HEAD"]);
  const nonce = newProbeNonce();
  const probe = await ask({ port, path: `/.well-known/waypost/${nonce}` });
  assert.deepEqual([probe.status, probe.headers["cache-control"]], [200, "no-store"]);
  const answer = readProbeAnswer(probe.body.toString(), nonce, installation.keys.probeKey);
  assert.deepEqual(answer, { hostSeen: "click.acme.com" });
  for (const reply of [robots, unknown, options, probe]) assert.equal(reply.headers.server, "waypost");
  assert.deepEqual(await installation.recorded(), []);
});

test("every reply and every rejection is counted by its kind", async () => {
  await using installation = await createInstallation();
  const worker = await installation.startWorker();
  const { port } = worker.address;
  await ask({ port, path: installation.clickPath() });
  await ask({ port, path: installation.openPath() });
  await ask({ port, path: "/nothing" });
  await ask({ port, path: "/e/AAAA" });
  await ask({ port, path: "/e/x", method: "DELETE" });
  const { counts, spool, snapshotVersion } = worker.stats();
  assert.equal(snapshotVersion, 1);
  assert.equal(counts.replies.redirect, 1);
  assert.equal(counts.replies.pixel, 1);
  assert.equal(counts.replies.not_found, 2);
  assert.equal(counts.replies.method_not_allowed, 1);
  assert.equal(counts.rejections.unknown_path, 1);
  assert.equal(counts.rejections.malformed, 1);
  assert.equal(counts.lateCommits, 0);
  assert.equal(spool.storedEvents, 2);
});

test("an edge without a snapshot says that it is not ready, and serves as soon as there is one", async (t) => {
  await using installation = await createInstallation({ publish: false });
  const worker = await installation.startWorker();
  const { port } = worker.address;
  const path = installation.clickPath();
  const early = await ask({ port, path });
  assert.deepEqual([early.status, early.headers["retry-after"]], [503, "1"]);
  await installation.publish(1);
  await t.waitFor(async () => assert.equal((await ask({ port, path })).status, 302), {
    interval: 20,
    timeout: 60_000,
  });
  assert.equal((await installation.recorded()).length, 1);
});

test("behind a trusted proxy the event has the recipient's address and the host they asked for", async () => {
  await using installation = await createInstallation();
  const { port } = (await installation.startWorker({ trustedProxies: ["127.0.0.0/8"] })).address;
  const headers = {
    host: "origin.internal",
    "x-forwarded-host": "click.acme.com",
    "x-forwarded-for": "192.0.2.9",
  };
  await ask({ port, path: installation.clickPath(), headers });
  const [event] = await installation.recorded();
  assert.deepEqual([event?.trackingDomain, event?.ipAddress], ["click.acme.com", "192.0.2.9"]);
});

test("an address that asks too often gets 403 and records nothing more", async () => {
  await using installation = await createInstallation();
  const { port } = (await installation.startWorker({ maxRequestsPerAddress: 2 })).address;
  const statuses: number[] = [];
  for (let i = 0; i < 3; i += 1) statuses.push((await ask({ port, path: installation.clickPath() })).status);
  assert.deepEqual(statuses, [302, 302, 403]);
  assert.equal((await installation.recorded()).length, 2);
});

test("a snapshot that is swapped under load loses no request, and a blocked domain stops redirecting", async (t) => {
  await using installation = await createInstallation();
  const worker = await installation.startWorker();
  const { port } = worker.address;
  let failures = 0;
  let isLoading = true;
  const client = async (): Promise<void> => {
    while (isLoading) {
      const { status } = await ask({ port, path: installation.clickPath() });
      if (status !== 302) failures += 1;
    }
  };
  const clients = Array.from({ length: 8 }, client);
  for (let version = 2; version <= 4; version += 1) {
    const others = Array.from({ length: 10_000 * version }, (_, i) => [
      `c${i}.example`,
      { owners: [i], blocked: false },
    ]);
    await installation.publish(
      version,
      new Map([["click.acme.com", { owners: [TENANT], blocked: false }], ...(others as [])]),
    );
    await t.waitFor(() => assert.equal(worker.stats().snapshotVersion, version), {
      interval: 20,
      timeout: 60_000,
    });
  }
  isLoading = false;
  await Promise.all(clients);
  assert.equal(failures, 0);
  await installation.publish(5, new Map([["click.acme.com", { owners: [TENANT], blocked: true }]]));
  await t.waitFor(
    async () => assert.equal((await ask({ port, path: installation.clickPath() })).status, 403),
    { interval: 20, timeout: 60_000 },
  );
});
