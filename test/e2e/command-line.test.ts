import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";

import { inTerminal, runWith, startInstallation } from "./run-command.ts";
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

test("a table fits a terminal of 60 columns, and names are shortened in the middle", async (t) => {
  const installation = await startInstallation(t);
  const long = `${"long".repeat(12)}.${"name".repeat(8)}.localhost`;
  await installation.run("domains", "add", long);
  const { stdout } = await inTerminal(60, installation, "waypost domains list");
  const lines = stripVTControlCharacters(stdout).trimEnd().split(/\r?\n/);
  assert.ok(lines.length >= 2);
  for (const line of lines) assert.ok(line.length <= 60, line);
  assert.match(lines.at(-1) ?? "", /^longlong.*….*localhost +Not verified/);
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

test("the server is found by flags, by the environment, by a profile, or not at all, in that order", async (t) => {
  const installation = await startInstallation(t);
  const url = `http://127.0.0.1:${installation.ports.api}`;
  const home = join(installation.dataDir, "home");
  mkdirSync(join(home, "waypost"), { recursive: true });
  const file = join(home, "waypost", "shop.profile");
  writeFileSync(file, `WAYPOST_URL=${url}\nWAYPOST_API_KEY=${KEY}\n`, { mode: 0o600 });
  const bare = { PATH: installation.environment["PATH"] ?? "", XDG_CONFIG_HOME: home };
  const away = { ...installation, environment: bare };
  const list = ["domains", "list"];
  assert.equal((await runWith("", away, list)).code, 1);
  assert.equal((await runWith("", away, [...list, "--profile", "shop"])).code, 0);
  assert.equal((await runWith("", away, list, { WAYPOST_PROFILE: "shop" })).code, 0);
  assert.equal((await runWith("", away, list, { WAYPOST_URL: url, WAYPOST_API_KEY: KEY })).code, 0);
  const wrong = await runWith("", away, [...list, "--profile", "shop", "--key", "wrong"]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /Unauthorized/);
  assert.match((await runWith("", away, [...list, "--profile", "../x"])).stderr, /profile's name/);
  const silent = await runWith("", away, [...list, "--url", "http://127.0.0.1:9", "--key", "x"]);
  assert.equal(silent.code, 1);
  assert.match(silent.stderr, /does not answer/);
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

test("this machine's own server is found where it listens everywhere, and over IPv6", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  for (const [listen, url] of [
    ["0.0.0.0:9", "http://127.0.0.1:9"],
    ["[::]:9", "http://[::1]:9"],
    ["[::1]:9", "http://[::1]:9"],
  ] as const) {
    const here = { WAYPOST_API_LISTEN: listen, WAYPOST_URL: "", WAYPOST_API_KEY: KEY };
    const { stderr } = await runWith("", installation, ["domains", "list"], here);
    assert.ok(stderr.startsWith(`${url} does not answer`), stderr);
  }
});

test("content that is not UTF-8 is refused, not changed", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const message = Buffer.from("Subject: Caf\u00e9\r\n\r\nhttps://www.example.com/\r\n", "latin1");
  const { code, stdout, stderr } = await runWith(message, installation, ["wrap", "--to", "ann@example.com"]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /not UTF-8.*message\/rfc822/);
});

test("a SparkPost account's domains are created here with their owners, and a second run leaves them as they are", async (t) => {
  const installation = await startInstallation(t);
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
  assert.match(first.stdout, /track\.shop\.example +CNAME +localhost/);
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

for (const shell of ["bash", "fish"]) {
  test(`the ${shell} completion is a script that ${shell} reads, and knows every command`, async (t) => {
    const installation = await createInstallation(t);
    const { stdout, code } = await installation.run("completion", shell);
    assert.equal(code, 0);
    for (const word of ["domains", "keyring", "import", "doctor"]) assert.ok(stdout.includes(word), word);
    assert.ok(!/\bcontrol\b/.test(stdout), "hidden commands stay hidden");
  });
}

test("bash completes commands, and options of a command", async (t) => {
  const installation = await createInstallation(t);
  const { stdout } = await installation.run("completion", "bash");
  const complete = async (...words: readonly string[]): Promise<string> => {
    const quoted = words.map((word) => `'${word}'`).join(" ");
    const script = `${stdout}\nCOMP_WORDS=(waypost ${quoted}); COMP_CWORD=${words.length}; _waypost; echo "\${COMPREPLY[*]}"`;
    const child = spawn("bash", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
    const output = await child.stdout.setEncoding("utf8").toArray();
    return output.join("").trim();
  };
  assert.equal(await complete("dom"), "domains");
  assert.equal(await complete("domains", "verif"), "verify");
  assert.equal(await complete("domains", "add", "--sec"), "--secure");
});
