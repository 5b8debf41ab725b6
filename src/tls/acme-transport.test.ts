import assert from "node:assert/strict";
import type { LookupAddress, lookup } from "node:dns";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { after, before, test } from "node:test";

import { AcmeError } from "./acme-error.ts";
import { createTransport } from "./acme-transport.ts";

let server: Server;
let port: number;
let visits = 0;
before(async () => {
  server = createServer((socket) => {
    visits += 1;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});
after(() => server.close());

/** DNS as whoever owns the name wants it. */
const resolvesTo = (...addresses: readonly string[]): typeof lookup =>
  ((_name: string, _options: object, callback: (error: null, found: LookupAddress[]) => void) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    )) as typeof lookup;

async function failureOf(host: string, resolve: typeof lookup): Promise<AcmeError> {
  const directoryUrl = `https://ca.example:${port}/dir`;
  const send = createTransport({
    directoryUrl,
    requestTimeoutMs: 2000,
    userAgent: "waypost",
    lookup: resolve,
  });
  const error = await send({ method: "GET", url: `https://${host}:${port}/order` }).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  assert.ok(error instanceof AcmeError, String(error));
  return error;
}

for (const addresses of [
  ["127.0.0.1"],
  ["10.0.0.1"],
  ["169.254.169.254"],
  ["::ffff:127.0.0.1"],
  ["8.8.8.8", "127.0.0.1"],
  [],
])
  test(`a CA's other host is not spoken to at ${addresses.join(" and ") || "no address"}`, async () => {
    const error = await failureOf("api.ca.example", resolvesTo(...addresses));
    assert.deepEqual([error.type, error.isTemporary], ["invalidResponse", false]);
    assert.equal(visits, 0);
  });

test("the operator's own CA may be anywhere", async () => {
  const before = visits;
  // The server there speaks no TLS; what counts is that it was asked.
  assert.equal((await failureOf("ca.example", resolvesTo("127.0.0.1"))).type, "unreachable");
  assert.equal(visits, before + 1);
});
