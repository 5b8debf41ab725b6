/** Completion scripts in the shells that they are made for. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { stripVTControlCharacters } from "node:util";

import { createInstallation } from "./waypost-process.ts";
import { until } from "./wrapped-link.ts";

const KILL_LINE = "\u0015";

/** The script in a file, and a home without anybody's settings. */
async function writtenScript(t: TestContext, shell: string) {
  const { run, dataDir } = await createInstallation(t);
  const { code, stdout } = await run("completion", shell);
  assert.equal(code, 0);
  const file = join(dataDir, `completion.${shell}`);
  writeFileSync(file, stdout);
  const environment = { PATH: process.env["PATH"] ?? "", HOME: dataDir, TERM: "xterm" };
  return { file, environment, text: stdout };
}

async function outputOf(
  environment: NodeJS.ProcessEnv,
  command: string,
  ...args: readonly string[]
): Promise<string> {
  const child = spawn(command, args, { env: environment, stdio: ["ignore", "pipe", "inherit"] });
  const output = child.stdout.setEncoding("utf8").toArray();
  const [code] = await once(child, "close");
  assert.equal(code, 0);
  return (await output).join("").trim();
}

/** What bash offers for the last of these words. */
function bashCompletion(file: string, environment: NodeJS.ProcessEnv) {
  return (...words: readonly string[]): Promise<string> => {
    const typed = words.map((word) => `'${word}'`).join(" ");
    const script = `source '${file}'; COMP_WORDS=(waypost ${typed}); COMP_CWORD=${words.length}; _waypost; echo "\${COMPREPLY[*]}"`;
    return outputOf(environment, "bash", "-c", script);
  };
}

for (const shell of ["bash", "zsh", "fish"]) {
  test(`the completion of ${shell} knows every command but the hidden ones`, async (t) => {
    const { text } = await writtenScript(t, shell);
    for (const word of ["domains", "keyring", "import", "doctor"]) assert.ok(text.includes(word), word);
    assert.ok(!/\bcontrol\b/.test(text), "hidden commands stay hidden");
  });
}

test("a shell that there is no completion for is refused, with those that there are", async (t) => {
  const { code, stderr } = await (await createInstallation(t)).run("completion", "tcsh");
  assert.equal(code, 1);
  assert.match(stderr, /bash, zsh or fish/);
});

test("bash completes commands, options and the values of those that have a closed set", async (t) => {
  const { file, environment } = await writtenScript(t, "bash");
  const complete = bashCompletion(file, environment);
  assert.equal(await complete("dom"), "domains");
  assert.equal(await complete("domains", "verif"), "verify");
  assert.equal(await complete("domains", "add", "--sec"), "--secure");
  assert.equal(await complete("domains", "add", "click.acme.com", "--sec"), "--secure");
  assert.equal(await complete("events", "export", "--format", ""), "csv ndjson");
  assert.equal(await complete("events", "search", "--from", "24h", "--is-bot", "t"), "true");
  assert.equal(await complete("webhooks", "create", "--events", "click,op"), "click,open");
  assert.equal(await complete("completion", "z"), "zsh");
  assert.match(await complete("subaccounts", "set-status", ""), /^--url /);
  assert.match(await complete("subaccounts", "set-status", "1", ""), /^active suspended terminated --url /);
});

test("bash offers an argument's values only where it stands, whatever options are before it", async (t) => {
  const { file, environment } = await writtenScript(t, "bash");
  const complete = bashCompletion(file, environment);
  // As bash takes them apart.
  const config = ["--config", "=", "w.conf"];
  const url = ["--url", "https", ":", "//waypost.example"];
  for (const [words, offered] of [
    [["--config", "w.conf"], /^--url /],
    [config, /^--url /],
    [url, /^--url /],
    [["--json"], /^--url /],
    [["--config", "w.conf", "1"], /^active /],
    [["1", "--config", "w.conf"], /^active /],
    [[...url, "1"], /^active /],
    [["1", "active"], /^--url /],
    [["1", "active", ...config], /^--url /],
    [["1", "--config"], /^$/],
    [["1", "--config", "="], /^$/],
  ] as const) {
    assert.match(await complete("subaccounts", "set-status", ...words, ""), offered, words.join(" "));
  }
  assert.equal(await complete("webhooks", "create", "--events", "=", "click,op"), "click,open");
  assert.equal(await complete("completion", ""), "bash zsh fish");
  assert.equal(await complete("completion", "bash", ""), "");
});

