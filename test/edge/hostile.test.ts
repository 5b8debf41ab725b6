import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent } from "node:http";
import type { Socket } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import fc from "fast-check";

import type { EdgeWorker } from "../../src/edge/worker.ts";
import { systemHolds } from "../system-buffers.ts";
import { ask, openSocket, openWatched, readAll, sendRaw } from "./client.ts";
import { createInstallation, type Installation, TARGET, TENANT } from "./installation.ts";

const HEADERS_TIMEOUT_MS = 1000;
/** With its defaults the edge waits for longer. */
const IN_TIME_MS = 9000;
/** Two seconds and three, as the worker has them, and what a busy machine adds. */
const STOPS_WITHIN_MS = 8000;
const MAX_CONNECTIONS = 40;
const FILES_ASKED_FOR = 100;

let installation: Installation;
let worker: EdgeWorker;
let port: number;

before(async () => {
  installation = await createInstallation();
  worker = await installation.startWorker({
    limits: { headersTimeoutMs: HEADERS_TIMEOUT_MS, requestTimeoutMs: 2000, maxConnections: MAX_CONNECTIONS },
  });
  port = worker.address.port;
});
after(() => installation[Symbol.asyncDispose]());

async function assertStillServes(): Promise<void> {
  assert.equal((await ask({ port, path: installation.clickPath() })).status, 302);
}
function statusOf(reply: string): string {
  return reply.split("\r\n")[0] ?? "";
}

test("a client that sends its headers drop by drop is cut off in time, and others don't notice", async () => {
  const slow = await openSocket(port);
  slow.write("GET / HTTP/1.1\r\n");
  const drip = setInterval(() => slow.write("X: y\r\n"), 20);
  const started = performance.now();
  const reply = readAll(slow, 20_000);
  await assertStillServes();
  assert.match(await reply, /^HTTP\/1\.1 408 /);
  clearInterval(drip);
  assert.ok(performance.now() - started < IN_TIME_MS);
});

test("a client that says nothing at all is cut off in time", async () => {
  const silent = await openSocket(port);
  const started = performance.now();
  await readAll(silent, 20_000);
  assert.ok(performance.now() - started < IN_TIME_MS);
});

test("a flood of headers is refused", async () => {
  const flood = Array.from({ length: 100_000 }, (_, i) => `X-${i}: ${i}\r\n`).join("");
  const reply = await sendRaw(port, `GET / HTTP/1.1\r\nHost: a\r\n${flood}\r\n`);
  assert.match(reply, /^HTTP\/1\.1 431 |^$/);
  await assertStillServes();
});

test("a path of 100 MB is cut off after a few kilobytes", async () => {
  const socket = await openSocket(port);
  const chunk = Buffer.alloc(64 * 1024, "a");
  socket.write("GET /e/");
  const closed = once(socket, "close");
  while (!socket.destroyed && socket.bytesWritten < 100 * 1024 * 1024) {
    if (!socket.write(chunk)) await Promise.race([once(socket, "drain"), closed]).catch(() => undefined);
  }
  // What the kernels buffer between two processes, not what the server read.
  assert.ok(socket.bytesWritten < 32 * 1024 * 1024);
  socket.destroy();
  await assertStillServes();
});

