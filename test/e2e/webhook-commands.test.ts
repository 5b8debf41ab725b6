import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { stripVTControlCharacters } from "node:util";

import { accept, type Receiver, startReceiver } from "../webhooks/receiver.ts";
import { inTerminal, runWith } from "./run-command.ts";
import { createInstallation, type Installation, type WaypostProcess } from "./waypost-process.ts";
import { KEY, until, wrappedLink } from "./wrapped-link.ts";

interface Stage {
  readonly installation: Installation;
  readonly waypost: WaypostProcess;
  readonly target: Receiver;
}

async function setUp(t: TestContext): Promise<Stage> {
  const installation = await createInstallation(t, {
    WAYPOST_API_KEY: KEY,
    WAYPOST_PROBE_PRIVATE: "allow",
    WAYPOST_WEBHOOK_BATCH_WAIT_MS: "20",
  });
  const waypost = await installation.serve();
  const target = await startReceiver();
  t.after(() => target[Symbol.asyncDispose]());
  return { installation, waypost, target };
}

async function create({ installation, target }: Stage, ...args: readonly string[]) {
  const { code, stdout, stderr } = await installation.run(
    "webhooks",
    "create",
    target.url,
    "--json",
    ...args,
  );
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as { readonly id: string; readonly signing_secret: string };
}

test("a webhook is created, listed, shown, tested, changed and deleted from the command line", async (t) => {
  const stage = await setUp(t);
  const { run } = stage.installation;
  assert.match((await run("webhooks", "list")).stdout, /No webhooks yet/);
  const created = await run(
    "webhooks",
    "create",
    stage.target.url,
    "--name",
    "Warehouse",
    "--events",
    "click, open",
  );
  assert.equal(created.code, 0, created.stderr);
  assert.match(created.stdout, /is created, and its target has answered[\s\S]*secret.*: whsec_/);
  const [listed] = JSON.parse((await run("webhooks", "list", "--json")).stdout);
  assert.deepEqual([listed.name, listed.events, listed.kind], ["Warehouse", ["click", "open"], "events"]);
  const { id } = listed;
  const shown = await run("webhooks", "show", id);
  assert.match(shown.stdout, new RegExp(`Target +${stage.target.url}[\\s\\S]*Events +click, open`));
  assert.match((await run("webhooks", "test", id)).stdout, /answered with 200/);
  assert.match((await run("webhooks", "update", id, "--active", "no")).stdout, /is changed/);
  assert.match((await run("webhooks", "list")).stdout, new RegExp(`${id} +Paused +Warehouse`));
  const rotated = await run("webhooks", "rotate-secret", id, "--overlap", "1");
  assert.match(rotated.stdout, /whsec_.*\n.*old one signs too until/);

  assert.equal((await run("webhooks", "update", id)).code, 1);
  assert.equal((await run("webhooks", "update", id, "--active", "maybe")).code, 2);
  const unasked = await run("webhooks", "rm", id);
  assert.deepEqual([unasked.code, /--yes/.test(unasked.stderr)], [1, true]);
  assert.match((await run("webhooks", "rm", id, "--yes")).stdout, /nothing more is sent/);
  const gone = await run("webhooks", "show", id);
  assert.deepEqual([gone.code, /not found/i.test(gone.stderr)], [1, true]);
});

test("what a target asks for comes from a file or a pipe, moves along when it is sent again, and is never shown", async (t) => {
  const stage = await setUp(t);
  const secrets = (password: string): string =>
    JSON.stringify({ auth_type: "basic", auth_credentials: { username: "ann", password } });
  const basic = (password: string): string => `Basic ${Buffer.from(`ann:${password}`).toString("base64")}`;
  const file = join(stage.installation.dataDir, "secrets.json");
  writeFileSync(file, secrets("first-password"));
  const { id } = await create(stage, "--secrets", file);
  assert.equal(stage.target.batches.at(-1)?.headers.authorization, basic("first-password"));

  const moved = await startReceiver();
  t.after(() => moved[Symbol.asyncDispose]());
  const move = ["webhooks", "update", id, "--target", moved.url, "--json"];
  const refused = await stage.installation.run(...move);
  assert.deepEqual([refused.code, /auth_credentials\.password/.test(refused.stderr)], [1, true]);
  const done = await runWith(secrets("second-password"), stage.installation, [...move, "--secrets", "-"]);
  assert.deepEqual([done.code, JSON.parse(done.stdout)], [0, { id, target: moved.url }], done.stderr);
  assert.equal(moved.batches.at(-1)?.headers.authorization, basic("second-password"));

  writeFileSync(file, `\ufeff${secrets("fourth-password")}`);
  assert.equal((await stage.installation.run(...move, "--secrets", file)).code, 0);

  const tooLong = `${secrets("third-password")}${" ".repeat(70_000)}`;
  for (const wrong of ['{"password": "third-pass', "[]", '{"pasword": "third-password"}', tooLong]) {
    const { code, stderr } = await runWith(wrong, stage.installation, [...move, "--secrets", "-"]);
    assert.deepEqual([code, /--secrets: /.test(stderr), stderr.includes("third-pass")], [1, true, false]);
  }
  const inPlaceOfTheFile = await stage.installation.run(...move, "--secrets", secrets("third-password"));
  assert.deepEqual([inPlaceOfTheFile.code, inPlaceOfTheFile.stderr.includes("third-pass")], [1, false]);
});

