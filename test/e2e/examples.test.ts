import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";

import { createInstallation, type Installation } from "./waypost-process.ts";
import { KEY } from "./wrapped-link.ts";

const EXAMPLES = resolve(import.meta.dirname, "../../examples");
const HTML_MESSAGE =
  "Subject: Boots\r\nContent-Type: text/html\r\n\r\n<a href='https://www.example.com/'>x</a>\r\n";

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
  { input = "", ...more }: Readonly<Record<string, string>> = {},
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
  child.stdin.end(input);
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

/** Takes one message, as an SMTP server does (RFC 5321), and resolves to it. */
async function receiveMail(t: TestContext): Promise<{ url: string; message: Promise<string> }> {
  const { promise, resolve: received } = Promise.withResolvers<string>();
  const server = createServer((socket) => answerSmtp(socket, received)).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { url: `smtp://127.0.0.1:${port}`, message: promise };
}

function answerSmtp(socket: Socket, received: (message: string) => void): void {
  let text = "";
  let isData = false;
  socket.setEncoding("latin1").write("220 test\r\n");
  socket.on("data", (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf(isData ? "\r\n.\r\n" : "\r\n"); end !== -1; ) {
      const piece = text.slice(0, end);
      text = text.slice(end + (isData ? 5 : 2));
      if (isData) received(piece);
      isData = !isData && /^DATA/i.test(piece);
      socket.write(isData ? "354 go on\r\n" : /^QUIT/i.test(piece) ? "221 bye\r\n" : "250 ok\r\n");
      end = text.indexOf(isData ? "\r\n.\r\n" : "\r\n");
    }
  });
}

test("Nodemailer sends the wrapped message, and the message as it is when nobody wraps", async (t) => {
  const installation = await startInstallation(t);
  await useDomain(installation);
  const command = [process.execPath, join(EXAMPLES, "nodemailer.mjs"), "ann@example.com"];
  const mail = await receiveMail(t);
  const { code, output } = await runExample(command, installation, { SMTP_URL: mail.url });
  assert.equal(code, 0, output);
  assert.match(await mail.message, /http:\/\/click\.localhost(:|=3A)/);

  const other = await receiveMail(t);
  const away = { SMTP_URL: other.url, WAYPOST_URL: "http://127.0.0.1:9" };
  assert.equal((await runExample(command, installation, away)).code, 0);
  assert.doesNotMatch(await other.message, /click\.localhost/);
});

test("Nodemailer wraps with the library alone, and Waypost knows the links", async (t) => {
  const installation = await startInstallation(t);
  await useDomain(installation);
  const keyRing = join(installation.dataDir, "exported-key-ring");
  writeFileSync(keyRing, (await installation.run("keyring", "export")).stdout);
  const mail = await receiveMail(t);
  const origin = `http://click.localhost:${installation.ports.edge}`;
  const example = join(EXAMPLES, "nodemailer-library.mjs");
  const library = join(import.meta.dirname, "wrap-library-program.ts");
  const { code, output } = await runExample(
    [process.execPath, "--import", library, example, "ann@example.com"],
    installation,
    {
      SMTP_URL: mail.url,
      ORIGIN: origin,
      WAYPOST_KEY_RING: keyRing,
      WAYPOST_SECRET: readFileSync(join(installation.dataDir, "secret"), "utf8").trim(),
    },
  );
  assert.equal(code, 0, output);
  const message = (await mail.message).replaceAll("=\r\n", "").replaceAll("=3D", "=");
  const [link = ""] = /http:\/\/click\.localhost:\d+\/e\/[\w-]+/.exec(message) ?? [];
  const opened = await installation.run("token", "open", link);
  assert.match(opened.stdout, /ann@example\.com/, opened.stderr);
});

test("the Postfix filter gives the wrapped message back, and the message as it came when nobody wraps", async (t) => {
  const installation = await startInstallation(t);
  await useDomain(installation);
  const sendmail = join(installation.dataDir, "sendmail");
  writeFileSync(sendmail, '#!/bin/sh\necho "$@" > "$OUT.args"; cat > "$OUT"\n');
  chmodSync(sendmail, 0o755);
  const filter = async (url: string, name: string): Promise<{ args: string; message: string }> => {
    const config = join(installation.dataDir, "filter.conf");
    writeFileSync(config, `WAYPOST_URL=${url}\nWAYPOST_API_KEY=${KEY}\n`);
    const out = join(installation.dataDir, name);
    const { code, output } = await runExample(
      [join(EXAMPLES, "postfix/waypost-filter"), "shop@acme.com", "ann+x@example.com"],
      installation,
      { input: HTML_MESSAGE, SENDMAIL: sendmail, WAYPOST_FILTER_CONFIG: config, OUT: out },
    );
    assert.equal(code, 0, output);
    return { args: readFileSync(`${out}.args`, "utf8").trim(), message: readFileSync(out, "utf8") };
  };
  const wrapped = await filter(`http://127.0.0.1:${installation.ports.api}`, "wrapped");
  assert.equal(wrapped.args, "-G -i -f shop@acme.com -- ann+x@example.com");
  assert.match(wrapped.message, /^Subject: Boots\r\n[\s\S]*http:\/\/click\.localhost:/);
  assert.equal((await filter("http://127.0.0.1:9", "plain")).message, HTML_MESSAGE);
});
