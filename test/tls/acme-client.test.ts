import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";

import { parseHostname } from "../../src/domain/hostname.ts";
import { AcmeError } from "../../src/tls/acme-error.ts";
import { newKeyPem } from "../../src/tls/jws.ts";
import { renewalId } from "../../src/tls/renewal-info.ts";
import { type AcmeRig, startAcmeRig } from "./acme-rig.ts";
import { addHeaders, alter, dropReply, dropRequest, type Fault, problem, reply } from "./fault-proxy.ts";

const NAME = parseHostname("click.acme.com");
const OTHER = parseHostname("go.acme.com");
const BLOCKED = parseHostname("blocked.acme.com");
/** DNS leads to the edge, which doesn't know it. */
const FOREIGN = parseHostname("foreign.example");
const ignore = async (): Promise<void> => undefined;

let rig: AcmeRig;
before(async () => {
  rig = await startAcmeRig([NAME, OTHER, BLOCKED], { blocklist: [BLOCKED] });
  rig.dns.zone.set(FOREIGN, { a: ["127.0.0.1"] });
});
after(() => rig[Symbol.asyncDispose]());

async function failureOf(work: Promise<unknown>): Promise<AcmeError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof AcmeError, String(error));
    return error;
  }
  throw new Error("it did not fail");
}

/** How many requests for new orders the work made. */
async function newOrders(work: () => Promise<unknown>): Promise<number> {
  const before = rig.proxy.count("newOrder");
  await work();
  return rig.proxy.count("newOrder") - before;
}

test("a certificate is issued for a name whose challenge the edge answers", async () => {
  const client = await rig.open();
  const orders: string[] = [];
  const { chainPem, keyPem } = await client.order(NAME, {
    keyPem: newKeyPem(),
    onOrder: async (url) => {
      orders.push(url);
      assert.equal(rig.proxy.count("challenge"), 0);
    },
  });
  const [leaf, issuer] = chainPem
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .map((pem) => new X509Certificate(pem));
  assert.equal(leaf!.subjectAltName, `DNS:${NAME}`);
  assert.match(keyPem, /^-----BEGIN PRIVATE KEY-----/);
  assert.ok(leaf!.verify(issuer!.publicKey));
  assert.ok(issuer!.verify(new X509Certificate(await rig.pebble.rootPem()).publicKey));
  assert.equal(orders.length, 1);
  await rig.open({ userAgent: "waypost/1.2.3" });
  const agents = new Set(rig.proxy.requests.map(({ headers }) => headers["user-agent"]));
  assert.deepEqual([...agents], ["waypost", "waypost/1.2.3"]);
});

test("an account and an order may have addresses that are relative", async () => {
  const relative: Fault = async ({ response, forward }) => {
    const { status, headers, body } = await forward();
    const { pathname } = new URL(headers["location"] ?? "");
    response.writeHead(status, { ...headers, location: pathname }).end(body);
  };
  const { accountUrl } = await rig.open();
  rig.proxy.inject("newAccount", relative);
  const client = await rig.open();
  assert.equal(client.accountUrl, accountUrl);
  rig.proxy.inject("newOrder", relative);
  await client.order(rig.unusedName(), {
    keyPem: newKeyPem(),
    onOrder: async (url) => assert.equal(new URL(url).origin, new URL(accountUrl).origin),
  });
});

test("the same account key is the same account, and agreeing to the terms is asked once", async () => {
  const first = await rig.open();
  const second = await rig.open({ termsAgreed: false });
  assert.equal(second.accountUrl, first.accountUrl);
  assert.equal(second.thumbprint, first.thumbprint);
});

test("no account is created before the terms have been agreed to", async () => {
  const error = await failureOf(rig.open({ accountKeyPem: newKeyPem(), termsAgreed: false }));
  assert.equal(error.type, "userActionRequired");
  assert.equal(error.isTemporary, false);
});

test("a CA whose own certificate is not trusted gets no request", async () => {
  const seen = rig.proxy.requests.length;
  const error = await failureOf(rig.open({ extraCa: undefined }));
  assert.equal(error.type, "unreachable");
  assert.equal(rig.proxy.requests.length, seen);
});

test("a name that the CA doesn't issue for fails with its reason, for good", async () => {
  const client = await rig.open();
  const error = await failureOf(client.order(BLOCKED, { keyPem: newKeyPem(), onOrder: ignore }));
  assert.deepEqual([error.type, error.status, error.isTemporary], ["rejectedIdentifier", 400, false]);
});

