/** `waypost domains …` against servers that answer anything. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { type OtherReply, type OtherServer, startOtherServer } from "./other-server.ts";
import { startInstallation } from "./run-command.ts";
import { createInstallation } from "./waypost-process.ts";

const ESCAPES = "\u001b]0;pwned\u0007\u001b[2J";

test("what a server or an argument says reaches no terminal as control codes, and forges no line", async (t) => {
  const { run } = await createInstallation(t);
  await using hostile = await startOtherServer(() => ({
    status: 400,
    body: {
      errors: [
        { message: `No${ESCAPES}`, description: "way\nclick.acme.com is verified" },
        { message: "Two" },
      ],
    },
  }));
  const there = ["--url", hostile.url, "--key", "x"];
  for (const args of [
    ["domains", "list"],
    ["domains", "verify", `a${ESCAPES}`],
    ["domains", "show", `a${ESCAPES}`],
    ["import", "sparkpost", "--file", `/nowhere/${ESCAPES}`],
  ]) {
    const { code, stdout, stderr } = await run(...args, ...there);
    assert.equal(code, 1);
    assert.doesNotMatch(`${stdout}${stderr}`.replaceAll("\n", ""), /\p{Cc}/u, args.join(" "));
    assert.doesNotMatch(stderr, /^click/m);
  }
  const listed = await run("domains", "list", ...there);
  assert.equal(listed.stderr, "No\ufffd]0;pwned\ufffd\ufffd[2J: way\ufffdclick.acme.com is verified\nTwo\n");
});

test("neither a command that there is not nor a local one says a control code back", async (t) => {
  const { run } = await createInstallation(t);
  await run("migrate");
  for (const args of [
    ["domains", `a${ESCAPES}`],
    ["domains", "block", `a${ESCAPES}`],
    ["keys", "revoke", `a${ESCAPES}`],
    ["doctor", "--api-listen", ESCAPES],
  ]) {
    const { code, stdout, stderr } = await run(...args);
    assert.notEqual(code, 0);
    assert.doesNotMatch(`${stdout}${stderr}`.replaceAll("\n", ""), /\p{Cc}/u, args.join(" "));
  }
});

test("waiting for a domain says what a server answers without its control codes", async (t) => {
  const { run } = await createInstallation(t);
  let verified = 0;
  await using hostile = await startOtherServer(({ method, url }) => {
    if (url?.endsWith("/verify")) {
      verified += 1;
      return verified === 1
        ? { status: 400, body: { errors: [{ message: `Soon${ESCAPES}` }] } }
        : { status: 200, body: { results: { verified: true } } };
    }
    const results = method === "POST" ? { domain: `a${ESCAPES}` } : { dns_record: { type: "CNAME" } };
    return { status: 200, body: { results } };
  });
  const args = ["domains", "add", "click.acme.com", "--wait", "30", "--url", hostile.url, "--key", "x"];
  const { code, stdout, stderr } = await run(...args);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Not yet: Soon/);
  assert.match(stdout, /is verified/);
  assert.doesNotMatch(`${stdout}${stderr}`.replaceAll("\n", ""), /\p{Cc}/u);
});

/** A server that creates every domain, and answers its verification with one reply after the other. */
const startVerifying = (replies: OtherReply[]): Promise<OtherServer> =>
  startOtherServer(({ url }) => {
    if (url?.endsWith("/verify")) return (replies.length > 1 ? replies.shift() : replies[0]) as OtherReply;
    return { status: 200, body: { results: { domain: "click.acme.com", dns_record: { type: "CNAME" } } } };
  });

const refusal = (status: number): OtherReply => ({ status, body: { errors: [{ message: "No." }] } });

for (const status of [401, 403, 404]) {
  test(`waiting for a domain ends at once when the server answers ${status}`, async (t) => {
    const { run } = await createInstallation(t);
    await using server = await startVerifying([refusal(status)]);
    const wait = ["--wait", "86400", "--url", server.url, "--key", "x"];
    const { code, stderr } = await run("domains", "add", "click.acme.com", ...wait);
    assert.equal(code, 1);
    assert.equal(stderr, "No.\n");
    assert.equal(server.requests.filter(({ line }) => line.endsWith("/verify")).length, 1);
  });
}

test("waiting for a domain goes on until the server says that it is verified, not only that it was checked", async (t) => {
  const { run } = await createInstallation(t);
  const notYet = { status: 200, body: { results: { verified: false, cname_status: "pending" } } };
  const verified = { status: 200, body: { results: { verified: true, cname_status: "valid" } } };
  await using server = await startVerifying([notYet, refusal(503), verified]);
  const there = ["--url", server.url, "--key", "x"];
  const { code, stdout, stderr } = await run("domains", "add", "click.acme.com", "--wait", "60", ...there);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "Not yet: Waiting for DNS\nNot yet: No.\n");
  assert.match(stdout, /is verified/);
});

test("a domain that is not verified in time ends the waiting with 1, and nothing says that it is", async (t) => {
  const { run } = await createInstallation(t);
  const blocked = { status: 200, body: { results: { verified: false, compliance_status: "blocked" } } };
  await using server = await startVerifying([blocked]);
  const wait = ["--wait", "1", "--url", server.url, "--key", "x"];
  const { code, stdout, stderr } = await run("domains", "add", "click.acme.com", ...wait);
  assert.equal(code, 1);
  assert.match(stderr, /click\.acme\.com is not verified: Blocked/);
  assert.doesNotMatch(stdout, /is verified/);
});

const CHANGES = [
  ["domains", "verify", "click.localhost"],
  ["domains", "default", "click.localhost"],
  ["certs", "renew", "click.localhost"],
  ["domains", "rm", "click.localhost", "--yes"],
];

test("a change of a subaccount's domain says whose it is, and is made once the subaccount is named", async (t) => {
  const { run } = await startInstallation(t);
  await run("subaccounts", "create", "Acme");
  await run("domains", "add", "click.localhost", "--subaccount", "1");
  for (const args of CHANGES) {
    const { code, stdout, stderr } = await run(...args);
    assert.deepEqual([code, stdout], [1, ""], args.join(" "));
    assert.match(
      stderr,
      /^resource not found: .*click\.localhost\nIt is subaccount 1's: add --subaccount 1\n$/,
    );
    const elsewhere = await run(...args, "--subaccount", "0");
    assert.equal(elsewhere.code, 1);
    assert.doesNotMatch(elsewhere.stderr, /--subaccount/);
  }
  assert.equal((await run("domains", "verify", "click.localhost", "--subaccount", "1")).code, 0);
  assert.equal((await run("domains", "rm", "click.localhost", "--yes", "--subaccount", "1")).code, 0);
  const gone = await run("domains", "rm", "click.localhost", "--yes");
  assert.equal(gone.code, 1);
  assert.doesNotMatch(gone.stderr, /subaccount/, "it is nobody's");
});

test("a key that may change domains and not read them is told that the domain may be a subaccount's", async (t) => {
  const { run } = await createInstallation(t);
  await using server = await startOtherServer(({ method }) => refusal(method === "GET" ? 403 : 404));
  for (const args of CHANGES) {
    const { code, stderr } = await run(...args, "--url", server.url, "--key", "x");
    assert.equal(code, 1);
    assert.equal(stderr, "No.\nIf it is a subaccount's, add --subaccount and its number\n");
  }
});