test("pipelined requests are answered each, in order", async () => {
  const paths = Array.from({ length: 300 }, (_, i) =>
    i % 3 === 0 ? "/robots.txt" : installation.clickPath(),
  );
  const requests = paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: click.acme.com\r\n`);
  const bytes = `${requests.join("\r\n")}Connection: close\r\n\r\n`;
  const replies = (await sendRaw(port, bytes, 10_000)).split("HTTP/1.1 ").slice(1);
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 3)),
    paths.map((path) => (path === "/robots.txt" ? "200" : "302")),
  );
});

test("a client that has said all it will say still gets its replies, and then the end", async () => {
  const socket = await openSocket(port);
  const path = installation.clickPath();
  socket.end(`GET ${path} HTTP/1.1\r\nHost: click.acme.com\r\n\r\n`.repeat(3));
  const replies = (await readAll(socket, 20_000)).split("HTTP/1.1 ").slice(1);
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 3)),
    ["302", "302", "302"],
  );
  assert.ok(socket.readableEnded);
});

test("a client that has said nothing, or half of a request, and will say no more is let go at once", async () => {
  for (const bytes of ["", "GET /e/half"]) {
    const socket = await openSocket(port);
    socket.end(bytes);
    assert.match(await readAll(socket, 20_000), /^$|^HTTP\/1\.1 400 /);
    assert.ok(socket.readableEnded);
  }
});

for (const host of [
  "",
  "a b",
  "\u00ff\u00fe",
  "click.acme.com\tx",
  "[",
  "a".repeat(5000),
  "../../etc",
  "%00",
]) {
  test(`the Host ${JSON.stringify(host.slice(0, 20))} reaches nobody's domain and harms nothing`, async () => {
    const request = `GET ${installation.clickPath()} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    assert.match(await sendRaw(port, Buffer.from(request, "latin1")), /^HTTP\/1\.1 (302|400) /);
    await assertStillServes();
  });
}

test("two Host headers are refused or read as one, never as a way around the tenant check", async () => {
  const request = `GET ${installation.clickPath()} HTTP/1.1\r\nHost: click.acme.com\r\nHost: other.example\r\nConnection: close\r\n\r\n`;
  assert.match(await sendRaw(port, request), /^HTTP\/1\.1 (302|400) /);
});

test("line breaks in a path, encoded or not, never reach a header", async () => {
  const encoded = await sendRaw(
    port,
    `GET ${installation.clickPath()}%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
  );
  assert.doesNotMatch(encoded, /Set-Cookie/i);
  const bare = await sendRaw(port, "GET /e/a\rSet-Cookie:b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  assert.match(bare, /^HTTP\/1\.1 400 /);
  assert.doesNotMatch(bare, /Set-Cookie/i);
});

test("an absolute-form target is served as the origin form is", async () => {
  const request = `GET http://CLICK.acme.com${installation.clickPath()} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
  const reply = await sendRaw(port, request);
  assert.equal(statusOf(reply), "HTTP/1.1 302 Found");
  assert.ok(reply.includes(`Location: ${TARGET}\r\n`));
});

test("HTTP/1.1 without Host is refused, HTTP/1.0 without Host is served", async () => {
  const path = installation.clickPath();
  assert.match(await sendRaw(port, `GET ${path} HTTP/1.1\r\nConnection: close\r\n\r\n`), /^HTTP\/1\.1 400 /);
  assert.match(await sendRaw(port, `GET ${path} HTTP/1.0\r\n\r\n`), /^HTTP\/1\.1 302 /);
});

test("a body is not asked for, not read, and ends the connection", async () => {
  const post = await sendRaw(
    port,
    "POST /e/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n",
  );
  assert.match(post, /^HTTP\/1\.1 405 /);
  assert.doesNotMatch(post, /100 Continue/);
  const get = await sendRaw(
    port,
    `GET ${installation.clickPath()} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
  );
  assert.match(get, /^HTTP\/1\.1 302 [\s\S]*Connection: close\r\n/);
});

test("two lengths in one request are refused, so that nothing can be smuggled", async () => {
  const reply = await sendRaw(
    port,
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
  );
  assert.match(reply, /^HTTP\/1\.1 400 /);
});

for (const request of [
  "CONNECT shop.example:443 HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
  "\u0016\u0003\u0001\u0002\u0000\u0001",
  "\r\n\r\n\r\n",
]) {
  test(`${JSON.stringify(request.slice(0, 30))} gets no redirect and harms nothing`, async () => {
    assert.doesNotMatch(await sendRaw(port, Buffer.from(request, "latin1"), 500), /Location/);
    await assertStillServes();
  });
}