test("a challenge that is answered wrongly fails with what the CA saw, without the token", async () => {
  const client = await rig.open();
  const error = await failureOf(client.order(FOREIGN, { keyPem: newKeyPem(), onOrder: ignore }));
  assert.equal(error.type, "unauthorized");
  assert.match(error.detail, /404/);
  assert.doesNotMatch(error.message, /[A-Za-z0-9_-]{30,}/);
});

test("a name that DNS doesn't have may succeed later", async () => {
  const client = await rig.open();
  const gone = parseHostname("gone.example");
  const error = await failureOf(client.order(gone, { keyPem: newKeyPem(), onOrder: ignore }));
  assert.ok(["dns", "connection"].includes(error.type), error.message);
  assert.equal(error.isTemporary, true);
});

test("a rate limit is told with its end, and not tried against", async () => {
  const client = await rig.open();
  const order = () => failureOf(client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore }));
  rig.proxy.inject("newOrder", problem(429, "rateLimited", { "retry-after": "7200" }));
  let limited: AcmeError | undefined;
  assert.equal(
    await newOrders(async () => {
      limited = await order();
    }),
    1,
  );
  assert.deepEqual([limited?.type, limited?.status, limited?.retryAfterMs], ["rateLimited", 429, 7_200_000]);

  const end = new Date(Date.now() + 3_600_000).toUTCString();
  rig.proxy.inject("newOrder", problem(429, "rateLimited", { "retry-after": end }));
  const { retryAfterMs = 0 } = await order();
  assert.ok(Math.abs(retryAfterMs - 3_600_000) < 10_000, String(retryAfterMs));

  // From something that stands in front of the CA.
  rig.proxy.inject(
    "newOrder",
    reply(429, { "content-type": "text/html", "retry-after": "60" }, "<h1>Slow down"),
  );
  const unsaid = await order();
  assert.deepEqual([unsaid.type, unsaid.retryAfterMs, unsaid.isTemporary], ["rateLimited", 60_000, true]);
});

test("a limit in the middle of an order is waited out when it is short", async () => {
  const client = await rig.open();
  rig.proxy.inject("finalize", problem(429, "rateLimited", { "retry-after": "1" }));
  const startedAt = performance.now();
  await client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore });
  assert.ok(performance.now() - startedAt >= 1000);
});

test("a limit in the middle of an order that lasts longer than the call may is told", async () => {
  const client = await rig.open({ orderTimeoutMs: 30_000 });
  rig.proxy.inject("finalize", problem(429, "rateLimited", { "retry-after": "60" }));
  const error = await failureOf(client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore }));
  assert.deepEqual([error.type, error.retryAfterMs], ["rateLimited", 60_000]);
});

test("an order is looked at again when the CA asks for it, not before", async () => {
  const client = await rig.open({ orderTimeoutMs: 30_000 });
  for (const resource of ["challenge", "authorization", "finalize"] as const) {
    rig.proxy.inject(resource, addHeaders({ "retry-after": "1" }));
    const startedAt = performance.now();
    await client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore });
    assert.ok(performance.now() - startedAt >= 1000, resource);
  }
  rig.proxy.inject("challenge", addHeaders({ "retry-after": "3600" }));
  const error = await failureOf(client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore }));
  assert.deepEqual([error.type, error.isTemporary, error.retryAfterMs], ["timeout", true, 3_600_000]);
});

test("a challenge that a CA calls pending while it validates is not answered twice", async () => {
  const client = await rig.open();
  const stillPending = alter(({ challenges, ...authorization }) => ({
    ...authorization,
    status: "pending",
    challenges: (challenges as object[]).map((challenge) => ({ ...challenge, status: "pending" })),
  }));
  rig.proxy.inject("authorization", stillPending, 3);
  rig.proxy.inject(
    "order",
    alter((order) => ({ ...order, status: "pending" })),
    2,
  );
  const before = rig.proxy.count("challenge");
  await client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore });
  assert.equal(rig.proxy.count("challenge") - before, 1);
});

for (const [what, fault] of [
  ["lost on its way to the CA", dropRequest],
  ["answered by a connection that breaks", dropReply],
  ["answered by an error of the CA", problem(500, "serverInternal")],
] as const)
  for (const resource of ["authorization", "challenge", "finalize", "order", "certificate"] as const)
    test(`an order goes on when a request for the ${resource} is ${what}`, async () => {
      const client = await rig.open();
      rig.proxy.inject(resource, fault);
      const orders = await newOrders(() =>
        client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore }),
      );
      assert.equal(orders, 1);
    });

