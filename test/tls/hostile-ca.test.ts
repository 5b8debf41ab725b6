import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server } from "node:net";
import { after, before, test } from "node:test";
import { inspect } from "node:util";

import type { AcmeClientOptions } from "../../src/tls/acme-client.ts";
import { AcmeError } from "../../src/tls/acme-error.ts";
import { newKeyPem, readAccountKey } from "../../src/tls/jws.ts";
import { issueCertificate } from "../verification/certificates.ts";
import { type AcmeRig, startAcmeRig } from "./acme-rig.ts";
import { alter, type CaResource, delay, type Fault, problem, reply } from "./fault-proxy.ts";

const MEBIBYTE = 1024 * 1024;
const JSON_TYPE = { "content-type": "application/json" };
const MAC_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
const ignore = async (): Promise<void> => undefined;

let rig: AcmeRig;
/** Something of ours that a CA has no business with. */
let internal: Server;
let internalPort: number;
let visits = 0;
before(async () => {
  rig = await startAcmeRig([]);
  await rig.open();
  internal = createServer((socket) => {
    visits += 1;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await once(internal, "listening");
  const address = internal.address();
  internalPort = typeof address === "object" && address !== null ? address.port : 0;
});
after(async () => {
  internal.close();
  await rig[Symbol.asyncDispose]();
});

/** Opens a client and orders; what is thrown must be an `AcmeError` that holds nothing secret. */
async function failureWith(
  [resource, fault]: readonly [CaResource, Fault],
  over: Partial<AcmeClientOptions> = {},
): Promise<AcmeError> {
  const keyPem = newKeyPem();
  rig.proxy.inject(resource, fault, Number.POSITIVE_INFINITY);
  try {
    const client = await rig.open(over);
    await client.order(rig.unusedName(), { keyPem, onOrder: ignore });
  } catch (error) {
    assert.ok(error instanceof AcmeError, inspect(error));
    assertHoldsNo(error, secretsOf(keyPem, rig.accountKeyPem));
    return error;
  } finally {
    rig.proxy.inject(resource, fault, 0);
  }
  throw new Error("it did not fail");
}

/** Private keys as they may show: their scalar, and each line of their PEM. */
function secretsOf(...pems: readonly string[]): readonly string[] {
  return pems.flatMap((pem) => {
    const { d = "" } = readAccountKey(pem).privateKey.export({ format: "jwk" });
    return [
      d,
      Buffer.from(d, "base64url").toString("hex"),
      ...pem.split("\n").filter((line) => line.length > 30 && !line.startsWith("-")),
    ];
  });
}

function assertHoldsNo(error: AcmeError, secrets: readonly string[]): void {
  const shown = inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error) + String(error.stack);
  for (const secret of secrets) assert.ok(!shown.includes(secret), `${error.message} holds a secret`);
}

const endlessly = (status: string): Fault => alter((order) => ({ ...order, status }));
const notJson = reply(200, JSON_TYPE, '{"status": "val');
const html = reply(200, { "content-type": "text/html" }, "<h1>Welcome</h1>");
const huge = reply(200, JSON_TYPE, Buffer.alloc(MEBIBYTE + 1, " "));
const hugeProblem = reply(
  400,
  { "content-type": "application/problem+json" },
  Buffer.alloc(MEBIBYTE + 1, " "),
);
const strangersCertificate = issueCertificate({ commonName: "x", dnsNames: ["click.acme.com"] }).cert;
const chainOf = (pem: string): Fault =>
  reply(200, { "content-type": "application/pem-certificate-chain" }, pem);

const hostile: readonly (readonly [what: string, resource: CaResource, fault: Fault, type: string])[] = [
  ["a directory that is broken JSON", "directory", notJson, "invalidResponse"],
  ["a directory that is a web page", "directory", html, "invalidResponse"],
  ["a directory that is a list", "directory", reply(200, JSON_TYPE, "[]"), "invalidResponse"],
  ["a directory that is empty", "directory", reply(200, JSON_TYPE, "{}"), "invalidResponse"],
  ["a directory that is too long", "directory", huge, "invalidResponse"],
  [
    "a directory without TLS",
    "directory",
    alter((body) => ({ ...body, newOrder: "http://ca.example/" })),
    "invalidResponse",
  ],
  [
    "a directory of numbers",
    "directory",
    reply(200, JSON_TYPE, '{"newNonce":1,"newAccount":2,"newOrder":3}'),
    "invalidResponse",
  ],
  ["no nonce", "nonce", reply(200, {}, ""), "invalidResponse"],
  ["a nonce that is no nonce", "nonce", reply(200, { "replay-nonce": 'a b"c' }, ""), "invalidResponse"],
  ["an account without a URL", "newAccount", reply(200, JSON_TYPE, '{"status":"valid"}'), "invalidResponse"],
  [
    "an account that is deactivated",
    "newAccount",
    reply(200, { ...JSON_TYPE, location: "https://localhost/" }, '{"status":"deactivated"}'),
    "unauthorized",
  ],
  ["an order without a URL", "newOrder", reply(201, JSON_TYPE, '{"status":"pending"}'), "invalidResponse"],
  [
    "an order in a state that doesn't exist",
    "newOrder",
    alter((body) => ({ ...body, status: "done" })),
    "invalidResponse",
  ],
  [
    "an order with a thousand authorizations",
    "newOrder",
    alter((body) => ({ ...body, authorizations: Array(1000).fill("https://localhost/") })),
    "invalidResponse",
  ],
  ["an order that is too long", "order", huge, "invalidResponse"],
  ["a problem that is too long", "newOrder", hugeProblem, "invalidResponse"],
  ["every nonce refused", "newOrder", problem(400, "badNonce"), "badNonce"],
  ["an order that is processed for ever", "order", endlessly("processing"), "timeout"],
  ["an order that is pending for ever", "order", endlessly("pending"), "timeout"],
  ["an order that says it is ready and is not", "order", endlessly("ready"), "orderNotReady"],
  [
    "an order that is valid without a certificate",
    "order",
    alter(({ certificate, ...order }) => ({ ...order, status: "valid" })),
    "invalidResponse",
  ],
  [
    "an authorization without HTTP-01",
    "authorization",
    alter((body) => ({ ...body, challenges: [{ type: "dns-01" }] })),
    "unsupported",
  ],
  [
    "an authorization with a challenge that the edge can't answer",
    "authorization",
    alter((body) => ({
      ...body,
      challenges: [{ type: "http-01", url: "https://localhost/", token: "../../etc" }],
    })),
    "invalidResponse",
  ],
  ["an authorization that is a word", "authorization", reply(200, JSON_TYPE, '"valid"'), "invalidResponse"],
  ["a certificate that is a web page", "certificate", html, "invalidResponse"],
  ["a certificate that is none", "certificate", chainOf("not PEM"), "invalidResponse"],
  ["a certificate of another key", "certificate", chainOf(strangersCertificate), "invalidResponse"],
  ["a chain that is too long", "certificate", chainOf(strangersCertificate.repeat(2000)), "invalidResponse"],
  [
    "a chain of a hundred certificates",
    "certificate",
    chainOf(strangersCertificate.repeat(100)),
    "invalidResponse",
  ],
];
for (const [what, resource, fault, type] of hostile)
  test(`${what} ends the order: ${type}`, async () => {
    const over = type === "timeout" ? { orderTimeoutMs: 2000 } : {};
    assert.equal((await failureWith([resource, fault], over)).type, type);
  });

test("a CA that answers too slowly is not waited for", async () => {
  const error = await failureWith(["directory", delay(20_000)], { requestTimeoutMs: 300 });
  assert.deepEqual([error.type, error.isTemporary], ["timeout", true]);
});

test("a CA that answers each request just in time is not waited for longer than an order may take", async () => {
  const startedAt = performance.now();
  const error = await failureWith(["authorization", delay(20_000)], { orderTimeoutMs: 500 });
  assert.deepEqual([error.type, error.isTemporary], ["timeout", true]);
  assert.ok(performance.now() - startedAt < 18_000);
});

test("a CA that sends its answer drop by drop is not waited for", async () => {
  const drip: Fault = ({ response }) => {
    response.writeHead(200, JSON_TYPE);
    const timer = setInterval(() => response.write(" "), 50);
    response.on("close", () => clearInterval(timer));
  };
  const error = await failureWith(["directory", drip], { requestTimeoutMs: 300 });
  assert.equal(error.type, "timeout");
});

test("a redirect is not followed, and no URL of a CA leads into our own network", async () => {
  const to = (host: string) => `https://${host}:${internalPort}/`;
  for (const location of [to("localhost"), to("127.0.0.1"), `http://127.0.0.1:${internalPort}/`]) {
    const error = await failureWith(["directory", reply(302, { location }, "")]);
    assert.deepEqual([error.type, error.status], ["invalidResponse", 302]);
  }
  const hosts = [
    "127.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "2130706433",
    "10.0.0.1",
    "169.254.169.254",
    "a.localhost",
  ];
  for (const host of hosts)
    for (const name of ["newNonce", "newAccount", "newOrder"]) {
      const error = await failureWith(["directory", alter((body) => ({ ...body, [name]: to(host) }))]);
      assert.deepEqual([error.type, host], ["invalidResponse", host], error.message);
    }
  for (const newOrder of ["file:///etc/passwd", "https://ca:secret@localhost/", "nonsense"]) {
    const error = await failureWith(["directory", alter((body) => ({ ...body, newOrder }))]);
    assert.equal(error.type, "invalidResponse");
  }
  assert.equal(visits, 0);
});

test("a CA is never asked without TLS, except on loopback", async () => {
  for (const directoryUrl of ["http://ca.example/dir", "http://10.0.0.1/dir", "ftp://localhost/dir", "dir"]) {
    const error = await failureWith(["directory", notJson], { directoryUrl });
    assert.equal(error.type, "invalidResponse");
  }
  const plain = createHttpServer((_, response) => response.writeHead(500).end()).listen(0, "127.0.0.1");
  await once(plain, "listening");
  const address = plain.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const error = await failureWith(["directory", notJson], { directoryUrl: `http://127.0.0.1:${port}/dir` });
  assert.deepEqual([error.type, error.status], ["serverInternal", 500]);
  plain.close();
});

test("a CA that repeats what it was sent puts no key into an error", async () => {
  const externalAccount = { keyId: "kid-1", macKey: MAC_KEY };
  const accountKeyPem = newKeyPem();
  for (const resource of ["newAccount", "newOrder", "challenge", "finalize"] as const) {
    const echo: Fault = ({ seen, response }) => {
      const detail = JSON.stringify(seen.payload);
      const body = {
        type: "urn:ietf:params:acme:error:malformed",
        detail,
        subproblems: [{ detail, identifier: { value: detail } }],
      };
      response.writeHead(400, { "content-type": "application/problem+json" }).end(JSON.stringify(body));
    };
    const over = resource === "newAccount" ? { accountKeyPem, externalAccount } : {};
    const error = await failureWith([resource, echo], over);
    assert.equal(error.type, "malformed");
    assertHoldsNo(error, [MAC_KEY, ...secretsOf(accountKeyPem)]);
  }
});
