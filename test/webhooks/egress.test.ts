import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { type TestContext, test } from "node:test";

import { mayReach } from "../../src/verification/address-policy.ts";
import { createEgress, type Egress, type EgressOptions } from "../../src/webhooks/egress.ts";
import { type DnsEntry, startDnsServer } from "../dns-server.ts";
import { freePort } from "../free-port.ts";
import { issueCertificate } from "../verification/certificates.ts";
import { serveHttp, serveHttps, serveTcp } from "../verification/web-servers.ts";

/** As main.ts builds it: the policy of probes, without the exception for names under localhost. */
const policy = (allowPrivate: boolean) => (address: string) => mayReach(address, address, allowPrivate);

function open(t: TestContext, over: Partial<EgressOptions> = {}): Egress {
  const egress = createEgress({ mayReach: policy(true), dnsServers: undefined, timeoutMs: 5000, ...over });
  t.after(() => egress.close());
  return egress;
}

async function withNames(t: TestContext, names: Record<string, DnsEntry>) {
  const dns = await startDnsServer(names);
  t.after(() => dns.close());
  return dns;
}

function post(egress: Egress, url: string, signal?: AbortSignal) {
  const headers = { "content-type": "application/json" };
  return egress.post({ url, headers, body: Buffer.from("[]"), ...(signal === undefined ? {} : { signal }) });
}

const ok: RequestListener = (incoming, response) => {
  incoming.resume();
  incoming.on("end", () => response.end("thanks"));
};

test("a reply comes with its status, its headers and its body", async (t) => {
  const server = await serveHttp(t, (incoming, response) => {
    incoming.resume();
    response.writeHead(202, { "content-type": "text/plain", "x-many": ["a", "b"] }).end("thanks");
  });
  const posted = await post(open(t), `http://127.0.0.1:${server.port}/hook?x=1`);
  assert.ok(posted.kind === "answered");
  assert.equal(posted.reply.status, 202);
  assert.equal(posted.reply.body, "thanks");
  assert.equal(posted.reply.headers["content-type"], "text/plain");
  assert.equal(posted.reply.headers["x-many"], "a, b");
  assert.equal(server.requests[0]?.method, "POST");
  assert.equal(server.requests[0]?.url, "/hook?x=1");
});

test("an address of the installation's own network is not connected to, however it is spelled", async (t) => {
  const server = await serveHttp(t, ok);
  const v6 = await serveHttp(t, ok, { address: "::1" });
  const egress = open(t, { mayReach: policy(false) });
  for (const host of [
    "127.0.0.1",
    "[::ffff:127.0.0.1]",
    "0x7f.1",
    "2130706433",
    "0177.0.0.1",
    "0",
    "localhost",
  ])
    assert.deepEqual(await post(egress, `http://${host}:${server.port}/`), {
      kind: "unanswered",
      reason: "forbidden_address",
    });
  for (const host of ["[::1]", "[0:0:0:0:0:0:0:1]", "a.localhost"])
    assert.deepEqual(await post(egress, `http://${host}:${v6.port}/`), {
      kind: "unanswered",
      reason: "forbidden_address",
    });
  for (const host of ["10.0.0.1", "169.254.169.254", "[64:ff9b::a00:1]", "[fd00::1]", "100.64.0.1"])
    assert.deepEqual(await post(egress, `http://${host}/`), {
      kind: "unanswered",
      reason: "forbidden_address",
    });
  assert.equal(server.connections() + v6.connections(), 0);
});

test("a name that leads to such an address, or to one among others, is refused", async (t) => {
  const server = await serveHttp(t, ok);
  const dns = await withNames(t, {
    "inside.example.com": { a: ["127.0.0.1"] },
    "mixed.example.com": { a: ["192.0.2.1", "127.0.0.1"] },
    "alias.example.com": { cname: "inside.example.com" },
    "mapped.example.com": { aaaa: ["::ffff:127.0.0.1"] },
  });
  const egress = open(t, { mayReach: policy(false), dnsServers: [dns.address] });
  for (const name of dns.zone.keys())
    assert.deepEqual(await post(egress, `http://${name}:${server.port}/`), {
      kind: "unanswered",
      reason: "forbidden_address",
    });
  assert.equal(server.connections(), 0);
});