test("an order is given up when the CA goes on failing", async () => {
  const client = await rig.open();
  const before = rig.proxy.count("finalize");
  rig.proxy.inject("finalize", problem(503, "serverInternal"), Number.POSITIVE_INFINITY);
  const error = await failureOf(client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore }));
  rig.proxy.inject("finalize", problem(503, "serverInternal"), 0);
  assert.deepEqual([error.type, error.status, error.isTemporary], ["serverInternal", 503, true]);
  assert.equal(rig.proxy.count("finalize") - before, 5);
});

test("an order that was interrupted before its challenge is taken up again", async () => {
  const keyPem = newKeyPem();
  let orderUrl = "";
  const interrupted = (await rig.open()).order(NAME, {
    keyPem,
    onOrder: async (url) => {
      orderUrl = url;
      throw new Error("power cut");
    },
  });
  await assert.rejects(interrupted, { message: "power cut" });

  const client = await rig.open();
  const orders = await newOrders(() => client.order(NAME, { keyPem, orderUrl, onOrder: assert.fail }));
  assert.equal(orders, 0);
});

test("an order that was interrupted before its certificate came is taken up again", async () => {
  const keyPem = newKeyPem();
  let orderUrl = "";
  const onOrder = async (url: string): Promise<void> => {
    orderUrl = url;
  };
  rig.proxy.inject("certificate", dropRequest, Number.POSITIVE_INFINITY);
  const error = await failureOf((await rig.open()).order(NAME, { keyPem, onOrder }));
  assert.deepEqual([error.type, error.isTemporary], ["unreachable", true]);
  rig.proxy.inject("certificate", dropRequest, 0);

  const client = await rig.open();
  const finalized = rig.proxy.count("finalize");
  const orders = await newOrders(() => client.order(NAME, { keyPem, orderUrl, onOrder: assert.fail }));
  assert.equal(orders, 0);
  assert.equal(rig.proxy.count("finalize"), finalized);
});

test("an earlier order that failed, that is for another name or that the CA no longer has is replaced by a new one", async () => {
  const client = await rig.open();
  let failed = "";
  await failureOf(
    client.order(FOREIGN, {
      keyPem: newKeyPem(),
      onOrder: async (url) => {
        failed = url;
      },
    }),
  );
  let foreign = "";
  const cut = client.order(OTHER, {
    keyPem: newKeyPem(),
    onOrder: async (url) => {
      foreign = url;
      throw new Error("power cut");
    },
  });
  await assert.rejects(cut);
  const unknown = new URL("/my-order/does-not-exist", rig.proxy.directoryUrl).href;
  for (const orderUrl of [failed, foreign, unknown, "http://10.0.0.1/order"]) {
    const begun: string[] = [];
    const onOrder = async (url: string): Promise<void> => void begun.push(url);
    const name = rig.unusedName();
    const { chainPem } = await client.order(name, { keyPem: newKeyPem(), orderUrl, onOrder });
    assert.equal(new X509Certificate(chainPem).subjectAltName, `DNS:${name}`);
    assert.equal(begun.length, 1);
  }
});

test("an order ends at once when it is cancelled", async () => {
  const client = await rig.open();
  const cancel = new AbortController();
  const reason = new Error("shutting down");
  rig.proxy.inject("order", ({ response }) => {
    response.socket?.destroy();
    cancel.abort(reason);
  });
  const { signal } = cancel;
  await assert.rejects(
    client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore, signal }),
    reason,
  );
  await assert.rejects(
    client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore, signal }),
    reason,
  );
  await assert.rejects(rig.open({ signal }), reason);
});

test("an order that waits ends at once when it is cancelled", async () => {
  const client = await rig.open();
  const cancel = new AbortController();
  const reason = new Error("shutting down");
  const { signal } = cancel;
  // The last reply before the wait.
  rig.proxy.inject("challenge", async ({ response, ...exchange }) => {
    await addHeaders({ "retry-after": "60" })({ response, ...exchange });
    setTimeout(() => cancel.abort(reason), 200);
  });
  const startedAt = performance.now();
  await assert.rejects(
    client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore, signal }),
    reason,
  );
  assert.ok(performance.now() - startedAt < 30_000);
});

test("a CA without renewal information has none", async () => {
  const client = await rig.open();
  const { chainPem } = await client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore });
  assert.equal(await client.renewalInfo(chainPem), undefined);
  await client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore, replaces: chainPem });
  assert.equal(
    rig.proxy.requests.findLast(({ resource }) => resource === "newOrder")?.payload?.["replaces"],
    undefined,
  );
});

