import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { onBothDatabases } from "./harness.ts";
import { startTestInstallation, type TestInstallation } from "./with-edge.ts";

const PATH = "/api/v1/tracking-domains/go.acme.com/deep-links";
const APPLE = {
  applinks: { details: [{ appIDs: ["ABCDE12345.com.acme"], components: [{ "/": "/e/open/*" }] }] },
};
const ANDROID = [
  { relation: ["delegate_permission/common.handle_all_urls"], target: { namespace: "android_app" } },
];

onBothDatabases("files that open apps", (database) => {
  let waypost: TestInstallation;
  before(async () => {
    waypost = await startTestInstallation(database);
    await waypost.call("POST", "/api/v1/tracking-domains", { body: { domain: "go.acme.com" } });
  });
  after(() => waypost[Symbol.asyncDispose]());

  const served = (name: string) => waypost.visit(`http://go.acme.com/.well-known/${name}`);
  const until = async (name: string, status: number) => {
    for (let tries = 0; tries < 2400; tries += 1) {
      const answer = await served(name);
      if (answer.status === status) return answer;
      await sleep(25);
    }
    throw new Error(`${name} never answered ${status}`);
  };

  test("are served by the domain itself, as JSON and without a redirect", async () => {
    const { status } = await waypost.call("PUT", PATH, {
      body: { apple_app_site_association: APPLE, assetlinks: ANDROID },
    });
    assert.equal(status, 200);
    const apple = await until("apple-app-site-association", 200);
    assert.equal(apple.headers["content-type"], "application/json");
    assert.deepEqual(apple.json, APPLE);
    assert.deepEqual((await served("assetlinks.json")).json, ANDROID);
    const { json } = await waypost.call("GET", PATH);
    assert.deepEqual(json.results, { apple_app_site_association: APPLE, assetlinks: ANDROID });
  });

  test("change one by one, and null removes one", async () => {
    await waypost.call("PUT", PATH, { body: { apple_app_site_association: { é: 1 } } });
    await waypost.call("PUT", PATH, { body: { assetlinks: null } });
    await until("assetlinks.json", 404);
    assert.deepEqual((await served("apple-app-site-association")).json, { é: 1 });
    assert.deepEqual((await waypost.call("GET", PATH)).json.results, {
      apple_app_site_association: { é: 1 },
    });
  });

  test("have the right type and a limit", async () => {
    for (const body of [
      { apple_app_site_association: [] },
      { assetlinks: {} },
      { assetlinks: "[]" },
      { apple_app_site_association: { large: "x".repeat(128 * 1024) } },
    ]) {
      assert.equal((await waypost.call("PUT", PATH, { body })).status, 422);
    }
    const other = "/api/v1/tracking-domains/unheard.acme.com/deep-links";
    assert.equal((await waypost.call("PUT", other, { body: {} })).status, 404);
    assert.equal((await waypost.call("GET", other)).status, 404);
  });
});
