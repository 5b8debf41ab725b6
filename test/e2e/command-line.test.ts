import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";

import { loadConfig } from "../../src/config.ts";
import { startDnsServer } from "../dns-server.ts";
import { startOtherServer } from "./other-server.ts";
import { answering, inTerminal, runWith, startInstallation } from "./run-command.ts";
import { SPARKPOST_KEY, startSparkpost } from "./sparkpost-server.ts";
import { CLI, createInstallation } from "./waypost-process.ts";
import { KEY, until } from "./wrapped-link.ts";

test("a domain is added, verified, made the default, shown and deleted from the command line", async (t) => {
  const installation = await startInstallation(t);
  const { run } = installation;
  const added = await run("domains", "add", "click.localhost", "--wait", "60");
  assert.equal(added.code, 0, added.stderr);
  assert.match(added.stdout, /click\.localhost is created[\s\S]*click\.localhost is verified/);
  assert.match((await run("domains", "default", "click.localhost")).stdout, /is the default/);
  const list = await run("domains", "list");
  assert.match(list.stdout, /click\.localhost +Verified +off +default/);
  const shown = JSON.parse((await run("domains", "show", "click.localhost", "--json")).stdout);
  assert.equal(shown.status.verified, true);
  assert.ok(shown.checks.length >= 1);
  assert.match((await run("domains", "show", "click.localhost")).stdout, /ok +.* reaches this installation/);

  const unasked = await run("domains", "rm", "click.localhost");
  assert.equal(unasked.code, 1);
  assert.match(unasked.stderr, /--yes/);
  assert.match((await run("domains", "rm", "click.localhost", "--yes")).stdout, /keep working/);
  const gone = await run("domains", "show", "click.localhost");
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /Resource not found: click\.localhost/);
});

test("a check that fails ends with 1, and says what was found and what to change", async (t) => {
  const installation = await startInstallation(t);
  await installation.run("domains", "add", "click.localhost");
  await installation.run("domains", "block", "click.localhost");
  const blocked = await installation.run("domains", "verify", "click.localhost");
  assert.equal(blocked.code, 1);
  assert.match(blocked.stdout, /Blocked/);
  const missing = await installation.run("domains", "verify", "nobody.localhost", "--json");
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /not found/);
});

test("a mail is wrapped through a pipe, its link opened, and the click found", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const waypost = await installation.serve();
  await installation.run("domains", "add", "click.localhost", "--wait", "60");
  await installation.run("domains", "default", "click.localhost");
  const html =
    '<p><a href="https://www.example.com/a?b=1&amp;c=2">x</a> <a href="mailto:a@b.example">y</a></p>';
  const wrapped = await runWith(html, installation, ["wrap", "--to", "ann@example.com", "--report"]);
  assert.equal(wrapped.code, 0, wrapped.stderr);
  assert.match(wrapped.stderr, /tracked .*https:\/\/www\.example\.com\/a\?b=1&c=2/);
  assert.match(wrapped.stderr, /untouched +html +mailto:a@b\.example +\(Not an http or https address\)/);
  const link = /href="(http[^"]+\/e\/[^"]+)"/.exec(wrapped.stdout)?.[1] ?? "";
  const opened = await installation.run("token", "open", link);
  assert.match(opened.stdout, /Leads to +https:\/\/www\.example\.com\/a\?b=1&c=2/);
  assert.match(opened.stdout, /Recipient +ann@example\.com/);

  assert.equal((await waypost.visit(link)).status, 302);
  await until(
    async () =>
      /click +ann@example\.com/.test((await installation.run("events", "search", "--from", "1h")).stdout),
    "the click is found",
  );
  const message =
    "Subject: Hi\r\nContent-Type: text/html\r\n\r\n<a href='https://www.example.com/'>x</a>\r\n";
  const whole = await runWith(message, installation, ["wrap", "--to", "ann@example.com"]);
  assert.match(whole.stdout, /^Subject: Hi\r\n[\s\S]*click\.localhost/);
});

