import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, before, type TestContext, test } from "node:test";
import { connect } from "node:tls";

import fc from "fast-check";

import { type EdgeOptions, type EdgeWorker, startEdgeWorker } from "../../src/edge/worker.ts";
import { systemHolds } from "../system-buffers.ts";
import { createAuthority } from "./authority.ts";
import { openSocket, openWatched, readAll, sendRaw } from "./client.ts";
import { createInstallation, type Installation } from "./installation.ts";
import { clientHello, openssl, shakeHands } from "./tls-client.ts";

const HOST = "click.acme.com";
const HANDSHAKE_TIMEOUT_MS = 2000;
const MAX_HANDSHAKES = 30;
const HANDSHAKE_RECORD = Buffer.of(22, 3, 1);

const authority = createAuthority();
let installation: Installation;
let worker: EdgeWorker;
let port: number;
let hello: Buffer;

before(async () => {
  installation = await createInstallation({ publish: false });
  await installation.publish(1, new Map([[HOST, await installation.certify(HOST, authority.issue(HOST))]]));
  worker = await installation.startWorker({
    tls: installation.tls,
    limits: { handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS, maxHandshakes: MAX_HANDSHAKES },
  });
  port = worker.tlsAddress?.port ?? 0;
  hello = await clientHello(HOST);
});
after(() => installation[Symbol.asyncDispose]());

async function assertStillServes(at = port): Promise<void> {
  const path = installation.clickPath();
  const { status } = await shakeHands({ port: at, servername: HOST, ca: authority.rootPem, path });
  assert.equal(status, 302);
}
/** Clients that get no further with their handshake than this. */
async function stuck(count: number, bytes: Buffer, at = port): Promise<readonly Socket[]> {
  const sockets = await Promise.all(Array.from({ length: count }, () => openSocket(at)));
  for (const socket of sockets) {
    socket.resume();
    socket.write(bytes);
  }
  return sockets;
}
/** A worker that the test stops itself. */
const startStoppable = (over: Partial<EdgeOptions> = {}): Promise<EdgeWorker> =>
  startEdgeWorker({ ...installation.edgeOptions, tls: installation.tls, ...over });
const areOpen = (sockets: readonly Socket[]): number => sockets.filter(({ closed }) => !closed).length;
const allEnd = (t: TestContext, sockets: readonly Socket[]): Promise<void> =>
  // The edge's own limit, without what the tests set, is longer.
  t.waitFor(() => assert.equal(areOpen(sockets), 0), { interval: 20, timeout: 9000 });

test("plain HTTP gets no reply and a closed connection, at once", async () => {
  const request = `GET ${installation.clickPath()} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
  const before = worker.stats().counts.tls.failedHandshakes;
  assert.doesNotMatch(await sendRaw(port, request, 10_000), /HTTP|Location/);
  assert.equal(worker.stats().counts.tls.failedHandshakes, before + 1);
  await assertStillServes();
});

/** One that has shaken hands, and keeps its side open when the other ends. */
async function secureSocket(to = port): Promise<Socket> {
  const peer = { port: to, host: "127.0.0.1", servername: HOST, ca: authority.rootPem, allowHalfOpen: true };
  const socket = connect(peer);
  // A server may end a connection however it likes; what it answered before counts.
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  return socket;
}

test("a client that has said all it will say still gets its replies, and then the end", async () => {
  const socket = await secureSocket();
  const path = installation.clickPath();
  socket.end(`GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`.repeat(3));
  const replies = (await readAll(socket, 20_000)).split("HTTP/1.1 ").slice(1);
  assert.deepEqual(
    replies.map((reply) => reply.slice(0, 3)),
    ["302", "302", "302"],
  );
  assert.ok(socket.readableEnded);
});

test("a client that has said nothing, or half of a request, and will say no more is let go at once", async () => {
  for (const bytes of ["", "GET /e/half"]) {
    const socket = await secureSocket();
    socket.end(bytes);
    assert.match(await readAll(socket, 20_000), /^$|^HTTP\/1\.1 400 /);
    assert.ok(socket.readableEnded);
  }
});

test("a client that ends its side and doesn't read what it asked for is cut off in time", async () => {
  await using own = await createInstallation({ publish: false });
  const entry = await own.certify(HOST, authority.issue(HOST));
  const count = 100;
  const bytes = Math.ceil((2 * (await systemHolds())) / count);
  const files = { "assetlinks.json": "x".repeat(bytes) };
  await own.publish(1, new Map([[HOST, { ...entry, files }]]));
  const { tlsAddress } = await own.startWorker({ tls: own.tls, limits: { silenceTimeoutMs: 300 } });
  const { socket, cutOff } = await openWatched(tlsAddress?.port ?? 0, secureSocket);
  const file = `GET /.well-known/assetlinks.json HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
  socket.end(file.repeat(count));
  await cutOff;
  const replies = await readAll(socket, 10_000);
  assert.match(replies, /^HTTP\/1\.1 200 /);
  assert.ok(replies.length < count * bytes, `${replies.length} bytes came`);
});

for (const [what, bytes] of [
  ["says nothing", () => Buffer.alloc(0)],
  ["sends half of its first message", () => hello.subarray(0, hello.length / 2)],
  ["doesn't go on after its first message", () => hello],
] as const) {
  test(`a client that ${what} is cut off in time, and others don't notice`, async (t) => {
    const sockets = await stuck(10, bytes());
    await assertStillServes();
    await allEnd(t, sockets);
  });
}

