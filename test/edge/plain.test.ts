/** Connections that are read without Node's HTTP server, until something comes that is no plain request. */
import assert from "node:assert/strict";
import { subscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, before, test } from "node:test";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";

import fc from "fast-check";

import { createCounters } from "../../src/edge/counters.ts";
import type { Exchange } from "../../src/edge/exchange.ts";
import { startEdgeServer } from "../../src/edge/server.ts";
import type { EdgeWorker } from "../../src/edge/worker.ts";
import { createAuthority } from "./authority.ts";
import { openSocket, openWatched, readAll, sendRaw, type Watched } from "./client.ts";
import { createInstallation, type Installation, TENANT } from "./installation.ts";

const HOST = "click.acme.com";
const MAX_REQUESTS = 1000;
const FILE = JSON.stringify([{ target: { name: "Grüße für Ünal" } }]);
/** For replies to all that a test sends, on a busy machine. */
const QUIET_MS = 20_000;
/** Of the event loop, for a packet on its way. */
const MAX_TURNS = 50;
/** Longer than any test waits. */
const IDLE_MS = 60_000;

const authority = createAuthority();
let installation: Installation;
let worker: EdgeWorker;

before(async () => {
  installation = await createInstallation({ publish: false });
  const entry = await installation.certify(HOST, authority.issue(HOST));
  const files = { "assetlinks.json": FILE };
  await installation.publish(1, new Map([[HOST, { ...entry, owners: [TENANT], files }]]));
  worker = await installation.startWorker({
    tls: installation.tls,
    limits: { maxRequestsPerConnection: MAX_REQUESTS },
  });
});
after(() => installation[Symbol.asyncDispose]());

/** Requests that Node's HTTP server has read, here and in the clients of other tests of this file none. */
let readByNode = 0;
subscribe("http.server.request.start", () => {
  readByNode += 1;
});

const get = (path: string, more = ""): string => `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n${more}\r\n`;

/** Each piece that is written is a packet of its own. */
async function openPlain(port = worker.address.port): Promise<Socket> {
  const socket = await openSocket(port);
  return socket.setNoDelay();
}

async function openSecure(port: number): Promise<Socket> {
  const socket = connectTls({ port, host: "127.0.0.1", servername: HOST, ca: authority.rootPem });
  await once(socket, "secureConnect");
  return socket.setNoDelay();
}

interface Asked {
  readonly request: () => string;
  readonly status: string;
}

/** Those that Node reads are among them, with and without a reason. */
const REQUESTS: readonly Asked[] = [
  { request: () => get(installation.clickPath()), status: "302" },
  { request: () => get(installation.openPath()), status: "200" },
  { request: () => get("/robots.txt"), status: "200" },
  { request: () => get("/.well-known/assetlinks.json"), status: "200" },
  { request: () => get("/nothing"), status: "404" },
  { request: () => get("/e/AAAA"), status: "404" },
  { request: () => get("/robots.txt", "Connection: keep-alive\r\n"), status: "200" },
  { request: () => get(installation.clickPath()).replace("GET", "HEAD"), status: "302" },
  { request: () => get(installation.clickPath(), "Content-Length: 0\r\n"), status: "302" },
  { request: () => get(`http://${HOST}${installation.clickPath()}`), status: "302" },
  { request: () => get("/robots.txt", "X: \xe4\r\nX: y\r\nAccept: a\r\nAccept: b\r\n"), status: "200" },
  { request: () => get("/robots.txt").replace("GET", "OPTIONS"), status: "405" },
];

test("a request that is plain is none of Node's, and any other is", async () => {
  for (const [more, expected] of [
    ["", 0],
    ["Content-Length: 0\r\n", 1],
  ] as const) {
    const before = readByNode;
    assert.match(await replyTo(get(installation.clickPath(), more)), /^HTTP\/1\.1 302 /);
    assert.equal(readByNode - before, expected);
  }
});