test("help fits a terminal of 60 columns, and keeps the words of what there is", async (t) => {
  const installation = await createInstallation(t);
  for (const command of ["waypost --help", "waypost domains --help", "waypost domains block --help"]) {
    const { stdout } = await inTerminal(60, installation, command);
    const lines = stripVTControlCharacters(stdout).trimEnd().split(/\r?\n/);
    assert.deepEqual(
      lines.filter((line) => line.length > 60),
      [],
    );
    assert.match(stdout.replace(/\s+/g, " "), /-h, --help display help for command/);
  }
});

test("a table fits a terminal of 60 columns, and names are shortened in the middle", async (t) => {
  const installation = await startInstallation(t);
  const long = `${"long".repeat(12)}.${"name".repeat(8)}.localhost`;
  await installation.run("domains", "add", long);
  const { stdout } = await inTerminal(60, installation, "waypost domains list");
  const lines = stripVTControlCharacters(stdout).trimEnd().split(/\r?\n/);
  assert.ok(lines.length >= 2);
  for (const line of lines) assert.ok(line.length <= 60, line);
  assert.match(lines.at(-1) ?? "", /^longlong.*….*localhost +Waiting for DNS/);
});

test("a reader that stops early ends the command without an error", async (t) => {
  const installation = await startInstallation(t);
  for (const name of ["a", "b", "c"]) await installation.run("domains", "add", `${name}.localhost`);
  const child = spawn(
    "bash",
    ["-o", "pipefail", "-c", `"${process.execPath}" "${CLI}" completion bash | head -c 1 >/dev/null`],
    { env: installation.environment, stdio: ["ignore", "ignore", "pipe"] },
  );
  const said = child.stderr.setEncoding("utf8").toArray();
  const [code] = await once(child, "close");
  assert.equal((await said).join(""), "");
  assert.equal(code, 0);
});

test("names that others chose reach no terminal as control codes", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  await installation.run("migrate");
  const name = "Acme\u001b]0;owned\u0007\u009b2J";
  const made = await installation.run("subaccounts", "create", name);
  const key = await installation.run("keys", "create", "--label", name);
  const lists = [await installation.run("subaccounts", "list"), await installation.run("keys", "list")];
  for (const { code, stdout, stderr } of [made, key, ...lists]) {
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(`${stdout}${stderr}`.replaceAll("\n", ""), /\p{Cc}/u);
  }
});

test("a message of any bytes goes out with the bytes that it came with; content that is not UTF-8 is refused", async (t) => {
  const installation = await startInstallation(t);
  const wrap = (input: Buffer, ...more: string[]) =>
    runWith(input, installation, ["wrap", "--to", "ann@example.com", ...more]);
  // As mail of the nineties has it: 8 bits, and no word of which.
  const header = "Subject: Caf\u00e9\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
  const message = Buffer.from(`${header}https://www.example.com/ \u00e9\r\n`, "latin1");
  const wrapped = await wrap(message, "--report");
  assert.equal(wrapped.code, 0, wrapped.stderr);
  assert.equal(wrapped.stdout, message.toString(), "no domain is there to wrap with");
  assert.match(
    wrapped.stderr,
    /^Nothing was tracked: no tracking domain is named, .*\nuntouched +text +https:\/\/www\.example\.com\/ +\(There is no tracking domain to use\)\n/,
  );
  const dry = await wrap(message, "--dry-run");
  assert.deepEqual([dry.code, dry.stdout, dry.stderr], [0, "", wrapped.stderr]);
  for (const [input, more] of [
    [message, ["--json"]],
    [Buffer.from("<p>Caf\u00e9</p>", "latin1"), []],
  ] as const) {
    const { code, stdout, stderr } = await wrap(input, ...more);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /not UTF-8/);
  }
});

