import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { brotliCompressSync } from "node:zlib";

import { loadConsole } from "../../src/api/console-files.ts";
import { type Api, createApi } from "../../src/api/server.ts";
import { type Answer, send } from "./harness.ts";

const DOCUMENT = "<!doctype html><title>Waypost</title>";
const SCRIPT = `console.log("${"x".repeat(2000)}")`;

suite("the console's files", () => {
  const folder = mkdtempSync(join(tmpdir(), "waypost-console-"));
  let api: Api;
  let port: number;

  before(async () => {
    const build = join(folder, "console");
    mkdirSync(join(build, "assets"), { recursive: true });
    writeFileSync(join(folder, "secret.html"), "not yours");
    writeFileSync(join(build, "index.html"), DOCUMENT);
    writeFileSync(join(build, "preview.html"), "<!doctype html>");
    writeFileSync(join(build, "notes.txt"), "not of a type that is served");
    writeFileSync(join(build, "assets/app-1a2b.js"), SCRIPT);
    writeFileSync(join(build, "assets/app-1a2b.js.br"), brotliCompressSync(SCRIPT));
    api = await createApi({
      routes: [],
      authenticate: () => Promise.reject(new Error("nobody asks")),
      subaccounts: { find: async () => undefined },
      trustedProxies: [],
      isOutage: () => false,
      auditTrail: { record: async () => undefined },
      now: Date.now,
      console: loadConsole(build),
      tls: undefined,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    });
    ({ port } = await api.listen({ host: "127.0.0.1", port: 0 }));
  });
  after(async () => {
    await api.stop();
    rmSync(folder, { recursive: true });
  });

  const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    send(port, "GET", path, { key: null, headers });
  const page = (path: string) => get(path, { accept: "text/html,application/xhtml+xml" });

  test("the document comes for the root and for every page, is never kept, and lets nothing in", async () => {
    for (const path of ["/", "/?x=1", "/domains/click.acme.com", "/events?from=x"]) {
      const { status, text, headers } = await page(path);
      assert.equal(status, 200, path);
      assert.equal(text, DOCUMENT);
      assert.equal(headers["cache-control"], "no-store");
      assert.equal(headers["content-type"], "text/html; charset=utf-8");
      assert.equal(headers["x-content-type-options"], "nosniff");
      assert.equal(headers["referrer-policy"], "no-referrer");
      const policy = String(headers["content-security-policy"]);
      for (const rule of [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
      ]) {
        assert.ok(policy.split("; ").includes(rule), rule);
      }
      assert.equal(policy.includes("unsafe"), false);
    }
  });

  test("an asset is kept for ever, and comes as small as the browser takes it", async () => {
    const { headers, text } = await get("/assets/app-1a2b.js");
    assert.equal(text, SCRIPT);
    assert.equal(headers["cache-control"], "public, max-age=31536000, immutable");
    assert.equal(headers["content-type"], "text/javascript; charset=utf-8");
    const small = await send(port, "GET", "/assets/app-1a2b.js", {
      key: null,
      headers: { "accept-encoding": "gzip, br" },
    });
    assert.equal(small.headers["content-encoding"], "br");
    assert.equal(Number(small.headers["content-length"]), brotliCompressSync(SCRIPT).length);
    const refused = await get("/assets/app-1a2b.js", { "accept-encoding": "br;q=0" });
    assert.equal(refused.headers["content-encoding"], undefined);
  });

  test("mail is looked at in a frame that runs no script and reaches no network", async () => {
    const policy = String((await page("/preview.html")).headers["content-security-policy"]).split("; ");
    assert.ok(policy.includes("default-src 'none'"));
    assert.ok(policy.includes("sandbox allow-same-origin"));
    assert.ok(policy.includes("frame-ancestors 'self'"));
    assert.equal(
      policy.some((rule) => rule.startsWith("script-src")),
      false,
    );
  });

  test("nothing outside the build is served, and of it only what a browser needs", async () => {
    for (const path of [
      "/../secret.html",
      "/%2e%2e/secret.html",
      "/assets/..%2f..%2fsecret.html",
      "/assets/../../secret.html",
      "/assets/missing.js",
      "/notes.txt",
      "/assets/app-1a2b.js.br",
      "/assets",
    ]) {
      const { status, text } = await get(path);
      assert.equal(status, 404, path);
      assert.equal(text.includes("not yours"), false);
    }
    assert.equal((await page("/%2e%2e/secret.html")).text, DOCUMENT);
    assert.equal((await page("/assets/missing.js")).status, 404);
  });

  test("the API's paths stay the API's, even for a browser", async () => {
    for (const path of ["/api/v1/nothing", "/api/v1/openapi.json/x"]) {
      const { status, json } = await page(path);
      assert.equal(status, 404);
      assert.equal(json.errors[0].code, "1101");
    }
    assert.equal((await send(port, "POST", "/", { key: null })).status, 404);
    assert.equal((await send(port, "HEAD", "/", { key: null })).status, 200);
  });

  test("without a build there is no console", () => {
    assert.equal(loadConsole(join(folder, "nowhere")), undefined);
    assert.equal(loadConsole(folder), undefined);
  });
});