test("a name is resolved once, and the connection goes to the address that was checked", async (t) => {
  const server = await serveHttp(t, ok);
  const trap = await serveHttp(t, ok, { address: "127.0.0.2", port: server.port });
  const dns = await withNames(t, {
    "rebind.example.com": ({ type, earlier }) =>
      type === "A" ? { a: [earlier === 0 ? "127.0.0.1" : "127.0.0.2"] } : {},
  });
  const egress = open(t, {
    mayReach: (address) => address === "127.0.0.1",
    dnsServers: [dns.address],
  });
  const posted = await post(egress, `http://rebind.example.com:${server.port}/`);
  assert.equal(posted.kind, "answered");
  assert.equal(server.requests[0]?.headers.host, `rebind.example.com:${server.port}`);
  assert.equal(dns.queries.filter(({ type }) => type === "A").length, 1);
  assert.equal(trap.connections(), 0);
});

test("a new connection is a new look-up: a name that has turned to the inside is refused", async (t) => {
  const server = await serveHttp(t, (incoming, response) => {
    incoming.resume();
    response.writeHead(200, { connection: "close" }).end();
  });
  const dns = await withNames(t, { "turns.example.com": { a: ["127.0.0.1"] } });
  const egress = open(t, { mayReach: (address) => address === "127.0.0.1", dnsServers: [dns.address] });
  const url = `http://turns.example.com:${server.port}/`;
  assert.equal((await post(egress, url)).kind, "answered");
  dns.zone.set("turns.example.com", { a: ["127.0.0.2"] });
  assert.deepEqual(await post(egress, url), { kind: "unanswered", reason: "forbidden_address" });
});

test("when the first of several addresses does not answer, the next is tried", async (t) => {
  const server = await serveHttp(t, ok);
  const dns = await withNames(t, { "two.example.com": { a: ["127.0.0.9", "127.0.0.1"] } });
  const egress = open(t, { dnsServers: [dns.address] });
  assert.equal((await post(egress, `http://two.example.com:${server.port}/`)).kind, "answered");
});

test("names under localhost need no DNS where private addresses are allowed", async (t) => {
  const server = await serveHttp(t, ok);
  const dns = await withNames(t, {});
  const egress = open(t, { dnsServers: [dns.address] });
  assert.equal((await post(egress, `http://hooks.localhost:${server.port}/`)).kind, "answered");
  assert.equal(dns.queries.length, 0);
});

test("a name that does not exist, and a port on which nobody listens, are told apart", async (t) => {
  const dns = await withNames(t, { "silent.example.com": { fails: "silent" } });
  const egress = open(t, { dnsServers: [dns.address], timeoutMs: 1000 });
  assert.deepEqual(await post(egress, "http://missing.example.com/"), {
    kind: "unanswered",
    reason: "ENOTFOUND",
  });
  assert.deepEqual(await post(egress, `http://127.0.0.1:${await freePort()}/`), {
    kind: "unanswered",
    reason: "ECONNREFUSED",
  });
  assert.deepEqual(await post(egress, "http://silent.example.com/"), {
    kind: "unanswered",
    reason: "ETIMEOUT",
  });
});

test("a redirect is the reply, and is not followed", async (t) => {
  const other = await serveHttp(t, ok);
  const server = await serveHttp(t, (incoming, response) => {
    incoming.resume();
    response.writeHead(307, { location: `http://127.0.0.1:${other.port}/` }).end();
  });
  const posted = await post(open(t), `http://127.0.0.1:${server.port}/`);
  assert.ok(posted.kind === "answered");
  assert.equal(posted.reply.status, 307);
  assert.equal(other.connections(), 0);
});

test("of a reply without end a few kilobytes are read, and its status counts", async (t) => {
  let sent = 0;
  const server = await serveHttp(t, (incoming, response) => {
    incoming.resume();
    const chunk = Buffer.alloc(64 * 1024, "x");
    const write = (): void => {
      while (sent < 100 * 1024 * 1024 && !response.destroyed) {
        sent += chunk.length;
        if (!response.write(chunk)) return void response.once("drain", write);
      }
      response.end();
    };
    write();
  });
  const posted = await post(open(t), `http://127.0.0.1:${server.port}/`);
  assert.ok(posted.kind === "answered");
  assert.equal(posted.reply.status, 200);
  assert.equal(posted.reply.body.length, 8192);
  assert.ok(sent < 20 * 1024 * 1024, `${sent} bytes were sent`);
});