test("a report says in words what was left alone and why, to programs with the API's codes", async (t) => {
  const { environment, ...installation } = await createInstallation(t);
  const results = {
    untracked_reason: "tracking_domain_not_usable",
    links: [
      { url: "https://a.example/", part: "html", tracked: false, reason: "opted_out" },
      { url: "https://b.example/", part: "html", tracked: false, reason: "of_a\u001b[2Jnewer_server" },
    ],
    skipped: [{ content_type: "text/html", reason: "encrypted" }],
  };
  await using server = await startOtherServer(() => ({ status: 200, body: { results } }));
  const there = { ...installation, environment: { ...environment, WAYPOST_URL: server.url } };
  const wrap = ["wrap", "--dry-run", "--key", "x"];
  const { stdout, stderr } = await runWith("<p>x</p>", there, wrap);
  assert.equal(stdout, "");
  assert.deepEqual(stderr.trimEnd().split("\n"), [
    "Nothing was tracked: the tracking domain that would be used is not verified, or is blocked.",
    'untouched  html  https://a.example/  (Marked with data-msys-clicktrack="0")',
    "untouched  html  https://b.example/  (of_a\ufffd[2Jnewer_server)",
    "part left alone  text/html  (encrypted)",
  ]);
  assert.deepEqual(JSON.parse((await runWith("<p>x</p>", there, [...wrap, "--json"])).stdout), results);
});

test("a SparkPost account's domains are created here with their owners, and a second run leaves them as they are", async (t) => {
  const target = { WAYPOST_API_KEY: KEY, WAYPOST_CNAME_TARGET: "edge.waypost.example" };
  const installation = await createInstallation(t, target);
  await installation.serve();
  await using sparkpost = await startSparkpost(
    [
      { domain: "click.acme.example", default: true },
      { domain: "track.shop.example", secure: true, subaccount_id: 101 },
    ],
    [{ id: 101, name: "Shop" }],
  );
  const args = ["import", "sparkpost", "--sparkpost-url", sparkpost.url];
  const more = { SPARKPOST_API_KEY: SPARKPOST_KEY };
  const dry = await runWith("", installation, [...args, "--dry-run", "--json"], more);
  assert.deepEqual(
    JSON.parse(dry.stdout).map(({ outcome }: { outcome: string }) => outcome),
    ["would be created", "would be created"],
  );
  const first = await runWith("", installation, args, more);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /click\.acme\.example +created/);
  assert.match(first.stdout, /track\.shop\.example +CNAME +edge\.waypost\.example/);
  assert.match(first.stdout, /waypost domains default click\.acme\.example/);
  const list = JSON.parse((await installation.run("domains", "list", "--json")).stdout);
  const shop = list.find(({ domain }: { domain: string }) => domain === "track.shop.example");
  assert.deepEqual([shop.secure, shop.subaccount_id], [true, 1]);
  const again = await runWith("", installation, args, more);
  assert.match(again.stdout, /track\.shop\.example +1 +there already/);
  const refused = await runWith("", installation, args, { SPARKPOST_API_KEY: "wrong" });
  assert.match(refused.stderr, /Unauthorized/);
  assert.equal(refused.code, 1);

  const file = join(installation.dataDir, "domains.json");
  writeFileSync(file, JSON.stringify({ results: [{ domain: "new.example", secure: false }] }));
  const fromFile = await installation.run("import", "sparkpost", "--file", file);
  assert.match(fromFile.stdout, /new\.example +created/);
});

test("init writes a configuration that check-config takes, and never over one that is there", async (t) => {
  const installation = await createInstallation(t);
  const file = join(installation.dataDir, "waypost.conf");
  const flags = ["--yes", "--cname-target", "track.example.net", "--data-dir", installation.dataDir];
  const written = await installation.run("init", file, ...flags);
  assert.equal(written.code, 0, written.stderr);
  const text = readFileSync(file, "utf8");
  assert.match(text, /^WAYPOST_CNAME_TARGET=track\.example\.net$/m);
  assert.match(text, /^#WAYPOST_LOG_LEVEL=$/m);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal((await installation.run("init", file, ...flags)).code, 1);
  const bad = await installation.run("init", join(installation.dataDir, "x"), "--yes", "--api-listen", "no");
  assert.match(bad.stderr, /WAYPOST_API_LISTEN must be/);
  assert.ok(!existsSync(join(installation.dataDir, "x")));
  const unasked = await installation.run("init", join(installation.dataDir, "y"));
  assert.match(unasked.stderr, /--yes/);
  const checked = await installation.run("check-config", "--config", file);
  assert.match(checked.stdout, /WAYPOST_CNAME_TARGET="track\.example\.net"/);
});

test("init writes values that the server reads back whole, whatever characters they have, or says which it cannot write", async (t) => {
  const { run, dataDir } = await createInstallation(t, { WAYPOST_DATA_DIR: "", WAYPOST_DATABASE_URL: "" });
  const file = join(dataDir, "waypost.conf");
  const folder = join(dataDir, "way # post's");
  const key = `#'${"$n\\n".repeat(10)}"`;
  const written = await run("init", file, "--yes", "--data-dir", folder, "--api-key", key);
  assert.equal(written.code, 0, written.stderr);
  const { config } = loadConfig({ file, environment: {} });
  assert.deepEqual([config.dataDir, config.apiKey], [folder, key]);
  const other = join(dataDir, "other.conf");
  const refused = await run("init", other, "--yes", "--api-key", `\`${key}`);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /WAYPOST_API_KEY cannot stand in a configuration file/);
  assert.ok(!existsSync(other));
});

