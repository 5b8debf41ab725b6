import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import { after, before, test } from "node:test";

import { onBothDatabases } from "./harness.ts";
import { CNAME_TARGET, startTestInstallation, type TestInstallation } from "./with-edge.ts";

const PATH = "/api/v1/tracking-domains";

onBothDatabases("verification", (database) => {
  let waypost: TestInstallation;
  before(async () => {
    waypost = await startTestInstallation(database);
  });
  after(() => waypost[Symbol.asyncDispose]());

  const create = (domain: string, secure = false) => waypost.call("POST", PATH, { body: { domain, secure } });
  const verify = (domain: string, options = {}) => waypost.call("POST", `${PATH}/${domain}/verify`, options);
  const status = async (domain: string) =>
    (await waypost.call("GET", `${PATH}/${domain}`)).json.results.status;
  const checks = async (domain: string) =>
    (await waypost.call("GET", `${PATH}/${domain}/checks`)).json.results;

  /** Another web server at the edge's port, on a loopback address that the name points to. */
  const elsewhere = (address: string, listener: RequestListener): Promise<Server> =>
    new Promise((resolve) => {
      const server = createServer(listener).listen(waypost.edgePort, address, () => resolve(server));
    });

  test("a domain that points to the edge is verified, and answers with its status alone", async () => {
    waypost.dns.zone.set("click.acme.com", { cname: CNAME_TARGET });
    await create("click.acme.com");
    const { status: code, json } = await verify("click.acme.com");
    assert.equal(code, 200);
    assert.deepEqual(json, {
      results: { verified: true, cname_status: "valid", compliance_status: "valid" },
    });
    assert.deepEqual(await status("click.acme.com"), json.results);
  });

  test("verify takes no body, and any that clients send", async () => {
    waypost.dns.zone.set("body.acme.com", { cname: CNAME_TARGET });
    await create("body.acme.com");
    const headers = { "content-type": "application/json" };
    for (const options of [
      {},
      { headers },
      { raw: "", headers },
      { raw: "{}", headers },
      { raw: "[]", headers },
    ]) {
      assert.equal((await verify("Body.Acme.com", options)).status, 200);
    }
  });

  test("a name that does not resolve yet is pending, and the text names the endpoint", async () => {
    await create("nowhere.acme.com");
    const { status: code, json } = await verify("nowhere.acme.com");
    assert.equal(code, 400);
    assert.deepEqual(json, {
      errors: [
        {
          code: "1404",
          message: "request to remote endpoint failed",
          description: `Unable to reach http://nowhere.acme.com:${waypost.edgePort}. Please verify that your redirect is functioning.`,
        },
      ],
    });
    assert.deepEqual(await status("nowhere.acme.com"), {
      verified: false,
      cname_status: "pending",
      compliance_status: "valid",
    });
  });

  test("a secure domain is probed over https, and the text says so", async () => {
    waypost.dns.zone.set("secure.acme.com", { cname: CNAME_TARGET });
    await create("secure.acme.com", true);
    const { json } = await verify("secure.acme.com");
    assert.equal(
      json.errors[0].description,
      "Unable to reach https://secure.acme.com:443. Please verify that your redirect is functioning and that your SSL certificate is valid.",
    );
  });

  test("a name that leads to another web server is invalid", async () => {
    const parked = await elsewhere("127.0.0.2", (_request, response) =>
      response.end("This domain is for sale"),
    );
    waypost.dns.zone.set("parked.acme.com", { a: ["127.0.0.2"] });
    await create("parked.acme.com");
    const { status: code, json } = await verify("parked.acme.com");
    assert.equal(code, 400);
    assert.match(json.errors[0].description, /^Unable to reach http:\/\/parked\.acme\.com:/);
    assert.equal((await status("parked.acme.com")).cname_status, "invalid");
    await new Promise((resolve) => parked.close(resolve));
  });

  test("whether somebody else is where a domain leads is a filter of the list, and stands beside its checks", async () => {
    const parked = await elsewhere("127.0.0.4", (_request, response) => response.end("For sale"));
    waypost.dns.zone.set("led-away.filter.com", { a: ["127.0.0.4"] });
    waypost.dns.zone.set("refused.filter.com", { cname: CNAME_TARGET });
    waypost.dns.zone.set("reached.filter.com", { cname: CNAME_TARGET });
    for (const name of ["led-away", "refused", "reached", "absent"])
      await create(`${name}.filter.com`, name === "refused");
    for (const name of ["led-away", "refused", "reached", "absent"]) await verify(`${name}.filter.com`);
    const listed = async (filter: string): Promise<readonly string[]> => {
      const { json } = await waypost.call("GET", `${PATH}?points_elsewhere=${filter}`);
      const names: readonly string[] = json.results.map(({ domain }: { domain: string }) => domain);
      return names.filter((name) => name.endsWith(".filter.com"));
    };
    assert.deepEqual(await listed("true"), ["led-away.filter.com"]);
    assert.deepEqual(await listed("false"), [
      "absent.filter.com",
      "reached.filter.com",
      "refused.filter.com",
    ]);
    for (const [name, expected] of [
      ["led-away", true],
      ["reached", undefined],
      ["absent", undefined],
    ] as const)
      assert.equal((await checks(`${name}.filter.com`)).points_elsewhere, expected, name);
    assert.equal((await waypost.call("GET", `${PATH}?points_elsewhere=maybe`)).status, 400);
    await new Promise((resolve) => parked.close(resolve));
  });

  test("a web server that answers with an HTTP error is named with it", async () => {
    const broken = await elsewhere("127.0.0.3", (_request, response) => {
      response.statusCode = 502;
      response.end();
    });
    waypost.dns.zone.set("broken.acme.com", { a: ["127.0.0.3"] });
    await create("broken.acme.com");
    const { json } = await verify("broken.acme.com");
    assert.equal(
      json.errors[0].description,
      "Received the HTTP Error 502 during verification of broken.acme.com.",
    );
    await new Promise((resolve) => broken.close(resolve));
  });

  test("the checks show the record to create, what was found and when it is looked at again", async () => {
    waypost.dns.zone.set("shown.acme.com", { a: ["127.0.0.9"] });
    await create("shown.acme.com");
    await verify("shown.acme.com");
    const { dns_record, next_check_at, checks: shown } = await checks("shown.acme.com");
    assert.deepEqual(dns_record, {
      type: "CNAME",
      name: "shown.acme.com",
      short_name: "shown",
      value: CNAME_TARGET,
    });
    assert.ok(Date.parse(next_check_at) > Date.now());
    const [{ checked_at, ...check }, ...others] = shown;
    assert.deepEqual(others, []);
    assert.ok(Math.abs(Date.now() - Date.parse(checked_at)) < 60_000);
    assert.deepEqual(check, {
      trigger: "asked",
      scheme: "http",
      passed: false,
      cname_status: "invalid",
      compliance_status: "valid",
      failure: `shown.acme.com points to 127.0.0.9. It should be a CNAME to ${CNAME_TARGET}.`,
      looks_proxied: false,
      findings: [
        {
          code: "addresses_elsewhere",
          ok: false,
          found: "shown.acme.com points to 127.0.0.9.",
          fix: `It should be a CNAME to ${CNAME_TARGET}.`,
        },
        {
          code: "unreachable",
          ok: false,
          found: `http://shown.acme.com:${waypost.edgePort} (127.0.0.9) could not be reached: the connection was refused.`,
          fix: "Check that the address is right and that no firewall is in the way.",
        },
      ],
      dns: {
        cname_chain: ["shown.acme.com"],
        cname_outcome: "no_data",
        cname_matches: false,
        addresses: ["127.0.0.9"],
        address_outcome: "found",
        target_addresses: ["127.0.0.1"],
        addresses_match: false,
      },
      probe: {
        endpoint: `http://shown.acme.com:${waypost.edgePort}`,
        address: "127.0.0.9",
        outcome: "unreachable",
        reason: "ECONNREFUSED",
        took_ms: check.probe.took_ms,
      },
    });
  });

  test("a domain that was never checked has the record alone", async () => {
    await create("unasked.acme.com");
    const { next_check_at, ...report } = await checks("unasked.acme.com");
    assert.ok(Date.parse(next_check_at) > Date.now());
    assert.deepEqual(report, {
      domain: "unasked.acme.com",
      dns_record: {
        type: "CNAME",
        name: "unasked.acme.com",
        short_name: "unasked",
        value: CNAME_TARGET,
      },
      checks: [],
    });
  });

  test("a domain that worked and is asked about when it is broken loses its status, and gets it back", async () => {
    await waypost.addVerifiedDomain("flaky.acme.com");
    waypost.dns.zone.delete("flaky.acme.com");
    assert.equal((await verify("flaky.acme.com")).status, 400);
    assert.equal((await status("flaky.acme.com")).verified, false);
    waypost.dns.zone.set("flaky.acme.com", { cname: CNAME_TARGET });
    assert.equal((await verify("flaky.acme.com")).status, 200);
    assert.equal((await status("flaky.acme.com")).verified, true);
  });

  test("a verified domain can be the default; setting another unsets it, and false unsets", async () => {
    await waypost.addVerifiedDomain("first.acme.com");
    await waypost.addVerifiedDomain("second.acme.com");
    const put = (domain: string, isDefault: boolean) =>
      waypost.call("PUT", `${PATH}/${domain}`, { body: { default: isDefault } });
    const defaults = async () =>
      (await waypost.call("GET", `${PATH}?default=true`)).json.results.map(
        ({ domain }: { domain: string }) => domain,
      );
    await put("first.acme.com", true);
    await put("second.acme.com", true);
    assert.deepEqual(await defaults(), ["second.acme.com"]);
    await Promise.all([
      put("first.acme.com", true),
      put("second.acme.com", true),
      put("first.acme.com", true),
    ]);
    assert.equal((await defaults()).length, 1);
    await put((await defaults())[0], false);
    assert.deepEqual(await defaults(), []);
  });

  test("a default that loses its verification keeps the flag; secure keeps the verification", async () => {
    await waypost.addVerifiedDomain("keeps.acme.com");
    await waypost.call("PUT", `${PATH}/keeps.acme.com`, { body: { default: true } });
    await waypost.call("PUT", `${PATH}/keeps.acme.com`, { body: { secure: true } });
    assert.equal((await status("keeps.acme.com")).verified, true);
    await waypost.call("PUT", `${PATH}/keeps.acme.com`, { body: { secure: false } });
    waypost.dns.zone.delete("keeps.acme.com");
    await verify("keeps.acme.com");
    const { json } = await waypost.call("GET", `${PATH}/keeps.acme.com`);
    assert.equal(json.results.default, true);
    assert.equal(json.results.status.verified, false);
    assert.equal((await waypost.call("DELETE", `${PATH}/keeps.acme.com`)).status, 204);
  });
});
