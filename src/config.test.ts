import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { ConfigError, certificatePolicy, describeConfig, loadConfig } from "./config.ts";
import { configWarnings } from "./config-warnings.ts";

function problemsOf(sources: Parameters<typeof loadConfig>[0]): readonly string[] {
  try {
    loadConfig(sources);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  return [];
}

function configFile(content: string): { path: string; [Symbol.dispose](): void } {
  const folder = mkdtempSync(join(tmpdir(), "waypost-config-"));
  const path = join(folder, "waypost.conf");
  writeFileSync(path, content);
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test("without any setting Waypost runs on SQLite with the documented defaults", () => {
  const { config, warnings } = loadConfig({ environment: {} });
  assert.equal(config.dataDir, "./data");
  assert.equal(config.databaseUrl, undefined);
  assert.deepEqual(config.apiListen, { host: "127.0.0.1", port: 8080 });
  assert.deepEqual(config.edgeHttpListen, { host: "0.0.0.0", port: 8081 });
  assert.equal(config.cnameTarget, "localhost");
  assert.equal(config.edgeCommitDeadlineMs, 25);
  assert.equal(config.supportEmail, "support@sparkpost.com");
  assert.ok(config.edgeWorkers >= 1);
  assert.deepEqual(warnings, []);
});

test("flags win over the environment, the environment over the file, the file over defaults", () => {
  using file = configFile(
    "# a comment\nWAYPOST_LOG_LEVEL=debug\nWAYPOST_CNAME_TARGET=file.example.net\nWAYPOST_PUBLIC_HTTP_PORT=81\n",
  );
  const { config } = loadConfig({
    file: file.path,
    environment: { WAYPOST_CNAME_TARGET: "env.example.net", WAYPOST_PUBLIC_HTTP_PORT: "82" },
    flags: { publicHttpPort: "83" },
  });
  assert.equal(config.logLevel, "debug");
  assert.equal(config.cnameTarget, "env.example.net");
  assert.equal(config.publicHttpPort, 83);
});

test("an unknown name is an error in the file and a warning in the environment", () => {
  using file = configFile("WAYPOST_TYPO=1\n");
  assert.deepEqual(problemsOf({ file: file.path, environment: {} }), [
    `${file.path}: WAYPOST_TYPO is not a setting of this version`,
  ]);
  assert.deepEqual(loadConfig({ environment: { WAYPOST_TYPO: "1", PATH: "/bin" } }).warnings, [
    "WAYPOST_TYPO is not a setting of this version",
  ]);
});

test("all problems are told at once", () => {
  const problems = problemsOf({
    environment: {
      WAYPOST_API_LISTEN: "nowhere",
      WAYPOST_EDGE_WORKERS: "0",
      WAYPOST_DATABASE_URL: "mysql://x",
      WAYPOST_DNS_SERVERS: "dns.example",
      WAYPOST_TRUSTED_PROXIES: "10.0.0.0/40",
      WAYPOST_API_KEY: "short",
      WAYPOST_PROBE_PRIVATE: "maybe",
      WAYPOST_CNAME_TARGET: "not a name",
    },
  });
  assert.equal(problems.length, 8, problems.join("\n"));
});

test("a configuration file that cannot be read is an error", () => {
  assert.match(problemsOf({ file: "/nonexistent/waypost.conf", environment: {} })[0] ?? "", /cannot be read/);
});

test("the summary that is logged never holds a secret", () => {
  const { config } = loadConfig({
    environment: {
      WAYPOST_API_KEY: "k".repeat(40),
      WAYPOST_SECRET: "s".repeat(40),
      WAYPOST_DATABASE_URL: "postgres://waypost:hunter2@localhost/waypost",
      WAYPOST_ACME_EAB_KEY_ID: "kid-1",
      WAYPOST_ACME_EAB_HMAC_KEY: "zzzzzzzzzzzzzzzzzzzz",
    },
  });
  const summary = JSON.stringify(describeConfig(config));
  for (const secret of ["kkkk", "ssss", "hunter2", "zzzz"]) assert.ok(!summary.includes(secret));
});

test("DNS servers may be IPv4 or IPv6, with or without a port", () => {
  const { config } = loadConfig({
    environment: { WAYPOST_DNS_SERVERS: "192.0.2.1, 192.0.2.1:5353, [2001:db8::1]:53, 2001:db8::1" },
  });
  assert.equal(config.dnsServers.length, 4);
});

test("the API's certificate and key come together, and fit", () => {
  using notPem = configFile("not PEM");
  const { path } = notPem;
  assert.match(
    problemsOf({ environment: {}, flags: { apiTlsCertFile: path } })[0] ?? "",
    /one of them is missing/,
  );
  const wrong = problemsOf({ environment: {}, flags: { apiTlsCertFile: path, apiTlsKeyFile: path } });
  assert.match(wrong[0] ?? "", /are not a certificate and its key/);
  assert.match(
    problemsOf({ environment: {}, flags: { apiTlsKeyFile: "/nowhere/key.pem" } })[0] ?? "",
    /WAYPOST_API_TLS_KEY_FILE must be a file that can be read/,
  );
});

test("keys that would cross a network in clear are worth a loud warning", () => {
  const warned = (flags: Parameters<typeof loadConfig>[0] & object) =>
    configWarnings(loadConfig({ environment: {}, ...flags }).config).some((line) =>
      line.includes("WITHOUT TLS"),
    );
  assert.equal(warned({ flags: { apiListen: "0.0.0.0:8080" } }), true);
  for (const apiListen of ["127.0.0.1:8080", "[::1]:8080", "localhost:8080"]) {
    assert.equal(warned({ flags: { apiListen } }), false, apiListen);
  }
  const edge = { apiListen: "0.0.0.0:8080", roles: "edge", databaseUrl: "postgres://127.0.0.1/waypost" };
  assert.equal(warned({ flags: edge }), false, "there is no API");
});

test("an installation for others is warned that its customers would be sent to SparkPost's support", () => {
  const warned = (environment: Record<string, string>) =>
    configWarnings(loadConfig({ environment }).config).some((line) =>
      /told to write to support@sparkpost\.com/.test(line),
    );
  const forOthers = { WAYPOST_CNAME_TARGET: "edge.example.net" };
  assert.equal(warned(forOthers), true);
  assert.equal(warned({ ...forOthers, WAYPOST_SUPPORT_EMAIL: "help@example.net" }), false);
  assert.equal(warned({}), false, "nobody else has a domain under localhost");
});

test("certificates are ordered only where their CA's terms are agreed to and the edge ends TLS", () => {
  const policyOf = (environment: Record<string, string>) =>
    certificatePolicy(loadConfig({ environment }).config);
  assert.equal(policyOf({}), "own");
  assert.equal(policyOf({ WAYPOST_ACME_TERMS_AGREED: "yes" }), "managed");
  assert.equal(policyOf({ WAYPOST_ACME_TERMS_AGREED: "yes", WAYPOST_TLS: "external" }), "none");
});

test("a CA is asked over https, its keys are well formed, and half an external account is an error", () => {
  const problems = problemsOf({
    environment: {
      WAYPOST_ACME_TERMS_AGREED: "true",
      WAYPOST_ACME_DIRECTORY: "http://ca.example/directory",
      WAYPOST_ACME_EAB_HMAC_KEY: "not base64!",
      WAYPOST_ACME_EMAIL: "nobody",
    },
  });
  assert.equal(problems.length, 4, problems.join("\n"));
  assert.ok(!problems.join("\n").includes("not base64!"));
  assert.match(problemsOf({ environment: { WAYPOST_ACME_EAB_KEY_ID: "kid" } })[0] ?? "", /belong together/);
});

test("what is unlikely to be meant about certificates is warned of", () => {
  const warningsOf = (environment: Record<string, string>) =>
    configWarnings(
      loadConfig({
        environment: {
          WAYPOST_CNAME_TARGET: "edge.example.net",
          WAYPOST_SUPPORT_EMAIL: "help@example.net",
          ...environment,
        },
      }).config,
    );
  const agreed = { WAYPOST_ACME_TERMS_AGREED: "yes" };
  const https = { WAYPOST_EDGE_HTTPS_LISTEN: "0.0.0.0:443" };
  for (const [environment, warning] of [
    [{}, undefined],
    [https, /TERMS_AGREED is not set/],
    [{ ...https, ...agreed }, undefined],
    [agreed, /HTTPS_LISTEN is off/],
    [{ ...agreed, WAYPOST_TLS: "external" }, /TLS is external/],
    [{ ...https, ...agreed, WAYPOST_PUBLIC_HTTP_PORT: "8081" }, /PORT is not 80/],
  ] as const) {
    const warnings = warningsOf(environment);
    assert.equal(warnings.length, warning === undefined ? 0 : 1, warnings.join());
    if (warning !== undefined) assert.match(warnings[0] ?? "", warning);
  }
});