test("a client that ends its side in the middle of a handshake is let go at once", async () => {
  await using own = await createInstallation();
  const { tlsAddress } = await own.startWorker({ tls: own.tls });
  for (const bytes of [Buffer.alloc(0), hello.subarray(0, hello.length / 2), hello]) {
    const socket = await openSocket(tlsAddress?.port ?? 0);
    socket.end(bytes);
    await readAll(socket, 20_000);
    assert.ok(socket.readableEnded, `after ${bytes.length} bytes`);
  }
});

test("a client that sends its first message drop by drop is cut off in time", async () => {
  const slow = await openSocket(port);
  let sent = 0;
  const drip = setInterval(() => {
    slow.write(hello.subarray(sent, sent + 1));
    sent += 1;
  }, 20);
  await assertStillServes();
  await readAll(slow, 10_000);
  clearInterval(drip);
  assert.ok(sent < hello.length);
});

test("a first message of 16 MB is cut off after a few kilobytes", async () => {
  const socket = await openSocket(port);
  socket.resume();
  const closed = once(socket, "close");
  // Its length, 24 bits, then records that are full of it.
  const start = Buffer.of(1, 255, 255, 255, 3, 3);
  const record = (content: Buffer): Buffer =>
    Buffer.concat([HANDSHAKE_RECORD, Buffer.of(content.length >> 8, content.length & 255), content]);
  socket.write(record(Buffer.concat([start, Buffer.alloc(16_000)])));
  while (!socket.destroyed && socket.bytesWritten < 32 * 1024 * 1024) {
    if (!socket.write(record(Buffer.alloc(16_000)))) {
      await Promise.race([once(socket, "drain"), closed]).catch(() => undefined);
    }
  }
  // What the kernels buffer between two processes, not what the server read.
  assert.ok(socket.bytesWritten < 16 * 1024 * 1024);
  await assertStillServes();
});

test("however many handshakes are begun and not finished, so many are held, and those that go on are served", async (t) => {
  // None of them ends by its time limit, however long this takes.
  const limits = { handshakeTimeoutMs: 600_000, maxHandshakes: MAX_HANDSHAKES };
  const patient = await startStoppable({ limits });
  const at = patient.tlsAddress?.port;
  const floods: Socket[] = [];
  for (let wave = 0; wave < 5; wave += 1) {
    floods.push(...(await stuck(2 * MAX_HANDSHAKES, hello, at)));
    await assertStillServes(at);
  }
  const dropped = patient.stats().counts.droppedConnections;
  assert.ok(dropped >= floods.length - MAX_HANDSHAKES, `${dropped} of ${floods.length} made room`);
  await t.waitFor(() => assert.ok(areOpen(floods) <= MAX_HANDSHAKES), { interval: 20, timeout: 60_000 });
  for (const socket of floods) socket.destroy();
  await patient.stop();
});

test("a flood of handshakes for names that nobody has is refused, and others are served", async () => {
  const before = worker.stats().counts.tls.unknownNames;
  const unknown = await clientHello("unknown.example");
  for (let wave = 0; wave < 10; wave += 1) {
    const replies = await Promise.all(Array.from({ length: 20 }, () => sendRaw(port, unknown, 10_000)));
    // A fatal alert, handshake_failure, in a record of its own.
    for (const reply of replies) assert.equal(reply, "\x15\x03\x03\x00\x02\x02\x28");
  }
  assert.equal(worker.stats().counts.tls.unknownNames, before + 200);
  await assertStillServes();
});

test("a client can't negotiate again within its connection", async () => {
  const { said } = await openssl(port, ["-servername", HOST, "-tls1_2"], "R\n");
  assert.match(said, /RENEGOTIATING/);
  assert.match(said, /no renegotiation/);
  await assertStillServes();
});

test("a client that resets its connection in the middle of a handshake harms nothing", async () => {
  for (const bytes of [Buffer.alloc(0), hello.subarray(0, 20), hello]) {
    for (const socket of await stuck(20, bytes)) socket.resetAndDestroy();
  }
  await assertStillServes();
});

test("bytes that are no TLS, or nearly, never fail or stop the edge", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((noise) => Buffer.from(noise)),
    fc.uint8Array({ maxLength: 300 }).map((noise) => Buffer.concat([HANDSHAKE_RECORD, noise])),
    fc.record({ at: fc.nat(), to: fc.nat({ max: 255 }) }).map(({ at, to }) => {
      const changed = Buffer.from(hello);
      changed[at % hello.length] = to;
      return changed;
    }),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (sent) => {
      assert.doesNotMatch(await sendRaw(port, sent, 30), /HTTP/);
    }),
    { numRuns: 100 },
  );
  await assertStillServes();
});

test("a worker that stops doesn't wait for handshakes that nobody finishes", async () => {
  const patient = await startStoppable({ limits: { handshakeTimeoutMs: 600_000 } });
  const socket = await openSocket(patient.tlsAddress?.port ?? 0);
  socket.write(hello);
  await once(socket, "data");
  const closed = once(socket, "close");
  await patient.stop();
  await closed;
});

test("a connection that is open when a worker stops ends with its next reply", async () => {
  const leaving = await startStoppable();
  const options = { host: "127.0.0.1", port: leaving.tlsAddress?.port ?? 0, servername: HOST };
  const socket = connect({ ...options, ca: authority.rootPem });
  await once(socket, "secureConnect");
  const stopped = leaving.stop();
  socket.write(`GET ${installation.clickPath()} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  assert.match(await readAll(socket, 10_000), /^HTTP\/1\.1 302 [\s\S]*Connection: close\r\n/);
  await stopped;
});