test("fish completes commands, options and values, each with what it is for", async (t) => {
  const { file, environment } = await writtenScript(t, "fish");
  const complete = (line: string): Promise<string> =>
    outputOf(environment, "fish", "--no-config", "-c", `source '${file}'; complete -C '${line}'`);
  assert.equal(await complete("waypost dom"), "domains\ttracking domains");
  assert.equal(await complete("waypost domains verif"), "verify\tcheck a tracking domain now");
  assert.equal(await complete("waypost domains add --sec"), "--secure\tlinks use https");
  assert.equal(await complete("waypost domains add click.acme.com --sec"), "--secure\tlinks use https");
  assert.equal(await complete("waypost domains list "), "");
  assert.match(await complete("waypost events search --from 24h --is-bot "), /^false\t.*\ntrue\t/);
  assert.match(await complete("waypost webhooks create --events click,op"), /^click,open\t/);
  assert.equal(await complete("waypost completion "), "bash\nfish\nzsh");
  assert.equal(await complete("waypost subaccounts set-status "), "");
  assert.equal(await complete("waypost subaccounts set-status 1 "), "active\nsuspended\nterminated");
  assert.match(await complete(`waypost serve --config ${file.slice(0, -1)}`), /completion\.fish/);
  // An apostrophe in what is explained.
  assert.match(
    await complete("waypost serve --api-tls-cert"),
    /^--api-tls-cert-file\tThe API's and console's own/,
  );
});

test("fish offers an argument's values only where it stands, whatever options are before it", async (t) => {
  const { file, environment } = await writtenScript(t, "fish");
  for (const [words, offered] of [
    ["--config w.conf", ""],
    ["--config=w.conf", ""],
    ["--json", ""],
    ["--config w.conf 1", "active\nsuspended\nterminated"],
    ["1 --url https://waypost.example", "active\nsuspended\nterminated"],
    ["1 active", ""],
    ["1 active --config w.conf", ""],
  ] as const) {
    const script = `source '${file}'; complete -C 'waypost subaccounts set-status ${words} '`;
    assert.equal(await outputOf(environment, "fish", "--no-config", "-c", script), offered, words);
  }
});

test("zsh completes commands, options and values, each with what it is for", async (t) => {
  const { file, environment } = await writtenScript(t, "zsh");
  const zsh = spawn("script", ["--quiet", "--command", "zsh -f -i", "/dev/null"], { env: environment });
  t.after(() => zsh.kill("SIGKILL"));
  let shown = "";
  zsh.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
  });
  const shows = (expected: RegExp, why: string) =>
    until(async () => expected.test(stripVTControlCharacters(shown).replaceAll("\r", "")), why);
  // What is typed is shown as well, and must not look like what is waited for.
  zsh.stdin.write(`stty cols 200; source '${file}'; print rea''dy\n`);
  await shows(/^ready$/m, "zsh is ready");
  for (const [typed, expected] of [
    ["waypost dom", /waypost domains /],
    ["waypost domains ", /^verify +-- check a tracking domain now/m],
    ["waypost domains add click.acme.com --", /^--secure +-- links use https$/m],
    ["waypost events export --format n", /--format ndjson/],
    ["waypost events search --from 24h --events ", /amp_click +amp_initial_open +amp_open +click/],
    ["waypost webhooks create --events click,op", /click,open/],
    ["waypost subaccounts set-status 1 ", /active +suspended +terminated/],
    ["waypost completion ", /bash +fish +zsh/],
    ["waypost certs list --", /^--profile +-- a profile's name: ~\/\.config/m],
    [`waypost serve --config ${file.slice(0, -1)}`, /completion\.zsh /],
  ] as const) {
    shown = "";
    zsh.stdin.write(`${typed}\t`);
    await shows(expected, typed);
    zsh.stdin.write(KILL_LINE);
  }
});