test("the CA says when it wants a certificate renewed, and learns which one an order replaces", async () => {
  const explanationURL = "https://ca.example/why";
  const suggestedWindow = { start: "2026-01-02T04:00:00Z", end: "2026-01-03T04:00:00Z" };
  rig.proxy.renewal = { body: { suggestedWindow, explanationURL }, retryAfter: "7200" };
  const client = await rig.open();
  const { chainPem } = await client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore });
  assert.deepEqual(await client.renewalInfo(chainPem), {
    startMs: Date.UTC(2026, 0, 2, 4),
    endMs: Date.UTC(2026, 0, 3, 4),
    retryAfterMs: 7_200_000,
    explanationUrl: explanationURL,
  });
  const asked = rig.proxy.requests.findLast(({ resource }) => resource === "renewalInfo");
  assert.equal(asked?.path, `/renewal-info/${renewalId(chainPem)}`);

  await client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore, replaces: chainPem });
  const lastOrder = () => rig.proxy.requests.findLast(({ resource }) => resource === "newOrder")?.payload;
  assert.equal(lastOrder()?.["replaces"], renewalId(chainPem));

  rig.proxy.inject("newOrder", problem(409, "alreadyReplaced"));
  const orders = await newOrders(() =>
    client.order(rig.unusedName(), { keyPem: newKeyPem(), onOrder: ignore, replaces: chainPem }),
  );
  assert.equal(orders, 2);
  assert.equal(lastOrder()?.["replaces"], undefined);

  rig.proxy.inject("renewalInfo", problem(404, "malformed"));
  assert.equal(await client.renewalInfo(chainPem), undefined);
  rig.proxy.inject("renewalInfo", problem(503, "serverInternal", { "retry-after": "30" }));
  assert.equal((await failureOf(client.renewalInfo(chainPem))).retryAfterMs, 30_000);
  rig.proxy.renewal = undefined;
});

test("the CA's names for CAA records are read from its directory", async () => {
  assert.deepEqual((await rig.open()).caaIdentities, []);
  rig.proxy.caaIdentities = ["ca.example", "ca.example.net"];
  assert.deepEqual((await rig.open()).caaIdentities, ["ca.example", "ca.example.net"]);
  rig.proxy.inject(
    "directory",
    alter((body) => ({ ...body, meta: { caaIdentities: [7, null, "x.example"] } })),
  );
  assert.deepEqual((await rig.open()).caaIdentities, ["x.example"]);
});

test("certificates are issued by a CA that refuses three of ten good nonces", async () => {
  const names = ["a", "b", "c", "d", "e"].map((label) => parseHostname(`${label}.acme.com`));
  await using nervous = await startAcmeRig(names, { nonceRejectPercent: 30, validitySeconds: 3600 });
  const client = await nervous.open();
  const issued = await Promise.all(
    names.map((name) => client.order(name, { keyPem: newKeyPem(), onOrder: ignore })),
  );
  assert.deepEqual(
    issued.map(({ chainPem }) => new X509Certificate(chainPem).subjectAltName),
    names.map((name) => `DNS:${name}`),
  );
  for (const { issuedAtMs, expiresAtMs } of issued)
    assert.ok(Math.abs(expiresAtMs - issuedAtMs - 3_600_000) <= 1000);
});

test("a CA that wants an external account gets it once, and refuses one that is not its own", async () => {
  const macKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
  const wrongKey = "b10lLJs8l1GPIzsLP0s6pMt8O0XVGnfTaCeROxQM0BIt2XrJMDHJZBM5NuQmQJQH";
  await using choosy = await startAcmeRig([NAME], { externalAccounts: { "kid-1": macKey } });

  assert.equal((await failureOf(choosy.open())).type, "externalAccountRequired");
  const refused = await failureOf(choosy.open({ externalAccount: { keyId: "kid-1", macKey: wrongKey } }));
  assert.deepEqual([refused.type, refused.isTemporary], ["unauthorized", false]);

  choosy.proxy.inject("newAccount", problem(403, "externalAccountRequired"));
  const client = await choosy.open({
    externalAccount: { keyId: "kid-1", macKey },
    contactEmail: "ops@acme.com",
  });
  const asked = choosy.proxy.requests.findLast(({ resource }) => resource === "newAccount");
  assert.deepEqual(asked?.payload?.["contact"], ["mailto:ops@acme.com"]);
  await client.order(NAME, { keyPem: newKeyPem(), onOrder: ignore });
  // The account is there now, with or without what it came from.
  assert.equal((await choosy.open()).accountUrl, client.accountUrl);
});