test("a target that does not answer the test is no webhook, and the reason is said", async (t) => {
  const stage = await setUp(t);
  stage.target.behave = (response) => response.writeHead(503).end();
  const refused = await stage.installation.run("webhooks", "create", stage.target.url);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /POST to webhook target URL failed: The target answered 503/);
});

test("an operational webhook gets the events of its kind, all of them unless told otherwise", async (t) => {
  const stage = await setUp(t);
  await create(stage, "--operational");
  const [listed] = JSON.parse((await stage.installation.run("webhooks", "list", "--json")).stdout);
  assert.equal(listed.kind, "operational");
  assert.ok(listed.events.includes("webhook_dead"));
});

test("whose events a webhook gets stands in the list and beside it", async (t) => {
  const stage = await setUp(t);
  const { run } = stage.installation;
  const { id } = await create(stage, "--name", "Of all");
  await create(stage, "--name", "Of the account", "--subaccount", "0");
  const { stdout } = await run("webhooks", "list");
  assert.match(stdout, /WHOSE EVENTS\n/);
  assert.match(stdout, /Of all .* Everybody's\n/);
  assert.match(stdout, /Of the account .* Primary account\n/);
  assert.match((await run("webhooks", "show", id)).stdout, /Whose events +Everybody's\n/);
});

test("what failed is shown, and events are sent again", async (t) => {
  const stage = await setUp(t);
  const { installation, waypost, target } = stage;
  const { id } = await create(stage);
  const { run } = installation;
  assert.match((await run("webhooks", "batches", id)).stdout, /No batch has failed/);
  target.behave = (response) => response.writeHead(500).end();
  const { link } = await wrappedLink(waypost);
  await waypost.visit(link);
  await until(
    async () => /Will be tried again +1 +500/.test((await run("webhooks", "batches", id)).stdout),
    "the failure is shown",
  );
  assert.match((await run("webhooks", "batches", id, "--dead")).stdout, /No batch was given up/);
  target.behave = accept;
  assert.equal((await run("webhooks", "test", id)).code, 0);
  await until(
    async () => target.deliveredIds().length === 1,
    "it arrives once somebody says that all is well",
  );
  const arrived = await run("webhooks", "batches", id, "--delivered");
  assert.match(arrived.stdout, /EVENTS +ATTEMPTS.*\n[0-9a-f-]{36} +1 +2 +200/);
  const replay = await run("webhooks", "replay", id, "--from", "1h");
  assert.equal(replay.code, 0, replay.stderr);
  await until(async () => target.deliveredIds().length === 2, "it is sent again");
  const [first, second] = target.deliveredIds();
  assert.equal(first, second);
  await until(
    async () => /Done +100 % +1/.test((await run("webhooks", "replays", id)).stdout),
    "the replay is finished",
  );
  const vague = await run("webhooks", "replay", id);
  assert.deepEqual([vague.code, /--from TIME/.test(vague.stderr)], [1, true]);
  const unknown = await run("webhooks", "replay", id, "--event", "1");
  assert.deepEqual([unknown.code, /no event 1/.test(unknown.stderr)], [1, true]);
});

test("a list that does not fit a terminal of 60 columns shows each webhook and batch as lines, with all that there is of it", async (t) => {
  const stage = await setUp(t);
  const { id } = await create(stage, "--name", "A webhook with a name that is rather long");
  stage.target.behave = (response) => response.writeHead(500).end();
  const { link } = await wrappedLink(stage.waypost);
  await stage.waypost.visit(link);
  await until(
    async () => (await stage.installation.run("webhooks", "batches", id)).stdout.includes("Will be"),
    "a batch has failed",
  );
  for (const command of ["waypost webhooks list", `waypost webhooks batches ${id}`]) {
    const { stdout } = await inTerminal(60, stage.installation, command);
    const lines = stripVTControlCharacters(stdout).trimEnd().split(/\r?\n/);
    assert.match(lines[0] ?? "", /^(?:ID|BATCH) +[0-9a-f-]{36}$/);
    assert.ok(lines.length > 3, stdout);
    for (const line of lines) assert.match(line, /^[A-Z ]{4,16} {2}\S/);
  }
});