for (const [name, answer] of [
  ["says nothing", () => undefined],
  ["sends its reply byte by byte", drip],
  ["ends its headers and not its body", headersAlone],
] as const) {
  test(`a receiver that ${name} costs the time-out and no more`, async (t) => {
    const server = await serveTcp(t, (socket) => {
      const timer: NodeJS.Timeout | undefined = answer((text) => socket.write(text));
      socket.on("close", () => clearInterval(timer));
    });
    const startedMs = performance.now();
    assert.deepEqual(await post(open(t, { timeoutMs: 700 }), `http://127.0.0.1:${server.port}/`), {
      kind: "unanswered",
      reason: "timeout",
    });
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs >= 650 && tookMs < 10_000, `took ${tookMs} ms`);
  });
}

function headersAlone(write: (text: string) => void): undefined {
  write("HTTP/1.1 200 OK\r\n\r\n");
}

function drip(write: (text: string) => void): NodeJS.Timeout {
  const reply = `HTTP/1.1 200 OK\r\n${"X-Filler: x\r\n".repeat(50)}\r\n`;
  let at = 0;
  return setInterval(() => write(reply[at++] ?? "x"), 5);
}

for (const [name, reply] of [
  ["breaks off in its body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"],
  ["does not speak HTTP", "SSH-2.0-OpenSSH_9.6\r\n"],
  [
    "has headers without end",
    `HTTP/1.1 200 OK\r\n${"X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n".repeat(1000)}`,
  ],
  ["closes at once", ""],
] as const) {
  test(`a reply that ${name} is no reply`, async (t) => {
    const server = await serveTcp(t, (socket) => socket.end(reply));
    const posted = await post(open(t), `http://127.0.0.1:${server.port}/`);
    assert.ok(posted.kind === "unanswered");
    assert.doesNotMatch(posted.reason, /timeout|127/);
  });
}

test("a certificate must be of a known authority and for the name in the URL", async (t) => {
  const authority = issueCertificate({ commonName: "Test CA", isCa: true });
  const good = issueCertificate({
    commonName: "good.example.com",
    dnsNames: ["good.example.com"],
    issuer: authority,
  });
  const selfSigned = issueCertificate({ commonName: "self.example.com", dnsNames: ["self.example.com"] });
  const expired = issueCertificate({
    commonName: "old.example.com",
    dnsNames: ["old.example.com"],
    issuer: authority,
    notAfter: new Date(Date.now() - 60_000),
  });
  const dns = await withNames(
    t,
    Object.fromEntries(
      ["good", "wrong", "self", "old"].map((name) => [`${name}.example.com`, { a: ["127.0.0.1"] }]),
    ),
  );
  const egress = open(t, { dnsServers: [dns.address], extraCa: authority.cert });
  const reasonFor = async (name: string, { cert, key }: { cert: string; key: string }, by = egress) => {
    const server = await serveHttps(t, ok, { tls: { cert, key } });
    const posted = await post(by, `https://${name}.example.com:${server.port}/`);
    return posted.kind === "answered" ? posted.reply.status : posted.reason;
  };
  // Whatever the environment says.
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  t.after(() => delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"]);
  assert.equal(await reasonFor("good", good), 200);
  assert.equal(await reasonFor("wrong", good), "ERR_TLS_CERT_ALTNAME_INVALID");
  assert.equal(await reasonFor("self", selfSigned), "DEPTH_ZERO_SELF_SIGNED_CERT");
  assert.equal(await reasonFor("old", expired), "CERT_HAS_EXPIRED");
  const withoutAuthority = open(t, { dnsServers: [dns.address] });
  assert.equal(await reasonFor("good", good, withoutAuthority), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
});

test("a request that is broken off ends at once", async (t) => {
  const server = await serveTcp(t, () => undefined);
  const stop = new AbortController();
  const posting = post(open(t), `http://127.0.0.1:${server.port}/`, stop.signal);
  setImmediate(() => stop.abort());
  assert.deepEqual(await posting, { kind: "unanswered", reason: "AbortError" });
});