for (const [over, openTo] of [
  ["HTTP", () => openWatched(worker.address.port, openPlain)],
  ["HTTPS", () => openWatched(worker.tlsAddress?.port ?? 0, openSecure)],
] as const) {
  test(`over ${over} every request gets its own reply, in order, however the bytes are cut into pieces`, async () => {
    const conversation = fc.record({
      asked: fc.array(fc.record({ what: fc.constantFrom(...REQUESTS), isCutBehind: fc.boolean() }), {
        minLength: 1,
        maxLength: 6,
      }),
      cuts: fc.array(fc.nat(), { maxLength: 3 }),
      hasCuts: fc.boolean(),
      halfClose: fc.boolean(),
    });
    let [onlyHere, onlyByNode, both] = [0, 0, 0];
    await fc.assert(
      fc.asyncProperty(conversation, async ({ asked, cuts, hasCuts, halfClose }) => {
        const requests = asked.map(({ what }) => what.request());
        if (!halfClose) requests.push(get("/robots.txt", "Connection: close\r\n"));
        const statuses = [...asked.map(({ what }) => what.status), ...(halfClose ? [] : ["200"])];
        const bytes = Buffer.from(requests.join(""), "latin1");
        const behind = asked.map(({ isCutBehind }, n) =>
          isCutBehind ? requests.slice(0, n + 1).join("").length : 0,
        );
        const anywhere = hasCuts ? cuts.map((cut) => cut % bytes.length) : [];
        const ends = [...new Set([...behind, ...anywhere, bytes.length])].filter((end) => end > 0);
        const before = readByNode;
        const { socket, accepted } = await openTo();
        const other = await accepted;
        const replies = readAll(socket, QUIET_MS);
        let start = 0;
        for (const end of ends.sort((one, other) => one - other)) {
          const { bytesRead } = other;
          socket.write(bytes.subarray(start, end));
          start = end;
          // So that it comes by itself, unless the one before is still being answered.
          for (let turn = 0; turn < MAX_TURNS && other.bytesRead === bytesRead; turn += 1) await nextTurn();
        }
        if (halfClose) socket.end();
        const heads = (await replies).match(/HTTP\/1\.1 \d+/g) ?? [];
        assert.deepEqual(
          heads.map((head) => head.slice(-3)),
          statuses,
        );
        const byNode = readByNode - before;
        if (byNode === 0) onlyHere += 1;
        else if (byNode === statuses.length) onlyByNode += 1;
        else both += 1;
      }),
      { numRuns: 300 },
    );
    const counts = { onlyHere, onlyByNode, both };
    for (const count of Object.values(counts)) assert.ok(count > 0, JSON.stringify(counts));
  });
}

/** On a connection of its own. */
async function replyTo(request: string): Promise<string> {
  const socket = await openPlain();
  socket.write(request);
  const [reply] = await once(socket, "data");
  socket.destroy();
  // Two replies may be of two seconds.
  return String(reply).replace(/Date: [^\r]+/, "Date: now");
}

test("nobody can tell from a reply whether Node has read the request", async () => {
  const known = ["/robots.txt", "/.well-known/assetlinks.json", "/nothing"];
  for (const path of [...known, installation.openPath(), installation.clickPath()]) {
    for (const more of ["", "Connection: close\r\n", "Connection: Keep-Alive\r\n"]) {
      for (const method of ["GET", "HEAD"]) {
        const [plain, byNode] = ["", "Content-Length: 0\r\n"].map((odd) =>
          replyTo(get(path, more + odd).replace("GET", method)),
        );
        const reply = await plain;
        assert.match(reply ?? "", /^HTTP\/1\.1 \d+ [\s\S]*Date: now\r\nConnection: /);
        assert.equal(reply, await byNode);
      }
    }
  }
});

test("a file with letters beyond ASCII comes whole", async () => {
  const reply = await sendRaw(
    worker.address.port,
    get("/.well-known/assetlinks.json", "Connection: close\r\n"),
  );
  const [head = "", body = ""] = reply.split("\r\n\r\n");
  const bytes = Buffer.from(body, "latin1");
  assert.equal(bytes.toString(), FILE);
  assert.match(head, new RegExp(`Content-Length: ${bytes.length}\r\n`));
});

test("a connection ends behind as many requests as one may make", async () => {
  const { address } = await installation.startWorker({ limits: { maxRequestsPerConnection: 3 } });
  const socket = await openSocket(address.port);
  const replies: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    socket.write(get("/robots.txt"));
    const [reply] = await once(socket, "data");
    replies.push(String(reply));
  }
  assert.deepEqual(
    replies.map((reply) => /Connection: ([\w-]+)/.exec(reply)?.[1]),
    ["keep-alive", "keep-alive", "close"],
  );
  assert.equal(await readAll(socket, QUIET_MS), "");
  assert.ok(socket.readableEnded);
});

