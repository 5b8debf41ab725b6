/** The example for Postfix as its README has it, in a Postfix: what goes in by SMTP and what comes out. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";

import { createTransport } from "nodemailer";

import { idOf, startThrowawayPostfix, type ThrowawayPostfix } from "../../scripts/throwaway-postfix.ts";
import { type ReceivedMail, type SmtpSink, startSmtpSink } from "./smtp-sink.ts";
import { createInstallation, type Installation, type Scope, type WaypostProcess } from "./waypost-process.ts";
import { DOMAINS, KEY, until, verifyDomain } from "./wrapped-link.ts";

const EXAMPLE = resolve(import.meta.dirname, "../../examples/postfix");
const MESSAGE_LIMIT_BYTES = 2_000_000;
const LINK = "<a href='https://www.example.com/boots'>x</a>";
const HTML_HEADER = "From: shop@acme.com\r\nSubject: Boots\r\nContent-Type: text/html\r\n";
const HTML_MESSAGE = `${HTML_HEADER}\r\n${LINK}\r\n`;
const WRAPPED_LINK = /<a href='(http:\/\/click\.localhost:\d+\/e\/[\w-]+)'>x<\/a>/;
const PIXEL = /<img [^>]*src="(http:\/\/click\.localhost:\d+\/e\/[\w-]+)">/g;

let installation: Installation;
let waypost: WaypostProcess;
let postfix: ThrowawayPostfix;
let sink: SmtpSink;
let folder: string;
const endings: (() => unknown)[] = [];

before(async () => {
  const scope: Scope = { after: (end) => void endings.push(end) };
  folder = mkdtempSync(join(tmpdir(), "waypost-filter-"));
  scope.after(() => rmSync(folder, { recursive: true }));
  installation = await createInstallation(scope, { WAYPOST_API_KEY: KEY, WAYPOST_EDGE_WORKERS: "1" });
  waypost = await installation.serve();
  await verifyDomain(waypost);
  const isDefault = { key: KEY, body: { default: true } };
  assert.equal((await waypost.call("PUT", `${DOMAINS}/click.localhost`, isDefault)).status, 200);
  sink = await startSmtpSink(scope);
  chmodSync(folder, 0o755);
  copyFileSync(join(EXAMPLE, "waypost-filter"), join(folder, "waypost-filter"));
  configureFilter(`http://127.0.0.1:${installation.ports.api}`);
  postfix = await startThrowawayPostfix({ relayPort: sink.port, configuration });
  scope.after(() => postfix.stop());
});

after(async () => {
  for (const end of endings.reverse()) await end();
});

/** What the README says, with this folder and port in it, and an account that is there. */
function configuration(port: number): { main: string; master: string } {
  const readme = readFileSync(join(EXAMPLE, "README.md"), "utf8");
  const [master = "", main = ""] = readme.match(/(?<=\n\n)( {4}.*\n|\n(?= {4}))+/g) ?? [];
  assert.ok(master !== "" && main !== "", "the README has lines for master.cf and main.cf");
  const changed = [
    [/^ {4}/gm, ""],
    ["user=waypost-filter", "user=nobody:postdrop"],
    ["/usr/local/bin/waypost-filter", join(folder, "waypost-filter")],
    [/^submission inet +n +- +y/m, `127.0.0.1:${port} inet n - n`],
  ] as const;
  const environment = `TZ MAIL_CONFIG LANG WAYPOST_FILTER_CONFIG=${configFile()}`;
  return {
    main: `${main.trim()}\nexport_environment = ${environment}\nmessage_size_limit = ${MESSAGE_LIMIT_BYTES}`,
    master: changed.reduce((text, [from, to]) => text.replace(from, to), master),
  };
}

function configFile(): string {
  return join(folder, "filter.conf");
}

/** For the filter's user alone. */
function configureFilter(url: string): void {
  writeFileSync(configFile(), `WAYPOST_URL=${url}\nWAYPOST_API_KEY=${KEY}\n`, { mode: 0o400 });
  chownSync(configFile(), idOf("/etc/passwd", "nobody"), 0);
}

