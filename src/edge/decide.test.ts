import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { MessageId } from "../domain/message-id.ts";
import { createKeyRing, rotateKeyRing } from "../token/key-ring.ts";
import { type ClickToken, type LinkToken, type OpenToken, sealLink } from "../token/link-token.ts";
import { newProbeNonce, readProbeAnswer } from "../token/probe-mac.ts";
import { decide, type EdgeRequest } from "./decide.ts";
import type { EdgeSnapshot } from "./snapshot.ts";

const NOW = Date.UTC(2026, 10, 22);
const FACTS = {
  subaccountId: 5,
  messageId: "000443ee14578172be22" as MessageId,
  rcptTo: "ann@example.com",
  sentAtSeconds: 1_790_000_000,
};
const CLICK: ClickToken = { ...FACTS, type: "click", target: "https://shop.example/a?b=1", linkName: "shop" };
const OPEN: OpenToken = { ...FACTS, type: "open" };

const keys = createKeyRing();
const snapshot: EdgeSnapshot = {
  version: 1,
  keys,
  hosts: new Map([
    ["click.acme.com", { owners: [5], blocked: false }],
    ["former.acme.com", { owners: [7, 5], blocked: false }],
    ["primary.example", { owners: [0], blocked: false }],
    ["other.example", { owners: [7], blocked: false }],
    ["blocked.example", { owners: [5], blocked: true }],
  ]),
};

function ask(path: string, over: Partial<EdgeRequest> = {}, now = NOW) {
  return decide({ method: "GET", host: "click.acme.com", path, ...over }, snapshot, now);
}
function linkTo(token: LinkToken = CLICK): string {
  return `/e/${sealLink(token, keys)}`;
}
const redirect = { reply: "redirect", location: CLICK.target, event: CLICK };

test("a click goes to the exact URL that was wrapped, and is recorded", () => {
  assert.deepEqual(ask(linkTo()), redirect);
});

test("an open gets the pixel, and is recorded", () => {
  for (const type of ["open", "initial_open", "amp_open", "amp_initial_open"] as const) {
    assert.deepEqual(ask(linkTo({ ...OPEN, type })), { reply: "pixel", event: { ...OPEN, type } });
  }
});

test("AMP clicks and unsubscribe links redirect like clicks", () => {
  for (const type of ["amp_click", "link_unsubscribe"] as const) {
    assert.deepEqual(ask(linkTo({ ...CLICK, type })), { ...redirect, event: { ...CLICK, type } });
  }
});

test("HEAD is answered like GET and records nothing", () => {
  assert.deepEqual(ask(linkTo(), { method: "HEAD" }), { reply: "redirect", location: CLICK.target });
  assert.deepEqual(ask(linkTo(OPEN), { method: "HEAD" }), { reply: "pixel" });
});

for (const [name, change] of [
  ["a query string", (path: string) => `${path}?utm=1&target=https://evil.example/`],
  ["a trailing slash", (path: string) => `${path}/`],
  ["a slash and a query string", (path: string) => `${path}/?a`],
  ["a sublink path", (path: string) => path.replace("/e/", "/e/open-in-app/")],
  ["a sublink of several segments", (path: string) => path.replace("/e/", "/e/open/in/app/")],
  ["percent-encoded letters", (path: string) => path.replace(/[0-9]/g, (digit) => `%3${digit}`)],
] as const) {
  test(`a link works with ${name}`, () => {
    assert.deepEqual(ask(change(linkTo())), redirect);
  });
}

for (const [name, host] of [
  ["its tenant's domain", "click.acme.com"],
  ["a domain that was its tenant's", "former.acme.com"],
  ["the primary account's domain", "primary.example"],
  ["a host that belongs to nobody", "cdn-origin.example.net"],
  ["a request without a host", ""],
] as const) {
  test(`a link works on ${name}`, () => {
    assert.deepEqual(ask(linkTo(), { host }), redirect);
  });
}

test("a link doesn't work on a host that is and was another tenant's", () => {
  assert.deepEqual(ask(linkTo(), { host: "other.example" }), { reply: "not_found", reason: "wrong_tenant" });
});

test("a link of the primary account doesn't work on a subaccount's domain", () => {
  assert.deepEqual(ask(linkTo({ ...CLICK, subaccountId: 0 })), {
    reply: "not_found",
    reason: "wrong_tenant",
  });
});

test("a blocked domain answers 403, and still keeps robots away", () => {
  assert.deepEqual(ask(linkTo(), { host: "blocked.example" }), { reply: "blocked" });
  assert.deepEqual(ask("/", { host: "blocked.example" }), { reply: "blocked" });
  assert.deepEqual(ask("/robots.txt", { host: "blocked.example" }), { reply: "robots" });
});

test("an expired link redirects and records nothing", () => {
  const expiresAtSeconds = NOW / 1000;
  assert.deepEqual(ask(linkTo({ ...CLICK, expiresAtSeconds })), {
    reply: "redirect",
    location: CLICK.target,
  });
  assert.deepEqual(ask(linkTo({ ...OPEN, expiresAtSeconds })), { reply: "pixel" });
  assert.ok("event" in ask(linkTo({ ...CLICK, expiresAtSeconds }), {}, NOW - 1));
});