test("a connection that asks for nothing more is ended in time", async () => {
  const { address } = await installation.startWorker({ limits: { keepAliveTimeoutMs: 200 } });
  const socket = await openSocket(address.port);
  socket.write(get("/robots.txt"));
  assert.match(await readAll(socket, QUIET_MS), /^HTTP\/1\.1 200 [\s\S]*Connection: keep-alive\r\n/);
  assert.ok(socket.readableEnded);
});

test("a client that is gone before its reply harms nothing, and its click counts", async (t) => {
  await using own = await createInstallation();
  const { address, stats } = await own.startWorker();
  const clients = 20;
  for (let n = 0; n < clients; n += 1) {
    const socket = await openSocket(address.port);
    socket.write(get(own.clickPath()), () => socket.resetAndDestroy());
  }
  await t.waitFor(() => assert.equal(stats().spool.storedEvents, clients), { interval: 20, timeout: 60_000 });
  assert.match(
    await sendRaw(address.port, get(own.clickPath(), "Connection: close\r\n")),
    /^HTTP\/1\.1 302 /,
  );
});

test("what comes while a click is on its way to the disk waits, and none of it is lost", async () => {
  const socket = await openPlain();
  const replies = readAll(socket, QUIET_MS);
  const clicks = 200;
  for (let n = 0; n < clicks; n += 1) {
    socket.write(get(installation.clickPath()));
    // Most come while the one before is on its way.
    await nextTurn();
  }
  socket.end(get("/robots.txt", "Connection: close\r\n"));
  const statuses = ((await replies).match(/HTTP\/1\.1 \d+/g) ?? []).map((head) => head.slice(-3));
  assert.deepEqual(statuses, [...Array.from({ length: clicks }, () => "302"), "200"]);
});

/** What comes while a request is under way, and is the last: by bytes and the replies to them. */
for (const [what, bytes, statuses] of [
  ["a plain request", get("/2"), ["200"]],
  ["two in one piece", get("/2") + get("/3"), ["200", "200"]],
  ["one for Node", get("/2", "Content-Length: 0\r\n"), ["200"]],
  ["half of one", "GET /e/half", ["400"]],
  ["more than the stream takes", get("/2").repeat(4000), Array.from({ length: 4000 }, () => "200")],
  ["nothing", "", []],
] as const) {
  test(`${what} behind a request that is under way, and then no more, gets its reply, and then the end`, async () => {
    let first: Exchange | undefined;
    const reply = { status: 200, headers: ["Content-Length", "0"] };
    const server = await startEdgeServer({
      listen: { host: "127.0.0.1", port: 0 },
      counters: createCounters(),
      handler: (exchange) => {
        if (exchange.target === "/1") first = exchange;
        else exchange.answer(reply, false);
      },
    });
    const { socket, accepted } = await openWatched(server.address.port, openPlain);
    socket.write(get("/1"));
    while (first === undefined) await nextTurn();
    socket.end(bytes);
    const { bytesRead } = await accepted;
    while (bytes !== "" && (await accepted).bytesRead === bytesRead) await nextTurn();
    // The end comes by itself, behind them.
    await nextTurn();
    first.answer(reply, false);
    const heads = (await readAll(socket, QUIET_MS)).match(/HTTP\/1\.1 \d+/g) ?? [];
    assert.deepEqual(
      heads.map((head) => head.slice(-3)),
      ["200", ...statuses],
    );
    assert.ok(socket.readableEnded);
    await server.stop(0);
  });
}

test("a connection that ends takes back none of its replies, whatever its client has sent behind them", async () => {
  let last: Exchange | undefined;
  const body = "x".repeat(60 * 1024);
  const server = await startEdgeServer({
    listen: { host: "127.0.0.1", port: 0 },
    counters: createCounters(),
    handler: (exchange) => {
      if (exchange.target === "/last") last = exchange;
      else exchange.answer({ status: 200, headers: ["Content-Length", String(body.length)], body }, false);
    },
  });
  const { socket, accepted } = await openWatched(server.address.port, openPlain);
  const other = await accepted;
  const count = 20;
  for (let n = 0; n < count; n += 1) {
    const { bytesWritten } = other;
    socket.write(get("/1"));
    while (other.bytesWritten === bytesWritten) await nextTurn();
  }
  socket.write(get("/last"));
  while (last === undefined) await nextTurn();
  // The first of them is read, and those behind it are in the system.
  for (let n = 0; n < 3; n += 1) {
    socket.write(get("/behind"));
    await sleep(20);
  }
  last.answer({ status: 200, headers: ["Content-Length", "0"] }, true);
  const replies = await readAll(socket, QUIET_MS);
  assert.equal(replies.match(/x{1000,}/g)?.length, count);
  assert.match(replies, /Connection: close\r\n\r\n$/);
  assert.ok(socket.readableEnded);
  await server.stop(0);
});

