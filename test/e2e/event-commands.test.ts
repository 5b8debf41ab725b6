import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";

import { openStore } from "../../src/store/open-store.ts";
import { recorded } from "../events/recorded.ts";
import { issueCertificate } from "../verification/certificates.ts";
import { inTerminal, runWith, startInstallation } from "./run-command.ts";
import { CLI, createInstallation, type Installation, type WaypostProcess } from "./waypost-process.ts";
import { KEY, until, wrappedLink } from "./wrapped-link.ts";

const MANY = 20_000;
const HOUR_MS = 3_600_000;

/** A server with so many clicks of the last hours. */
async function withEvents(t: TestContext, count: number): Promise<Installation> {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const store = await openStore({ kind: "sqlite", dir: installation.dataDir });
  const spanMs = 20 * HOUR_MS;
  const firstMs = Date.now() - spanMs;
  const events = Array.from({ length: count }, (_none, index) =>
    recorded(index + 1, firstMs, {
      timestampMs: firstMs + Math.floor((index * spanMs) / count),
      targetLinkUrl: "https://www.example.com/a-page-with-a-long-name/and-more-of-it",
    }),
  );
  await store.events.append(events);
  await store.close();
  await installation.serve();
  return installation;
}

interface Running {
  readonly child: ChildProcess;
  readonly lines: () => readonly string[];
  readonly said: () => string;
}

function startTail(t: TestContext, { environment }: Installation, ...args: readonly string[]): Running {
  const child = spawn(process.execPath, [CLI, "events", "tail", ...args], { env: environment });
  t.after(() => child.kill("SIGKILL"));
  const [out, err] = [child.stdout, child.stderr].map((stream) => {
    const chunks: string[] = [];
    stream.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk));
    return () => chunks.join("");
  }) as [() => string, () => string];
  return { child, lines: () => out().split("\n").slice(0, -1), said: err };
}

async function inBash(installation: Installation, pipeline: string) {
  const script = pipeline.replaceAll("waypost", `"${process.execPath}" "${CLI}"`);
  const child = spawn("bash", ["-o", "pipefail", "-c", script], {
    env: installation.environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => stream.setEncoding("utf8").toArray());
  const [code] = await once(child, "close");
  return { code, stdout: (await stdout)?.join("") ?? "", stderr: (await stderr)?.join("") ?? "" };
}

test("events are shown as they happen, each once, also those from while the server was away", async (t) => {
  // One writer: then the order of ids is the order of storing.
  const settings = { WAYPOST_API_KEY: KEY, WAYPOST_EDGE_WORKERS: "1" };
  const installation = await createInstallation(t, settings);
  const first = await installation.serve();
  const { link } = await wrappedLink(first);
  const tail = startTail(t, installation, "--json", "--events", "click");
  let clicks = 0;
  const click = async (waypost: WaypostProcess): Promise<void> => {
    clicks += 1;
    await waypost.visit(link);
  };
  await until(async () => {
    await click(first);
    return tail.lines().length > 0;
  }, "a click is shown");
  await first.stop();
  await until(async () => /Trying again/.test(tail.said()), "it is said that the connection broke");
  const second = await installation.serve();
  for (let since = 0; since < 3; since += 1) await click(second);
  let ids: readonly string[] = [];
  await until(async () => {
    const { json } = await second.call("GET", "/api/v1/events/message?per_page=10000", { key: KEY });
    ids = json.results.map(({ event_id }: { event_id: string }) => event_id).reverse();
    return ids.length >= clicks;
  }, "every click is stored");
  const shown = () => tail.lines().map((line) => JSON.parse(line).event_id);
  await until(async () => shown().at(-1) === ids.at(-1), "the last click is shown");
  assert.deepEqual(shown(), ids.slice(ids.indexOf(shown()[0])));
  assert.equal(tail.said().match(/Trying again/g)?.length, 1, "it is said once");
});

test("a tail whose reader has seen enough ends without an error, and one of no server ends with 1", async (t) => {
  const installation = await createInstallation(t, { WAYPOST_API_KEY: KEY });
  const waypost = await installation.serve();
  const { link } = await wrappedLink(waypost);
  const piped = inBash(installation, "waypost events tail | head -n 1");
  const done = { value: false };
  void piped.then(() => {
    done.value = true;
  });
  await until(async () => {
    await waypost.visit(link);
    return done.value;
  }, "the pipe ends");
  const { code, stdout, stderr } = await piped;
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, / click +ann@example\.com +https:\/\/www\.example\.com\//);

  const nobody = await installation.run("events", "tail", "--url", "http://127.0.0.1:9", "--key", KEY);
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /does not answer/);
  const wrongKey = await installation.run("events", "tail", "--key", "wrong");
  assert.equal(wrongKey.code, 1);
  assert.match(wrongKey.stderr, /Unauthorized/);
});