type Envelope = { readonly from: string; readonly to: string | string[] };

async function send(envelope: Envelope, raw: string | Buffer = HTML_MESSAGE): Promise<void> {
  const transport = createTransport({ host: "127.0.0.1", port: postfix.port, ignoreTLS: true });
  await transport.sendMail({ envelope, raw });
  transport.close();
}

async function sendOn(envelope: Envelope & { to: string }, raw?: string | Buffer): Promise<ReceivedMail> {
  await send(envelope, raw);
  return sink.mailTo(envelope.to);
}

function withAttachment(html: string, attachment: string): string {
  return [
    "From: shop@acme.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
    `--b\r\nContent-Type: text/html\r\n\r\n${html}\r\n`,
    `--b\r\nContent-Transfer-Encoding: base64\r\n\r\n${attachment}--b--\r\n`,
  ].join("");
}

function bodyOf({ message }: ReceivedMail): string {
  return message.slice(message.indexOf("\r\n\r\n") + 4);
}

function linkIn({ message }: ReceivedMail): string {
  const [, link] = WRAPPED_LINK.exec(message) ?? [];
  assert.ok(link !== undefined, `no wrapped link in:\n${message}`);
  return link;
}

/** What Postfix logged of the filter for this recipient. */
function filtered(recipient: string): readonly string[] {
  const lines = postfix.log().split("\n");
  return lines.filter((line) => line.includes(`to=<${recipient}>, relay=waypost,`));
}

test("each recipient of a message gets links of their own, and a click on one is their event", async () => {
  await send({ from: "shop@acme.com", to: ["ann@example.com", "bob+x@example.com", "carl@example.org"] });
  const [ann, bob, carl] = [
    await sink.mailTo("ann@example.com"),
    await sink.mailTo("bob+x@example.com"),
    await sink.mailTo("carl@example.org"),
  ];
  assert.equal(new Set([ann, bob, carl].map(linkIn)).size, 3);
  const answer = await waypost.visit(linkIn(bob));
  assert.equal(answer.status, 302);
  assert.equal(answer.headers["location"], "https://www.example.com/boots");
  const [pixel] = bob.message.matchAll(PIXEL);
  assert.equal((await waypost.visit(pixel?.[1] ?? "")).status, 200);
  const events = async () =>
    (await waypost.call("GET", "/api/v1/events/message?events=click,open", { key: KEY })).json.results;
  await until(async () => (await events()).length === 2, "both events are stored");
  const opened = await installation.run("token", "open", linkIn(bob));
  for (const event of await events()) {
    assert.equal(event.rcpt_to, "bob+x@example.com");
    assert.equal(event.subject, "Boots");
    assert.match(opened.stdout, new RegExp(event.message_id));
  }
});

test("a message passes through the filter once, and has one pixel", async () => {
  const mail = await sendOn({ from: "shop@acme.com", to: "once@example.com" });
  await until(async () => filtered("once@example.com").length > 0, "Postfix logs it");
  assert.equal(filtered("once@example.com").length, 1);
  assert.equal([...mail.message.matchAll(PIXEL)].length, 1);
  assert.equal(mail.message.match(/^Received: /gm)?.length, 2);
  assert.doesNotMatch(mail.message, /^Return-Path:/im);
});

test("dots, From lines and bytes that are not UTF-8 survive", async () => {
  const lines = ["first", ".", "..two", ".x", "From here", "caf\xe9 \xa0", "last"];
  const header = "From: shop@acme.com\r\nSubject: Dots\r\nContent-Type: text/plain; charset=iso-8859-1\r\n";
  const raw = `${header}Content-Transfer-Encoding: 8bit\r\n\r\n${lines.join("\r\n")}\r\nhttps://www.example.com/\r\n`;
  const mail = await sendOn({ from: "shop@acme.com", to: "dots@example.com" }, Buffer.from(raw, "latin1"));
  assert.ok(bodyOf(mail).startsWith(`${lines.join("\r\n")}\r\nhttp://click.localhost:`), mail.message);
});