/** A connection to a worker whose replies its client has stopped reading, so that the last of them is held up in the server. */
async function heldUp(
  silenceTimeoutMs: number,
  more = "",
): Promise<Watched<Socket> & AsyncDisposable & { readonly replies: number; readonly bytes: number }> {
  const own = await createInstallation({ publish: false });
  const bytes = 1024 * 1024;
  const files = { "assetlinks.json": "x".repeat(bytes) };
  await own.publish(1, new Map([[HOST, { owners: [TENANT], blocked: false, files }]]));
  const { address, stats } = await own.startWorker({
    limits: {
      silenceTimeoutMs,
      keepAliveTimeoutMs: IDLE_MS,
      headersTimeoutMs: IDLE_MS,
      requestTimeoutMs: IDLE_MS,
    },
  });
  const watched = await openWatched(address.port, openPlain);
  const accepted = await watched.accepted;
  let replies = 0;
  while (!accepted.writableNeedDrain) {
    watched.socket.write(get("/.well-known/assetlinks.json", more));
    replies += 1;
    while (stats().counts.replies.well_known < replies) await nextTurn();
  }
  return { ...watched, replies, bytes, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

test("a client that stops reading for a while gets all of its replies, and those to what it asked meanwhile", async () => {
  await using held = await heldUp(IDLE_MS);
  held.socket.write(get("/robots.txt"));
  await nextTurn();
  held.socket.end(get("/nothing"));
  const replies = await readAll(held.socket, QUIET_MS);
  const bodies = replies.match(/x{1000,}/g) ?? [];
  assert.deepEqual(
    bodies.map(({ length }) => length),
    Array.from({ length: held.replies }, () => held.bytes),
  );
  assert.match(replies.slice(-1000), /User-Agent: \*[\s\S]*HTTP\/1\.1 404 /);
  assert.ok(held.socket.readableEnded);
});

test("a client that says no more while it isn't reading gets all of its replies, and then the end", async () => {
  await using held = await heldUp(IDLE_MS);
  held.socket.end();
  const replies = await readAll(held.socket, QUIET_MS);
  assert.equal(replies.match(/x{1000,}/g)?.length, held.replies);
  assert.ok(held.socket.readableEnded);
});

for (const [who, more] of [
  ["here", ""],
  ["by Node", "Content-Length: 0\r\n"],
] as const) {
  test(`a client that doesn't read on is cut off in time, also when it goes on sending, when it is read ${who}`, async () => {
    for (const bytes of ["", "G", "\r\n"]) {
      await using held = await heldUp(300, more);
      const startedMs = performance.now();
      const drip = setInterval(() => held.socket.write(bytes), 50);
      await held.cutOff;
      clearInterval(drip);
      assert.ok(performance.now() - startedMs < IDLE_MS / 2);
      held.socket.destroy();
    }
  });
}

test("what a client sends while it isn't reading is left to the operating system", async () => {
  await using held = await heldUp(IDLE_MS);
  const accepted = await held.accepted;
  for (let n = 0; n < 5000; n += 1) {
    held.socket.write("G");
    await nextTurn();
  }
  assert.ok(accepted.readableLength < 100, `${accepted.readableLength} bytes were read`);
  held.socket.destroy();
});

test("a client whose replies are still on their way is not idle", async () => {
  await using own = await createInstallation({ publish: false });
  // Smaller than what the stream takes before it asks for a pause.
  const bytes = 48 * 1024;
  const files = { "assetlinks.json": "x".repeat(bytes) };
  await own.publish(1, new Map([[HOST, { owners: [TENANT], blocked: false, files }]]));
  const { address, stats } = await own.startWorker({ limits: { keepAliveTimeoutMs: 100 } });
  const { socket, accepted, cutOff } = await openWatched(address.port, openPlain);
  const other = await accepted;
  let replies = 0;
  while (other.writableLength === 0) {
    socket.write(get("/.well-known/assetlinks.json"));
    replies += 1;
    while (stats().counts.replies.well_known < replies) await nextTurn();
  }
  const isCutOff = await Promise.race([cutOff.then(() => true), sleep(2500, false)]);
  assert.equal(isCutOff, false);
  assert.equal((await readAll(socket, QUIET_MS)).match(/x{1000,}/g)?.length, replies);
});
