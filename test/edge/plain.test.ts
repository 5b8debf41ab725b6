/** Connections that are read without Node's HTTP server, until something comes that is no plain request. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, before, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { connect as connectTls } from "node:tls";

import fc from "fast-check";

import type { EdgeWorker } from "../../src/edge/worker.ts";
import { createAuthority } from "./authority.ts";
import { openSocket, openWatched, readAll, sendRaw, type Watched } from "./client.ts";
import { createInstallation, type Installation, TENANT } from "./installation.ts";

const HOST = "click.acme.com";
const MAX_REQUESTS = 1000;
const FILE = JSON.stringify([{ target: { name: "Grüße für Ünal" } }]);
/** For replies to all that a test sends, on a busy machine. */
const QUIET_MS = 20_000;
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

const get = (path: string, more = ""): string => `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n${more}\r\n`;

/** Each piece that is written is a packet of its own. */
async function openPlain(port = worker.address.port): Promise<Socket> {
  const socket = await openSocket(port);
  return socket.setNoDelay();
}

async function openSecure(): Promise<Socket> {
  const port = worker.tlsAddress?.port ?? 0;
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

for (const [over, openTo] of [
  ["HTTP", openPlain],
  ["HTTPS", openSecure],
] as const) {
  test(`over ${over} every request gets its own reply, in order, however the bytes are cut into pieces`, async () => {
    const conversation = fc.record({
      asked: fc.array(fc.constantFrom(...REQUESTS), { minLength: 1, maxLength: 6 }),
      cuts: fc.array(fc.nat(), { maxLength: 5 }),
      wait: fc.boolean(),
      halfClose: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(conversation, async ({ asked, cuts, wait, halfClose }) => {
        const requests = asked.map(({ request }) => request());
        if (!halfClose) requests.push(get("/robots.txt", "Connection: close\r\n"));
        const statuses = [...asked.map(({ status }) => status), ...(halfClose ? [] : ["200"])];
        const bytes = Buffer.from(requests.join(""), "latin1");
        const ends = [...new Set(cuts.map((cut) => cut % bytes.length))].sort((a, b) => a - b);
        const socket = await openTo();
        const replies = readAll(socket, QUIET_MS);
        for (const [n, end] of [...ends, bytes.length].entries()) {
          socket.write(bytes.subarray(ends[n - 1] ?? 0, end));
          if (wait) await nextTurn();
        }
        if (halfClose) socket.end();
        const heads = (await replies).match(/HTTP\/1\.1 \d+/g) ?? [];
        assert.deepEqual(
          heads.map((head) => head.slice(-3)),
          statuses,
        );
      }),
      { numRuns: 100 },
    );
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

/** A connection to a worker whose replies its client has stopped reading, so that the last of them is held up in the server. */
async function heldUp(
  silenceTimeoutMs: number,
): Promise<Watched<Socket> & AsyncDisposable & { readonly replies: number; readonly bytes: number }> {
  const own = await createInstallation({ publish: false });
  const bytes = 1024 * 1024;
  const files = { "assetlinks.json": "x".repeat(bytes) };
  await own.publish(1, new Map([[HOST, { owners: [TENANT], blocked: false, files }]]));
  const { address, stats } = await own.startWorker({
    limits: { silenceTimeoutMs, keepAliveTimeoutMs: IDLE_MS },
  });
  const watched = await openWatched(address.port, openPlain);
  const accepted = await watched.accepted;
  let replies = 0;
  while (!accepted.writableNeedDrain) {
    watched.socket.write(get("/.well-known/assetlinks.json"));
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

test("a client that doesn't read on is cut off in time", async () => {
  await using held = await heldUp(300);
  await held.cutOff;
  held.socket.destroy();
});