test("init asks for what it needs, again where an answer is wrong, and takes what it suggests for an empty one", async (t) => {
  const installation = await createInstallation(t);
  const data = join(installation.dataDir, "here");
  const file = join(installation.dataDir, "asked.conf");
  const { code, stdout } = await answering(
    [
      [/keep its data\? \[\/var\/lib\/waypost\] $/, data],
      [/point their CNAME at .*\] $/, "edge.your-company.example"],
      [/edge listen for http\? .*\] $/, "nowhere"],
      [/edge listen for http\? .*\] $/, "127.0.0.1:18081"],
      [/And for https .*\] $/, "off"],
      [/terms of Let's Encrypt .*\] $/, ""],
      [/API and console listen\? .*\] $/, ""],
      [/PostgreSQL, .*\? $/, ""],
    ],
    installation,
    'waypost init "$WAYPOST_DATA_DIR/asked.conf"',
  );
  assert.equal(code, 0, stdout);
  assert.match(stdout, /must be .*nowhere/);
  const written = readFileSync(file, "utf8");
  for (const line of [
    `WAYPOST_DATA_DIR=${data}`,
    "WAYPOST_CNAME_TARGET=edge.your-company.example",
    "WAYPOST_EDGE_HTTP_LISTEN=127.0.0.1:18081",
    "WAYPOST_API_LISTEN=127.0.0.1:8080",
  ])
    assert.match(written, new RegExp(`^${line.replaceAll(".", "\\.")}$`, "m"));
});

test("init asks nothing when a flag is one that no answer makes good", async (t) => {
  const installation = await createInstallation(t, { BAD_KEY: `\`#'${"$n\\n".repeat(10)}"` });
  for (const [flags, said] of [
    ['--api-key "$BAD_KEY"', /WAYPOST_API_KEY cannot stand in a configuration file/],
    ["--edge-workers none", /WAYPOST_EDGE_WORKERS must be a whole number/],
  ] as const) {
    const { code, stdout } = await inTerminal(
      80,
      installation,
      `waypost init "$WAYPOST_DATA_DIR/x" ${flags}`,
    );
    assert.equal(code, 1, stdout);
    assert.match(stdout, said);
    assert.doesNotMatch(stdout, /Where shall Waypost keep its data/);
  }
});

test("doctor finds nothing wrong with what runs, and says what to do about what does not", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const before = await installation.run("doctor");
  assert.equal(before.code, 1);
  assert.match(before.stdout, /nothing listens on 127\.0\.0\.1/);
  await installation.serve();
  const findings = JSON.parse((await installation.run("doctor", "--json")).stdout);
  const problems = findings.filter(({ verdict }: { verdict: string }) => verdict === "problem");
  assert.deepEqual(problems, []);
});

test("doctor and check-config ask for the CNAME target where verification asks", async (t) => {
  const dns = await startDnsServer({ "edge.waypost.example": { a: ["192.0.2.7"] } });
  t.after(() => dns.close());
  const { run } = await createInstallation(t, {
    WAYPOST_CNAME_TARGET: "edge.waypost.example",
    WAYPOST_DNS_SERVERS: dns.address,
  });
  assert.match((await run("doctor")).stdout, /ok .*CNAME target: edge\.waypost\.example is 192\.0\.2\.7/);
  assert.match((await run("check-config")).stdout, /CNAME target: .* has the addresses 192\.0\.2\.7/);
});