test("a large attachment survives, and the link beside it is wrapped", async () => {
  const attachment = `${"Zm9v".repeat(19)}\r\n`.repeat(20_000);
  const raw = withAttachment(LINK, attachment);
  const mail = await sendOn({ from: "shop@acme.com", to: "large@example.com" }, raw);
  linkIn(mail);
  assert.ok(mail.message.includes(`\r\n\r\n${attachment}--b--`));
});

test("a message that wrapping would make too long for Postfix goes out as it came", async () => {
  const line = `${"x".repeat(70)}\r\n`;
  const filling = line.repeat(Math.floor((MESSAGE_LIMIT_BYTES - 10_000) / line.length));
  const links = `${LINK}\r\n`.repeat(150);
  const raw = withAttachment(links, filling);
  const mail = await sendOn({ from: "shop@acme.com", to: "too-long@example.com" }, raw);
  assert.ok(bodyOf(mail).includes(links));
  await until(async () => filtered("too-long@example.com").length > 0, "Postfix logs it");
  assert.match(filtered("too-long@example.com").join(), /status=sent .*not wrapped: .*too large/);
});

test("a message without a sender stays without one, and is wrapped", async () => {
  const mail = await sendOn({ from: "", to: "null@example.com" });
  assert.equal(mail.from, "");
  linkIn(mail);
});

test("whatever stands in addresses is not taken for options or commands", async () => {
  const victim = join(folder, "written");
  const from = `"$(touch ${victim}); \`touch ${victim}\` '&|"@acme.com`;
  const to = `"a;touch$IFS${victim}&"@example.com`;
  const mail = await sendOn({ from, to });
  assert.equal(mail.from, from);
  linkIn(mail);
  assert.equal(existsSync(victim), false);
  await assert.rejects(send({ from: "-oX@acme.com", to: "dash@example.com" }), /501 5\.1\.7 Bad sender/);
  await assert.rejects(send({ from: "shop@acme.com", to: "-oX@example.com" }), /501 5\.1\.3 Bad recipient/);
});

test("who sent a wrapped message is told when it can't be delivered, by a message that is not wrapped", async () => {
  await send({ from: "bounces@acme.com", to: "refused@example.com" });
  const mail = await sink.mailTo("bounces@acme.com");
  assert.equal(mail.from, "");
  assert.match(mail.message, /^Final-Recipient: rfc822; refused@example\.com/m);
  assert.deepEqual(filtered("bounces@acme.com"), []);
});

test("the message goes out as it came, and the log says why, when nobody wraps", async (t) => {
  t.after(() => configureFilter(`http://127.0.0.1:${installation.ports.api}`));
  const passesAsItCame = async (to: string, why: RegExp): Promise<void> => {
    const mail = await sendOn({ from: "shop@acme.com", to }, HTML_MESSAGE);
    assert.equal(bodyOf(mail), LINK);
    await until(async () => filtered(to).length > 0, "Postfix logs it");
    assert.match(filtered(to).join("\n"), why);
  };
  rmSync(configFile());
  await passesAsItCame("no-config@example.com", /status=sent .*not wrapped: \S+ cannot be used/);
  writeFileSync(configFile(), `WAYPOST_URL=http://127.0.0.1:9\nWAYPOST_API_KEY= ${KEY}\n`);
  await passesAsItCame("wrong-config@example.com", /status=sent .*not wrapped: \S+ cannot be used/);
  assert.ok(!filtered("wrong-config@example.com").join("\n").includes(KEY));
  configureFilter("http://127.0.0.1:9");
  await passesAsItCame("away@example.com", /status=sent .*not wrapped: curl: \(7\)/);
  configureFilter(`http://127.0.0.1:${installation.ports.api}/elsewhere`);
  await passesAsItCame("elsewhere@example.com", /status=sent .*not wrapped: curl: \(22\)/);
});

test("a message to several recipients at once waits until Postfix is told to give one at a time", () => {
  const filter = join(EXAMPLE, "waypost-filter");
  const { status, stderr } = spawnSync(filter, ["shop@acme.com", "ann@example.com", "bob@example.com"]);
  assert.equal(status, 75);
  assert.match(String(stderr), /waypost_destination_recipient_limit = 1/);
});
