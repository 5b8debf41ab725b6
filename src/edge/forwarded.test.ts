import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { test } from "node:test";

import fc from "fast-check";

import { addressList } from "../domain/address-list.ts";
import { clientFacts } from "./forwarded.ts";

const PROXIES = addressList(["10.0.0.0/8", "2001:db8::/32"]);

function facts(headers: IncomingHttpHeaders, peerAddress = "10.0.0.1", targetHost?: string) {
  return clientFacts({ headers: { host: "origin.internal", ...headers }, targetHost, peerAddress }, PROXIES);
}

test("without trusted proxies nobody's forwarding headers count", () => {
  const headers = {
    host: "click.acme.com",
    "x-forwarded-for": "192.0.2.9",
    "x-forwarded-host": "other.example",
  };
  const request = { headers, targetHost: undefined, peerAddress: "10.0.0.1" };
  assert.deepEqual(clientFacts(request, undefined), { host: "click.acme.com", ipAddress: "10.0.0.1" });
});

test("a stranger's forwarding headers don't count", () => {
  const headers = {
    "x-forwarded-for": "192.0.2.9",
    "x-forwarded-host": "a.example",
    forwarded: "for=192.0.2.9",
  };
  assert.deepEqual(facts(headers, "198.51.100.7"), { host: "origin.internal", ipAddress: "198.51.100.7" });
});

test("behind a trusted proxy the client is the one the proxy names", () => {
  const headers = { "x-forwarded-for": "192.0.2.9", "x-forwarded-host": "Click.Acme.com:443" };
  assert.deepEqual(facts(headers), { host: "click.acme.com", ipAddress: "192.0.2.9" });
});

test("what a client writes into X-Forwarded-For itself is not believed", () => {
  assert.equal(facts({ "x-forwarded-for": "203.0.113.1, 192.0.2.9" }).ipAddress, "192.0.2.9");
});

test("a Forwarded header of the client's own, which the proxy hands on, is not believed", () => {
  const headers = { "x-forwarded-for": "192.0.2.9", forwarded: "for=203.0.113.1;host=other.example" };
  assert.deepEqual(facts(headers), { host: "origin.internal", ipAddress: "192.0.2.9" });
});

test("a chain of trusted proxies is followed to the client", () => {
  assert.equal(facts({ "x-forwarded-for": "192.0.2.9, 10.0.0.3, 10.0.0.2" }).ipAddress, "192.0.2.9");
});

test("the Forwarded header is read, IPv6 and ports included", () => {
  const forwarded = 'for="[2001:db9::17]:4711";host=click.acme.com;proto=https, for=10.0.0.2';
  assert.deepEqual(facts({ forwarded }), { host: "click.acme.com", ipAddress: "2001:db9::17" });
});

test("a hop that hides its address ends the chain", () => {
  assert.equal(facts({ forwarded: "for=192.0.2.9, for=_hidden, for=10.0.0.2" }).ipAddress, "10.0.0.2");
  assert.equal(facts({ "x-forwarded-for": "unknown" }).ipAddress, "10.0.0.1");
});

test("IPv4 on a dual-stack socket is IPv4", () => {
  assert.equal(facts({ "x-forwarded-for": "192.0.2.9:1234" }, "::ffff:10.0.0.1").ipAddress, "192.0.2.9");
});

test("the host of an absolute request target stands in for the Host header", () => {
  assert.equal(facts({}, "198.51.100.7", "Click.acme.com:80").host, "click.acme.com");
});

test("whatever forwarding headers hold, the address is an address and the host a host", () => {
  const header = fc.oneof(
    fc.string(),
    fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())).map((list) => list.join(",")),
  );
  fc.assert(
    fc.property(header, header, header, (forFor, forHost, forwarded) => {
      const { host, ipAddress } = facts({
        "x-forwarded-for": forFor,
        "x-forwarded-host": forHost,
        forwarded,
      });
      assert.match(host, /^[a-z0-9_.[\]:-]*$/);
      assert.match(ipAddress ?? "", /^[0-9a-fA-F.:]+$/);
    }),
  );
});