test("CONNECT is a method like any other that isn't served", async () => {
  const before = worker.stats().counts.replies.method_not_allowed;
  const reply = await sendRaw(port, "CONNECT shop.example:443 HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.match(reply, /^HTTP\/1\.1 405 [\s\S]*Allow: GET, HEAD\r\n/);
  assert.equal(worker.stats().counts.replies.method_not_allowed, before + 1);
});

test("a flood of silent connections keeps nobody out, and ends none that has asked for something", async () => {
  const before = worker.stats().counts.droppedConnections;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const used = { port, path: "/robots.txt", agent };
  assert.equal((await ask(used)).status, 200);
  const flood = await Promise.all(Array.from({ length: 3 * MAX_CONNECTIONS }, () => openSocket(port)));
  for (let n = 0; n < 10; n += 1) await assertStillServes();
  assert.equal((await ask(used)).status, 200);
  assert.ok(worker.stats().counts.droppedConnections > before);
  for (const socket of flood) socket.destroy();
  agent.destroy();
});

test("connections that stay open after their reply cannot take all the places", async () => {
  const open: Socket[] = [];
  for (let n = 0; n < 2 * MAX_CONNECTIONS; n += 1) {
    const socket = await openSocket(port);
    open.push(socket);
    socket.write("GET /robots.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    const [reply] = await once(socket, "data");
    assert.match(String(reply), /^HTTP\/1\.1 200 /);
  }
  await assertStillServes();
  for (const socket of open) socket.destroy();
});

for (const [what, ofRequests] of [
  ["a large reply", (files: string) => files],
  ["replies behind small ones", (files: string) => `GET /robots.txt HTTP/1.1\r\nHost: a\r\n\r\n${files}`],
] as const) {
  test(`a client that doesn't read ${what} is cut off in time`, async () => {
    await using own = await createInstallation();
    const bytes = Math.ceil((2 * (await systemHolds())) / FILES_ASKED_FOR);
    const files = { "assetlinks.json": "x".repeat(bytes) };
    await own.publish(2, new Map([["click.acme.com", { owners: [TENANT], blocked: false, files }]]));
    const { address } = await own.startWorker({ limits: { silenceTimeoutMs: 300 } });
    const { socket, cutOff } = await openWatched(address.port, openSocket);
    const file = "GET /.well-known/assetlinks.json HTTP/1.1\r\nHost: click.acme.com\r\n\r\n";
    socket.write(ofRequests(file.repeat(FILES_ASKED_FOR)));
    await cutOff;
    const replies = await readAll(socket, 10_000);
    assert.match(replies, /^HTTP\/1\.1 200 /);
    assert.ok(replies.length < FILES_ASKED_FOR * bytes, `${replies.length} bytes came`);
  });
}

for (const [what, request, maxRequestsPerConnection] of [
  ["refusals of its expectations", "GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 1_000_000],
  ["invitations", "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", 1_000_000],
  ["refusals of more requests", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1],
] as const) {
  test(`a client that doesn't read ${what} is cut off in time`, async () => {
    await using own = await createInstallation();
    const { address } = await own.startWorker({
      limits: { silenceTimeoutMs: 300, maxRequestsPerConnection },
    });
    const socket = await openSocket(address.port);
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    socket.once("close", () => resolve());
    // More than the kernels buffer between two processes. A socket that is written to hears of its end without being read.
    const requests = Buffer.from(request.repeat(20_000));
    const writing = setInterval(() => {
      if (socket.writableLength < requests.length) socket.write(requests);
    }, 20);
    await closed;
    clearInterval(writing);
  });
}

test("stopping ends tunnels that were refused behind replies that nobody reads", async () => {
  await using own = await createInstallation();
  const files = { "assetlinks.json": "x".repeat(128 * 1024) };
  await own.publish(2, new Map([["click.acme.com", { owners: [TENANT], blocked: false, files }]]));
  const stopped = await own.startWorker({ limits: { silenceTimeoutMs: 300 } });
  const file = "GET /.well-known/assetlinks.json HTTP/1.1\r\nHost: click.acme.com\r\n\r\n";
  const sockets = await Promise.all(Array.from({ length: 60 }, () => openSocket(stopped.address.port)));
  for (const [index, socket] of sockets.entries()) {
    socket.write(`${file.repeat(20 + index)}CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n`);
  }
  await sleep(300);
  const startedMs = performance.now();
  await stopped.stop();
  assert.ok(performance.now() - startedMs < STOPS_WITHIN_MS);
  for (const socket of sockets) socket.destroy();
});

test("random bytes never make the edge redirect, fail or stop", async () => {
  const line = fc.oneof(
    fc.constant("GET /e/x HTTP/1.1\r\nHost: a\r\n"),
    fc.constant("\r\n\r\n"),
    fc.string({ unit: "binary" }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 5 }), async (lines) => {
      assert.doesNotMatch(await sendRaw(port, lines.join(""), 20), /Location/);
    }),
    { numRuns: 50 },
  );
  await assertStillServes();
});
