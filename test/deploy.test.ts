/** What `deploy/` says is so elsewhere too: its files are run by hand alone, and what they name can move. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { loadConfig } from "../src/config.ts";

interface Package {
  readonly bin: { readonly waypost: string };
  readonly engines: { readonly node: string };
  readonly files: readonly string[];
}

const STOP_WITHIN_MS = Number(/stopWithinMs: (\d+),/.exec(read("src/supervisor.ts"))?.[1]);
const { bin, engines, files } = JSON.parse(read("package.json")) as Package;
const dockerfile = read("deploy/Dockerfile");
const compose = read("deploy/compose.yaml");
const unit = new Map(
  [...read("deploy/waypost.service").matchAll(/^([A-Z]\w+)=(.*)$/gm)].map(([, key = "", value = ""]) => [
    key,
    value,
  ]),
);
/** The image's settings. */
const image = Object.fromEntries(
  [...dockerfile.matchAll(/(WAYPOST_\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, value]),
);

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
}

function seconds(text: string | undefined): number {
  return Number(/^(\d+)s?$/.exec(text ?? "")?.[1]);
}

test("the image has what the package has, where its commands look for it", () => {
  const copied = new Map(
    [...dockerfile.matchAll(/^COPY --from=build \/src\/(\S+) (\S+)$/gm)].map(([, from = "", to = ""]) => [
      from,
      to,
    ]),
  );
  assert.equal(copied.get("package.json"), "/app/");
  for (const folder of [...files.filter((name) => /^(bin|dist)$/.test(name)), "node_modules"]) {
    assert.equal(copied.get(folder), `/app/${folder}`);
  }
  assert.ok(existsSync(new URL(`../${bin.waypost}`, import.meta.url)));
  assert.ok(dockerfile.includes(`ENTRYPOINT ["node", "/app/${bin.waypost}"]`));
  assert.ok(dockerfile.includes(`ln -s /app/${bin.waypost} /usr/local/bin/waypost`));
  const majors = [...dockerfile.matchAll(/^FROM node:(\d+)-/gm)].map(([, major]) => major);
  assert.deepEqual(new Set(majors), new Set([/(\d+)/.exec(engines.node)?.[1]]));
});

test("the image's settings are settings, and its ports and folder are those that it declares", () => {
  const { config, warnings } = loadConfig({ environment: image });
  assert.deepEqual(warnings, []);
  assert.match(dockerfile, new RegExp(`^VOLUME ${config.dataDir}$`, "m"));
  const exposed = /^EXPOSE (.*)$/m.exec(dockerfile)?.[1]?.split(" ").map(Number) ?? [];
  for (const { port } of [config.apiListen, config.edgeHttpListen, config.opsListen]) {
    assert.ok(exposed.includes(port), `${port} is exposed`);
  }
  assert.ok(dockerfile.includes(`http://127.0.0.1:${config.opsListen.port}/healthz`));
});

test("the compose file's settings are settings, and its ports are those that the image listens on", () => {
  const values = [...compose.matchAll(/^ +(WAYPOST_\w+):(?: (.+))?$/gm)].map(
    ([, name = "", value = ""]): [string, string] => [name, value],
  );
  const given = values.filter(([, value]) => !value.includes("${"));
  const database = { WAYPOST_DATABASE_URL: "postgres://postgres/waypost" };
  // Those that the environment gives count by their names alone.
  const left = values.map(([name]): [string, string] => [name, ""]);
  const { config, warnings } = loadConfig({
    environment: { ...image, ...Object.fromEntries(left), ...Object.fromEntries(given), ...database },
  });
  assert.deepEqual(warnings, []);
  const published = [...compose.matchAll(/"(?:127\.0\.0\.1:)?\d+:(\d+)"/g)].map(([, port]) => Number(port));
  assert.deepEqual(published, [
    config.apiListen.port,
    config.edgeHttpListen.port,
    config.edgeHttpsListen?.port,
  ]);
  const folders = [...compose.matchAll(/volumes: \["(?:api|edge):(.+)"\]/g)].map(([, folder]) => folder);
  assert.deepEqual(folders, [config.dataDir, config.dataDir]);
  assert.equal(/image: postgres:(\d+)/.exec(compose)?.[1], /postgresql-client-(\d+)/.exec(dockerfile)?.[1]);
  assert.ok(seconds(/stop_grace_period: (\w+)/.exec(compose)?.[1]) * 1000 > STOP_WITHIN_MS);
});

test("a stop is over before Docker and systemd end what is left", () => {
  const dockersOwnMs = 10_000;
  assert.ok(STOP_WITHIN_MS < dockersOwnMs);
  assert.ok(seconds(unit.get("TimeoutStopSec")) * 1000 > STOP_WITHIN_MS);
});

test("the unit runs what the package installs, in the folder that the documents name", () => {
  assert.equal(unit.get("ExecStart"), "/usr/bin/env waypost serve --config /etc/waypost/waypost.conf");
  assert.ok("waypost" in bin);
  assert.equal(unit.get("ExecReload"), "/bin/kill -USR2 $MAINPID");
  const folder = `/var/lib/${unit.get("StateDirectory")}`;
  for (const document of ["docs/operations.md", "docs/production.md"]) {
    assert.match(read(document), new RegExp(`^WAYPOST_DATA_DIR=${folder}$`, "m"), document);
    assert.ok(read(document).includes("# /etc/waypost/waypost.conf"), document);
  }
});

test("the unit leaves to Waypost what it cannot do without", () => {
  const families = unit.get("RestrictAddressFamilies")?.split(" ") ?? [];
  // Without netlink os.networkInterfaces() throws, which Fastify calls when it listens on 0.0.0.0.
  for (const family of ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"]) {
    assert.ok(families.includes(family), family);
  }
  assert.match(unit.get("AmbientCapabilities") ?? "", /CAP_NET_BIND_SERVICE/);
  // V8 compiles to memory.
  assert.ok(!unit.has("MemoryDenyWriteExecute"));
});