test("a link sealed before the key was rotated works", () => {
  const rotated = { ...snapshot, keys: rotateKeyRing(keys) };
  const request = { method: "GET", host: "click.acme.com", path: linkTo() };
  assert.deepEqual(decide(request, rotated, NOW), redirect);
});

test("a link of another installation doesn't work", () => {
  const path = `/e/${sealLink(CLICK, createKeyRing())}`;
  assert.deepEqual(ask(path), { reply: "not_found", reason: "forged" });
});

test("a sealed target that is no web address is not redirected to", () => {
  assert.deepEqual(ask(linkTo({ ...CLICK, target: "javascript:alert(1)" })), {
    reply: "not_found",
    reason: "unusable_target",
  });
});

for (const path of ["/", "", "/e", "/e/", "/e//", "/favicon.ico", "/E/abc", "*", "/.well-known/waypost/"]) {
  test(`the path ${JSON.stringify(path)} is not known`, () => {
    assert.deepEqual(ask(path), { reply: "not_found", reason: "unknown_path" });
  });
}

for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "QUERY"]) {
  test(`${method} is not allowed, on links as elsewhere`, () => {
    assert.deepEqual(ask(linkTo(), { method }), { reply: "method_not_allowed" });
    assert.deepEqual(ask("/", { method }), { reply: "method_not_allowed" });
  });
}

test("a verification probe gets an answer that only this installation can give", () => {
  const nonce = newProbeNonce();
  const decision = ask(`/.well-known/waypost/${nonce}`, { host: "new.example" });
  assert.equal(decision.reply, "probe");
  const answer = decision.reply === "probe" ? decision.answer : "";
  assert.deepEqual(readProbeAnswer(answer, nonce, keys.probeKey), { hostSeen: "new.example" });
});

test("whatever is asked, there is a decision, and only a sealed link redirects", () => {
  const path = fc.oneof(
    fc.webPath(),
    fc.string(),
    fc.base64String().map((text) => `/e/${text}`),
  );
  fc.assert(
    fc.property(fc.string(), fc.oneof(fc.domain(), fc.string()), path, (method, host, anyPath) => {
      for (const asked of [method, "GET"]) {
        const { reply } = decide({ method: asked, host, path: anyPath }, snapshot, NOW);
        assert.notEqual(reply, "redirect");
        assert.notEqual(reply, "pixel");
      }
    }),
  );
});

test("a link with one character changed never leads anywhere else", () => {
  const path = linkTo();
  const position = fc.integer({ min: 3, max: path.length - 1 });
  fc.assert(
    fc.property(position, fc.constantFrom(..."AZaz09-_"), (at, letter) => {
      const decision = ask(path.slice(0, at) + letter + path.slice(at + 1));
      if (path[at] === letter) assert.deepEqual(decision, redirect);
      else assert.equal(decision.reply, "not_found");
    }),
  );
});

test("serves a domain's files for apps without a redirect, and only that domain's", () => {
  const files = { "assetlinks.json": "[]", "apple-app-site-association": "{}" };
  const hosts = new Map([["go.acme.com", { owners: [0], blocked: false, files }]]);
  const get = (host: string, path: string) =>
    decide({ method: "GET", host, path }, { ...snapshot, hosts }, Date.now());
  assert.deepEqual(get("go.acme.com", "/.well-known/assetlinks.json?x"), {
    reply: "well_known",
    content: "[]",
  });
  for (const path of ["/.well-known/apple-app-site-association", "/apple-app-site-association"]) {
    assert.deepEqual(get("go.acme.com", path), { reply: "well_known", content: "{}" });
  }
  for (const host of ["other.acme.com", ""]) {
    assert.equal(get(host, "/.well-known/assetlinks.json").reply, "not_found");
  }
});

test("a challenge of the certificate authority is answered for the installation's account, on its own names only", () => {
  const path = "/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA";
  const withAccount = { ...snapshot, acmeThumbprint: "nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ" };
  const challenge = (request: Partial<EdgeRequest>, known: EdgeSnapshot = withAccount) =>
    decide({ method: "GET", host: "click.acme.com", path, ...request }, known, NOW);
  assert.deepEqual(challenge({}), {
    reply: "acme_challenge",
    answer: `${path.split("/").at(-1)}.${withAccount.acmeThumbprint}`,
  });
  for (const request of [
    { host: "unknown.example" },
    { path: `${path}!` },
    { path: `${path}/more` },
    { path: "/.well-known/acme-challenge/" },
    { path: `/.well-known/acme-challenge/${"a".repeat(129)}` },
  ]) {
    assert.equal(challenge(request).reply, "not_found");
  }
  assert.equal(challenge({}, snapshot).reply, "not_found");
  assert.equal(challenge({ host: "blocked.example" }).reply, "blocked");
});
