import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { parseHostname } from "../../src/domain/hostname.ts";
import { type CaaOptions, type CaaVerdict, caaText, checkCaa } from "../../src/tls/caa.ts";
import { type DnsEntry, type DnsServer, startDnsServer } from "../dns-server.ts";

const NAME = "click.acme.com";
const ACCOUNT = "https://ca.example/acct/1";
type CaaRecord = readonly [flags: number, tag: string, value: string];

let dns: DnsServer;
before(async () => {
  dns = await startDnsServer({});
});
after(() => dns.close());

async function check(zone: Record<string, DnsEntry>, over: Partial<CaaOptions> = {}): Promise<CaaVerdict> {
  dns.zone.clear();
  for (const [name, entry] of Object.entries(zone)) dns.zone.set(name, entry);
  return checkCaa(parseHostname(NAME), {
    identities: ["ca.example", "CA.example.net"],
    accountUrl: ACCOUNT,
    dnsServers: [dns.address],
    budgetMs: 4000,
    ...over,
  });
}

const matrix: readonly (readonly [what: string, records: readonly CaaRecord[], verdict: string])[] = [
  ["a record that names the CA", [[0, "issue", "ca.example"]], "allowed"],
  ["one that names it in upper case and with spaces", [[0, "ISSUE", " \tCa.Example "]], "allowed"],
  ["one that names it by its other name", [[0, "issue", "ca.example.net"]], "allowed"],
  [
    "one of several that names it",
    [
      [0, "issue", "other.example"],
      [0, "issue", "ca.example"],
    ],
    "allowed",
  ],
  ["one with parameters that nobody knows", [[0, "issue", "ca.example; policy=ev; x = 1"]], "allowed"],
  ["one with a semicolon and no parameters", [[0, "issue", "ca.example ;"]], "allowed"],
  ["a record that names another CA", [[0, "issue", "other.example"]], "other_authority"],
  ["one that names a part of the CA's name", [[0, "issue", "example"]], "other_authority"],
  ["one that names a part under the CA's", [[0, "issue", "sub.ca.example"]], "other_authority"],
  ["one that names nobody", [[0, "issue", ";"]], "other_authority"],
  ["one for wildcards alone", [[0, "issuewild", ";"]], "allowed"],
  [
    "one about mail and reports alone",
    [
      [0, "iodef", "mailto:a@acme.com"],
      [128, "issuemail", ";"],
    ],
    "allowed",
  ],
  ["a critical one that is known", [[128, "issue", "ca.example"]], "allowed"],
  [
    "a critical one that is not known",
    [
      [128, "tbs", "x"],
      [0, "issue", "ca.example"],
    ],
    "unknown_property",
  ],
  ["one that is not known and not critical", [[0, "tbs", "x"]], "allowed"],
  ["one whose other flags are set", [[127, "tbs", "x"]], "allowed"],
  ["one whose tag is like Node's own key", [[0, "critical", "x"]], "unknown_property"],
  ["one whose tag is like a prototype", [[128, "__proto__", "x"]], "unknown_property"],
  ["a name that is no name", [[0, "issue", "ca..example"]], "unreadable"],
  ["a parameter without a value's sign", [[0, "issue", "ca.example; policy"]], "unreadable"],
  ["a parameter with a space inside", [[0, "issue", "ca.example; policy=a b"]], "unreadable"],
  [
    "a parameter and nothing behind the last semicolon",
    [[0, "issue", "ca.example; policy=ev;"]],
    "unreadable",
  ],
  ["letters that are not ASCII", [[0, "issue", "ca.example; policy=é"]], "unreadable"],
  ["no value at all", [[0, "issue", ""]], "unreadable"],
  [
    "one that can't be read beside one that names the CA",
    [
      [0, "issue", "%%%"],
      [0, "issue", "ca.example"],
    ],
    "allowed",
  ],
  [
    "one that can't be read beside one for another CA",
    [
      [0, "issue", "%%%"],
      [0, "issue", "other.example"],
    ],
    "other_authority",
  ],
  ["our account", [[0, "issue", `ca.example; accounturi=${ACCOUNT}`]], "allowed"],
  ["another account", [[0, "issue", `ca.example; accounturi=${ACCOUNT}2`]], "other_account"],
  [
    "our account twice",
    [[0, "issue", `ca.example; accounturi=${ACCOUNT}; accounturi=${ACCOUNT}`]],
    "other_account",
  ],
  ["our method", [[0, "issue", "ca.example; validationmethods=dns-01,http-01"]], "allowed"],
  ["another method", [[0, "issue", "ca.example; validationmethods=dns-01"]], "other_method"],
  ["no method", [[0, "issue", "ca.example; validationmethods="]], "other_method"],
  [
    "a method that begins like ours",
    [[0, "issue", "ca.example; validationmethods=http-01x"]],
    "other_method",
  ],
  [
    "account and method both",
    [[0, "issue", `ca.example; accounturi=${ACCOUNT};validationmethods=http-01`]],
    "allowed",
  ],
  [
    "one record for another account, one for another method",
    [
      [0, "issue", "ca.example; accounturi=x"],
      [0, "issue", "ca.example; validationmethods=dns-01"],
    ],
    "other_method",
  ],
];

