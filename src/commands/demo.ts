/** `waypost demo`: a throwaway instance, and one mail through it from wrapping to its events. Everything it does is HTTP. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";

import { newApiKey } from "../api/api-key.ts";
import { searchPathAnd } from "../config.ts";
import { DEMO_NEWSLETTER } from "./demo-newsletter.ts";

const DOMAIN = "click.localhost";
const READY_WITHIN_MS = 30_000;
const EVENTS_WITHIN_MS = 10_000;
const POLL_MS = 50;

interface Instance {
  readonly apiPort: number;
  readonly edgePort: number;
  readonly key: string;
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

export async function demo(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "waypost-demo-"));
  const [apiPort = 0, edgePort = 0, opsPort = 0] = await freePorts(3);
  const instance = { apiPort, edgePort, key: newApiKey() };
  const server = startServer(dataDir, instance, opsPort);
  try {
    await ready(opsPort, server);
    await followOneMail(instance);
  } finally {
    await stopServer(server);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function followOneMail(instance: Instance): Promise<void> {
  title(`1. Create the tracking domain ${DOMAIN}`);
  show(await api(instance, "POST", "/api/v1/tracking-domains", { domain: DOMAIN }));
  title("2. Verify it: Waypost asks for a secret through the domain, which only its own edge can answer");
  show(await api(instance, "POST", `/api/v1/tracking-domains/${DOMAIN}/verify`));
  title("3. Make it the default");
  show(await api(instance, "PUT", `/api/v1/tracking-domains/${DOMAIN}`, { default: true }));
  title("4. Wrap a newsletter for one recipient");
  const html = await wrapNewsletter(instance);
  console.log(html);
  title("5. The recipient opens the mail and clicks its first link");
  const [link, pixel] = [
    trackedUrl(html, /href="([^"]*\/e\/[^"]*)"/),
    trackedUrl(html, /src="([^"]*\/e\/[^"]*)"/),
  ];
  const opened = await get(instance.edgePort, pixel);
  console.log(`GET ${shorten(pixel)}\n→ ${opened.status}, ${opened.body.length} bytes of image`);
  const clicked = await get(instance.edgePort, link);
  console.log(`GET ${shorten(link)}\n→ ${clicked.status}, Location: ${clicked.location}`);
  title("6. Both are events now");
  console.log(JSON.stringify(await twoEvents(instance), null, 2));
}

async function wrapNewsletter(instance: Instance): Promise<string> {
  const { body } = await api(instance, "POST", "/api/v1/wrap", {
    content: { html: DEMO_NEWSLETTER },
    recipients: [{ address: "ann@example.com" }],
  });
  const { results } = JSON.parse(body) as { results: { messages: { content: { html: string } }[] } };
  return results.messages[0]?.content.html ?? "";
}

async function twoEvents(instance: Instance): Promise<unknown> {
  const giveUpAt = Date.now() + EVENTS_WITHIN_MS;
  for (;;) {
    const { body } = await api(instance, "GET", "/api/v1/events/message");
    const { results } = JSON.parse(body) as { results: unknown[] };
    if (results.length >= 2) return results;
    if (Date.now() > giveUpAt)
      throw new Error(`the events did not arrive within ${EVENTS_WITHIN_MS / 1000} s`);
    await sleep(POLL_MS);
  }
}

function startServer(dataDir: string, { apiPort, edgePort, key }: Instance, opsPort: number): ChildProcess {
  const settings = {
    WAYPOST_DATA_DIR: dataDir,
    WAYPOST_API_LISTEN: `127.0.0.1:${apiPort}`,
    WAYPOST_EDGE_HTTP_LISTEN: `127.0.0.1:${edgePort}`,
    WAYPOST_OPS_LISTEN: `127.0.0.1:${opsPort}`,
    WAYPOST_EDGE_WORKERS: "1",
    WAYPOST_LOG_LEVEL: "error",
    WAYPOST_API_KEY: key,
  };
  const script = process.argv[1] ?? "";
  // Settings of the shell that runs the demo are not the demo's: it gets its own, and the search path.
  return spawn(process.execPath, [script, "serve"], {
    env: searchPathAnd(settings),
    stdio: ["ignore", "ignore", "inherit"],
  });
}

async function stopServer(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill("SIGTERM");
  await once(server, "exit");
}

async function ready(opsPort: number, server: ChildProcess): Promise<void> {
  const giveUpAt = Date.now() + READY_WITHIN_MS;
  for (;;) {
    if (server.exitCode !== null) throw new Error("the throwaway instance did not start");
    const answer = await get(opsPort, `http://127.0.0.1:${opsPort}/readyz`).catch(() => undefined);
    if (answer?.status === 200) return;
    if (Date.now() > giveUpAt)
      throw new Error(`the throwaway instance was not ready within ${READY_WITHIN_MS / 1000} s`);
    await sleep(POLL_MS);
  }
}

async function api(instance: Instance, method: string, path: string, body?: object): Promise<Answer> {
  const answer = await send(
    { port: instance.apiPort, path, method, headers: { authorization: instance.key } },
    body,
  );
  if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${answer.body}`);
  return answer;
}

/** Names under localhost are this machine (RFC 6761), whether its resolver knows that or not. */
function get(port: number, url: string): Promise<Answer> {
  const { host, pathname, search } = new URL(url);
  return send({
    port,
    path: `${pathname}${search}`,
    method: "GET",
    headers: { host, "user-agent": "Waypost demo" },
  });
}

function send(
  {
    port,
    path,
    method,
    headers,
  }: { port: number; path: string; method: string; headers: Record<string, string> },
  body?: object,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
    const outgoing = request(
      { host: "127.0.0.1", port, path, method, headers: { ...headers, ...type } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            location: response.headers.location,
            body: Buffer.concat(chunks).toString("latin1"),
          }),
        );
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Ports that nobody uses right now. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

function trackedUrl(html: string, pattern: RegExp): string {
  const url = pattern.exec(html)?.[1];
  if (url === undefined) throw new Error("the wrapped newsletter holds no tracked URL");
  return url;
}

function shorten(url: string): string {
  return url.length > 70 ? `${url.slice(0, 60)}…` : url;
}

function title(text: string): void {
  console.log(`\n${styleText("bold", text)}`);
}

function show({ body }: Answer): void {
  console.log(body);
}