test("a tail ends when its reader does, though nothing happens that it could write", async (t) => {
  const installation = await startInstallation(t);
  const { code, stderr } = await inBash(installation, "timeout 60 waypost events tail --json | true");
  assert.deepEqual([code, stderr], [0, ""]);
});

test("an event that is shown as it happens reaches no terminal as control codes, and programs whole", async (t) => {
  const event = { type: "click", user_agent: "\u009b2J\u202e\u{e0001}" };
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`id: 1\ndata: ${JSON.stringify(event)}\n\n`);
  }).listen(0, "127.0.0.1");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const installation = await createInstallation(t);
  const tail = startTail(t, installation, "--json", "--url", `http://127.0.0.1:${port}`, "--key", "x");
  await until(async () => tail.lines().length > 0, "the event is shown");
  const [line = ""] = tail.lines();
  assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
  assert.deepEqual(JSON.parse(line), event);
});

test("events are tailed and domains set up over the API's own TLS, and with no certificate but the one that is trusted", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "waypost-tls-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const shown = issueCertificate({ commonName: "Waypost", dnsNames: ["localhost"] });
  const certFile = write("cert.pem", shown.cert);
  const installation = await createInstallation(t, {
    WAYPOST_API_KEY: KEY,
    WAYPOST_API_TLS_CERT_FILE: certFile,
    WAYPOST_API_TLS_KEY_FILE: write("key.pem", shown.key),
  });
  const waypost = await installation.serve();
  const there = ["--url", `https://localhost:${installation.ports.api}`, "--key", KEY];
  const trusting = { WAYPOST_CA_FILE: certFile };
  const run = (...args: readonly string[]) => runWith("", installation, [...args, ...there], trusting);
  const added = await run("domains", "add", "click.localhost", "--wait", "60");
  assert.deepEqual([added.code, /is verified/.test(added.stdout)], [0, true], added.stderr);
  const mail = '<a href="https://www.example.com/">x</a>';
  const wrap = ["wrap", "--to", "ann@example.com", "--tracking-domain", "click.localhost", ...there];
  const { stdout } = await runWith(mail, installation, wrap, trusting);
  const link = /href="([^"]+)"/.exec(stdout)?.[1] ?? "";

  const trustingInstallation = { ...installation, environment: { ...installation.environment, ...trusting } };
  const tail = startTail(t, trustingInstallation, "--json", ...there);
  await until(async () => {
    await waypost.visit(link);
    return tail.lines().length > 0;
  }, "a click is shown");
  assert.equal(JSON.parse(tail.lines()[0] ?? "").rcpt_to, "ann@example.com");

  const stranger = write(
    "stranger.pem",
    issueCertificate({ commonName: "Waypost", dnsNames: ["localhost"] }).cert,
  );
  const untrusted = await runWith("", installation, ["events", "tail", ...there], {
    WAYPOST_CA_FILE: stranger,
  });
  assert.deepEqual([untrusted.code, untrusted.stdout], [1, ""]);
  assert.match(untrusted.stderr, /does not answer: .*self-signed certificate/);
});