for (const [what, caa, expected] of matrix)
  test(`CAA with ${what}: ${expected}`, async () => {
    const verdict = await check({ [NAME]: { caa } });
    assert.equal(verdict.kind === "refused" ? verdict.reason : verdict.kind, expected);
  });

test("records of the nearest parent that has any count, up to the top", async () => {
  const refusing: DnsEntry = { caa: [[0, "issue", ";"]] };
  const permitting: DnsEntry = { caa: [[0, "issue", "ca.example"]] };
  const refusedAt = (at: string) => ({ kind: "refused", at, reason: "other_authority" });
  assert.deepEqual(await check({ "acme.com": refusing }), refusedAt("acme.com"));
  assert.deepEqual(await check({ [NAME]: { a: ["127.0.0.1"] }, com: refusing }), refusedAt("com"));
  assert.deepEqual(await check({ "acme.com": permitting, com: refusing }), { kind: "allowed" });
  assert.deepEqual(await check({ [NAME]: refusing, "acme.com": permitting }), refusedAt(NAME));
  assert.deepEqual(await check({}), { kind: "allowed" });
});

test("an alias has the records of where it leads, and not those of that name's parents", async () => {
  const target = "edge.waypost.example";
  const refusing: DnsEntry = { caa: [[0, "issue", ";"]] };
  const alias = { [NAME]: { cname: target } };
  assert.equal((await check({ ...alias, [target]: refusing })).kind, "refused");
  assert.equal((await check({ ...alias, [target]: {}, "waypost.example": refusing })).kind, "allowed");
  const verdict = await check({ ...alias, [target]: {}, "acme.com": refusing });
  assert.deepEqual(verdict, { kind: "refused", at: "acme.com", reason: "other_authority" });
});

for (const fails of ["servfail", "refused", "silent"] as const)
  test(`a name server that is ${fails} leaves it open, at the domain or at a parent`, async () => {
    assert.deepEqual(await check({ [NAME]: { fails } }), { kind: "unanswered", at: NAME });
    const atParent = await check({ [NAME]: {}, "acme.com": { fails } });
    assert.deepEqual(atParent, { kind: "unanswered", at: "acme.com" });
  });

test("name servers that are all slow take no longer than the budget", async () => {
  const startedAt = performance.now();
  assert.equal((await check({ [NAME]: { fails: "silent" } }, { budgetMs: 300 })).kind, "unanswered");
  assert.ok(performance.now() - startedAt < 8000);
  assert.deepEqual(await check({}, { budgetMs: 0 }), { kind: "unanswered", at: NAME });
});

test("records that don't fit into a datagram are asked for again by TCP", async () => {
  const verdict = await check({ [NAME]: { truncated: true, caa: [[0, "issue", ";"]] } });
  assert.equal(verdict.kind, "refused");
  assert.ok(dns.queries.some(({ type, transport }) => type === "CAA" && transport === "tcp"));
});

test("a CA that doesn't tell its names is refused only where nobody may issue", async () => {
  const identities: string[] = [];
  assert.equal(
    (await check({ [NAME]: { caa: [[0, "issue", "any.example"]] } }, { identities })).kind,
    "allowed",
  );
  assert.equal((await check({ [NAME]: { caa: [[0, "issue", ";"]] } }, { identities })).kind, "refused");
});

test("names under localhost are not asked for", async () => {
  const asked = dns.queries.length;
  const options = {
    identities: ["ca.example"],
    accountUrl: ACCOUNT,
    dnsServers: [dns.address],
    budgetMs: 1000,
  };
  assert.deepEqual(await checkCaa(parseHostname("click.localhost"), options), { kind: "allowed" });
  assert.equal(dns.queries.length, asked);
});

test("a refusal says which record stands in the way, and which would help", async () => {
  const verdict = await check({ "acme.com": { caa: [[0, "issue", "other.example"]] } });
  assert.ok(verdict.kind === "refused");
  assert.equal(
    caaText(verdict, ["ca.example"]),
    'the CAA records of acme.com do not name the certificate authority; add the record: acme.com. CAA 0 issue "ca.example"',
  );
  assert.equal(
    caaText({ ...verdict, reason: "unknown_property" }, ["ca.example"]),
    "acme.com has a CAA record with a critical property that nobody knows",
  );
});
