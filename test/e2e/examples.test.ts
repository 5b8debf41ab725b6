import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";

import { startSmtpSink } from "./smtp-sink.ts";
import { createInstallation, type Installation } from "./waypost-process.ts";
import { KEY } from "./wrapped-link.ts";

const EXAMPLES = resolve(import.meta.dirname, "../../examples");

async function startInstallation(t: TestContext): Promise<Installation> {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  await installation.serve();
  return installation;
}

async function useDomain({ run }: Installation): Promise<void> {
  await run("domains", "add", "click.localhost", "--wait", "60");
  await run("domains", "default", "click.localhost");
}

async function runExample(
  command: readonly string[],
  { ports, environment }: Installation,
  more: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; output: string }> {
  const [file = "", ...args] = command;
  const child = spawn(file, args, {
    env: {
      PATH: environment["PATH"],
      WAYPOST_URL: `http://127.0.0.1:${ports.api}`,
      WAYPOST_API_KEY: KEY,
      ...more,
    },
  });
  const said = [child.stdout, child.stderr].map((stream) => stream.setEncoding("utf8").toArray());
  const [code] = await once(child, "close");
  return { code, output: (await Promise.all(said)).flat().join("") };
}

test("curl alone leads from nothing to the first click", async (t) => {
  const installation = await startInstallation(t);
  const { code, output } = await runExample(["sh", join(EXAMPLES, "first-click.sh")], installation);
  assert.equal(code, 0, output);
  assert.match(output, /HTTP 302, on to https:\/\/www\.example\.com\/boots/);
  assert.match(output, /"campaign_id":"first-click"/);
});

test("SparkPost's own client creates a domain, verifies it and lists it, and can be run again", async (t) => {
  const installation = await startInstallation(t);
  const command = [process.execPath, join(EXAMPLES, "sparkpost-client.mjs"), "click.localhost"];
  const first = await runExample(command, installation);
  assert.equal(first.code, 0, first.output);
  assert.match(first.output, /is created\nclick\.localhost is verified\nclick\.localhost valid\n/);
  const again = await runExample(command, installation);
  assert.equal(again.code, 0, again.output);
  assert.match(again.output, /^click\.localhost is verified/m);
});

test("Nodemailer sends the wrapped message, and the message as it is when nobody wraps", async (t) => {
  const installation = await startInstallation(t);
  await useDomain(installation);
  const command = [process.execPath, join(EXAMPLES, "nodemailer.mjs"), "ann@example.com"];
  const sink = await startSmtpSink(t);
  const { code, output } = await runExample(command, installation, { SMTP_URL: sink.url });
  assert.equal(code, 0, output);
  assert.match((await sink.mailTo("ann@example.com")).message, /http:\/\/click\.localhost(:|=3A)/);

  const other = await startSmtpSink(t);
  const away = { SMTP_URL: other.url, WAYPOST_URL: "http://127.0.0.1:9" };
  assert.equal((await runExample(command, installation, away)).code, 0);
  assert.doesNotMatch((await other.mailTo("ann@example.com")).message, /click\.localhost/);
});

test("Nodemailer wraps with the library alone, and Waypost knows the links", async (t) => {
  const installation = await startInstallation(t);
  await useDomain(installation);
  const keyRing = join(installation.dataDir, "exported-key-ring");
  writeFileSync(keyRing, (await installation.run("keyring", "export")).stdout);
  const sink = await startSmtpSink(t);
  const origin = `http://click.localhost:${installation.ports.edge}`;
  const example = join(EXAMPLES, "nodemailer-library.mjs");
  const library = join(import.meta.dirname, "wrap-library-program.ts");
  const { code, output } = await runExample(
    [process.execPath, "--import", library, example, "ann@example.com"],
    installation,
    {
      SMTP_URL: sink.url,
      ORIGIN: origin,
      WAYPOST_KEY_RING: keyRing,
      WAYPOST_SECRET: readFileSync(join(installation.dataDir, "secret"), "utf8").trim(),
    },
  );
  assert.equal(code, 0, output);
  const mail = await sink.mailTo("ann@example.com");
  const message = mail.message.replaceAll("=\r\n", "").replaceAll("=3D", "=");
  const [link = ""] = /http:\/\/click\.localhost:\d+\/e\/[\w-]+/.exec(message) ?? [];
  const opened = await installation.run("token", "open", link);
  assert.match(opened.stdout, /ann@example\.com/, opened.stderr);
});

/** What KumoMTA's policy makes of a message, in Latin-1: a character is a byte. */
function throughPolicy(message: string, event: string, { ports }: Installation, url?: string): string {
  const standIn = join(import.meta.dirname, "kumo-stand-in.lua");
  const { status, stdout, stderr } = spawnSync(
    "lua5.4",
    [standIn, join(EXAMPLES, "kumomta/init.lua"), event, "ann+x@example.com"],
    {
      input: Buffer.from(message, "latin1"),
      env: {
        PATH: process.env["PATH"] ?? "",
        WAYPOST_URL: url ?? `http://127.0.0.1:${ports.api}`,
        WAYPOST_API_KEY: KEY,
      },
    },
  );
  assert.equal(status, 0, String(stderr));
  return stdout.toString("latin1");
}

test("KumoMTA's policy, run by Lua with stand-ins, wraps a message, and passes it as it came when it can't", async (t) => {
  const installation = await startInstallation(t);
  await useDomain(installation);
  const header = "Subject: Boots\r\nContent-Type: text/html\r\n\r\n";
  const message = `${header}<p>caf\xc3\xa9</p>\r\n<a href="https://www.example.com/">x</a>\r\n`;
  for (const event of ["smtp_server_message_received", "http_message_generated"]) {
    const wrapped = throughPolicy(message, event, installation);
    const [link = ""] = /http:\/\/click\.localhost:\d+\/e\/[\w-]+/.exec(wrapped) ?? [];
    const opened = await installation.run("token", "open", link);
    assert.match(opened.stdout, /ann\+x@example\.com/, opened.stderr);
    assert.match(wrapped, /<p>caf\xc3\xa9<\/p>\r\n/);
    assert.doesNotMatch(wrapped, /[^\r]\n/, "KumoMTA wants CRLF everywhere");
  }
  const event = "smtp_server_message_received";
  const latin1 = message.replace("\xc3\xa9", "\xe9");
  assert.equal(throughPolicy(latin1, event, installation), latin1);
  assert.equal(throughPolicy(message, event, installation, "http://127.0.0.1:9"), message);
});