test("all events are exported, to a program or to a new file that only its owner reads", async (t) => {
  const installation = await withEvents(t, MANY);
  const ndjson = await installation.run("events", "export", "--format", "ndjson");
  assert.deepEqual([ndjson.code, ndjson.stderr], [0, ""]);
  const ids = ndjson.stdout
    .trimEnd()
    .split("\n")
    .map((line) => Number(JSON.parse(line).event_id));
  assert.deepEqual(
    ids,
    Array.from({ length: MANY }, (_none, index) => MANY - index),
  );
  const early = await inBash(installation, "waypost events export | head -n 2");
  assert.deepEqual([early.code, early.stderr], [0, ""]);
  assert.match(early.stdout, /^type,event_id,timestamp,[\s\S]*\nclick,20000,/);

  const file = join(installation.dataDir, "events.csv");
  const written = await installation.run("events", "export", "--output", file);
  assert.deepEqual([written.code, written.stdout], [0, ""]);
  assert.equal(written.stderr, `The events are in ${file}\n`);
  assert.equal(readFileSync(file, "utf8").split("\r\n").length, MANY + 2);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  for (const nowhere of [join(file, "below"), join(installation.dataDir, "x".repeat(300))]) {
    const failed = await installation.run("events", "export", "--output", nowhere);
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /^\S+ cannot be written: [^\n]+\n$/);
  }
  const again = await installation.run("events", "export", "--output", file);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /is there already/);
  const unknown = await installation.run("events", "export", "--format", "xml");
  assert.equal(unknown.code, 2);
  const refused = await installation.run("events", "export", "--from", "soon");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /from/);
});

test("on a terminal an export shows how far it is, and everything fits 60 columns", async (t) => {
  const installation = await withEvents(t, MANY);
  const file = join(installation.dataDir, "events.ndjson");
  const command = 'waypost events export --format ndjson --output "$WAYPOST_DATA_DIR/events.ndjson"';
  const exported = await inTerminal(60, installation, command);
  assert.equal(exported.code, 0, exported.stdout);
  const bars = [...exported.stdout.matchAll(/\[(#* *)\] +(\d+) % +[\d.]+ MB/g)];
  assert.ok(bars.length >= 2, exported.stdout);
  const percents = bars.map(([, , percent]) => Number(percent));
  assert.deepEqual(
    percents,
    percents.toSorted((one, other) => one - other),
  );
  assert.equal(percents.at(-1), 100);
  assert.ok(bars.every(([bar]) => bar.length <= 60));
  assert.equal(readFileSync(file, "utf8").trimEnd().split("\n").length, MANY);

  const searched = await inTerminal(60, installation, "waypost events search --limit 3");
  const lines = stripVTControlCharacters(searched.stdout).trimEnd().split(/\r?\n/);
  assert.equal(lines.length, 4);
  for (const line of lines) assert.ok(line.length <= 60, line);
  assert.match(lines.at(-1) ?? "", / click +rec.*….*com +htt.*….* person$/);
});

test("an export that breaks off ends with 1, and leaves no half of a file", async (t) => {
  const server = createServer((_request, response) => {
    response.write("type,event_id,timestamp\r\n", () => response.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const installation = await createInstallation(t);
  const { port } = server.address() as AddressInfo;
  const args = ["events", "export", "--url", `http://127.0.0.1:${port}`, "--key", KEY];
  const file = join(installation.dataDir, "events.csv");
  for (const output of [[], ["--output", file]]) {
    const { code, stderr } = await installation.run(...args, ...output);
    assert.equal(code, 1);
    assert.equal(stderr, "the connection to the server broke\n");
  }
  assert.ok(!existsSync(file));
});

test("an export that is interrupted ends as shells expect, and leaves no file", async (t) => {
  const server = createServer((_request, response) => response.write("type,event_id,timestamp\r\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const installation = await createInstallation(t);
  const { port } = server.address() as AddressInfo;
  const file = join(installation.dataDir, "events.csv");
  const args = ["events", "export", "--url", `http://127.0.0.1:${port}`, "--key", KEY, "--output", file];
  const child = spawn(process.execPath, [CLI, ...args], { env: installation.environment, stdio: "ignore" });
  const isStarted = () => readdirSync(installation.dataDir).some((name) => name.startsWith("events.csv"));
  while (!isStarted()) await sleep(20);
  assert.ok(!existsSync(file), "the name is for what is whole");
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "exit"), [130, null]);
  assert.ok(!isStarted());
});

test("the options of every command about events are completed", async (t) => {
  const installation = await startInstallation(t);
  const { stdout } = await installation.run("completion", "bash");
  for (const line of [
    /"events"\) words="search tail export/,
    /"events tail"\) words="[^"]*--is-bot/,
    /"events export"\) words="[^"]*--output/,
    /"webhooks replay"\) words="[^"]*--batch/,
  ])
    assert.match(stdout, line);
  assert.doesNotMatch(/"events tail"\) words="([^"]*)"/.exec(stdout)?.[1] ?? "", /--from( |$)/);
});
