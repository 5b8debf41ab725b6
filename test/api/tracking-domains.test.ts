import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { onBothDatabases, startTestApi, type TestApi } from "./harness.ts";

const PATH = "/api/v1/tracking-domains";

function error(code: string, message: string, description: string): object {
  return { errors: [{ code, message, description }] };
}

const invalid = (description: string) => error("1300", "invalid data format/type", description);

onBothDatabases("tracking domains", (database) => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi(database, { restrictedDomains: "restricted.com, .forbidden.org" });
  });
  after(() => api[Symbol.asyncDispose]());

  test("creating a domain answers with its name alone", async () => {
    const { status, json, headers } = await api.call("POST", PATH, {
      body: { domain: "example.domain.com", secure: false, default: false },
    });
    assert.equal(status, 200);
    assert.deepEqual(json, { results: { domain: "example.domain.com" } });
    assert.equal(headers["content-type"], "application/json");
  });

  test("a new domain is unverified, on port 80, and belongs to the primary account", async () => {
    await api.call("POST", PATH, { body: { domain: "fresh.domain.com" } });
    const { status, json } = await api.call("GET", `${PATH}/fresh.domain.com`);
    assert.equal(status, 200);
    assert.deepEqual(json, {
      results: {
        port: 80,
        domain: "fresh.domain.com",
        secure: false,
        default: false,
        status: { verified: false, cname_status: "unverified", compliance_status: "valid" },
      },
    });
  });

  test("a secure domain has port 443", async () => {
    await api.call("POST", PATH, { body: { domain: "secure.domain.com", secure: true, port: 8080 } });
    const { json } = await api.call("GET", `${PATH}/secure.domain.com`);
    assert.equal(json.results.port, 443);
    assert.equal(json.results.secure, true);
  });

  test("a domain that exists is a conflict, in any spelling", async () => {
    await api.call("POST", PATH, { body: { domain: "twice.domain.com" } });
    for (const domain of ["twice.domain.com", "TWICE.Domain.com", "twice.domain.com."]) {
      const { status, json } = await api.call("POST", PATH, { body: { domain } });
      assert.equal(status, 409);
      assert.deepEqual(json, error("1602", "resource conflict", "The tracking domain already exists."));
    }
  });

  for (const [domain, description] of [
    ["example..domain.com", "Error validating domain name syntax for domain: 'example..domain.com'"],
    ["ex", "Error domain name length too short for domain: 'ex'"],
    ["exampledomaincom", "Error domain name contains no '.'(s) for domain: 'exampledomaincom'"],
    [
      "example*&#.domain.com",
      "Error domain name contains invalid characters or spaces for domain: 'example*&#.domain.com'",
    ],
  ] as const) {
    test(`'${domain}' is refused with the documented text`, async () => {
      const { status, json } = await api.call("POST", PATH, { body: { domain } });
      assert.equal(status, 422);
      assert.deepEqual(json, invalid(description));
    });
  }

  test("a body without a domain is refused with the documented text", async () => {
    for (const body of [{}, { domain: null }, { secure: "yes" }]) {
      const { status, json } = await api.call("POST", PATH, { body });
      assert.equal(status, 422);
      assert.deepEqual(json, error("1400", "required field is missing", "field 'domain' is required"));
    }
  });

  test("a restricted domain is refused with the documented text", async () => {
    for (const domain of [
      "restricted.com",
      "a.forbidden.org",
      "edge.waypost.example",
      "co.uk",
      "github.io",
    ]) {
      const { status, json } = await api.call("POST", PATH, { body: { domain } });
      assert.equal(status, 400, domain);
      const description =
        "Please contact us at support@sparkpost.com to get this domain authorized for your account.";
      assert.deepEqual(json, error("7000", "restricted domain", description));
    }
  });

  test("a new domain cannot be the default, and is not created by trying", async () => {
    const { status, json } = await api.call("POST", PATH, {
      body: { domain: "Eager.domain.com", default: true },
    });
    assert.equal(status, 422);
    assert.deepEqual(json, invalid("Tracking domain 'eager.domain.com' unverified."));
    assert.equal((await api.call("GET", `${PATH}/eager.domain.com`)).status, 404);
  });

  test("what is wrong is told in a fixed order: JSON, object, domain, types, name, restricted, taken, default", async () => {
    await api.call("POST", PATH, { body: { domain: "ordered.domain.com" } });
    for (const [raw, description] of [
      ["{", "Problems parsing request as json"],
      ["", "Problems parsing request as json"],
      ["[]", "JSON object expected"],
      ['"text"', "JSON object expected"],
      ["null", "JSON object expected"],
      ['{"secure":1}', "field 'domain' is required"],
      ['{"domain":1,"secure":1}', "field 'domain' is of type 'number', but needs to be of type 'string'"],
      [
        '{"domain":"*","secure":"true"}',
        "field 'secure' is of type 'string', but needs to be of type 'boolean'",
      ],
      ['{"domain":"*","secure":null}', "field 'secure' is of type 'null', but needs to be of type 'boolean'"],
      [
        '{"domain":"*","default":[]}',
        "field 'default' is of type 'array', but needs to be of type 'boolean'",
      ],
      [
        '{"domain":"*","default":{}}',
        "field 'default' is of type 'object', but needs to be of type 'boolean'",
      ],
      ['{"domain":"*"}', "Error domain name contains invalid characters or spaces for domain: '*'"],
      ['{"domain":"a"}', "Error domain name length too short for domain: 'a'"],
      [
        '{"domain":"restricted.com","default":true}',
        "Please contact us at support@sparkpost.com to get this domain authorized for your account.",
      ],
      ['{"domain":"ordered.domain.com","default":true}', "The tracking domain already exists."],
      ['{"domain":"unheard.domain.com","default":true}', "Tracking domain 'unheard.domain.com' unverified."],
    ] as const) {
      const { json } = await api.call("POST", PATH, { raw, headers: { "content-type": "application/json" } });
      assert.equal(json.errors[0].description, description, raw);
    }
  });

  test("a domain that does not exist is 404, whatever is asked of it", async () => {
    for (const [method, suffix, options] of [
      ["GET", "", {}],
      ["PUT", "", { body: { secure: true } }],
      ["DELETE", "", {}],
      ["POST", "/verify", {}],
      ["GET", "/checks", {}],
    ] as const) {
      const { status, json } = await api.call(method, `${PATH}/Missing.domain.com${suffix}`, options);
      assert.equal(status, 404);
      assert.deepEqual(json, error("1600", "resource not found", "Resource not found: missing.domain.com"));
    }
  });

  test("an international name is stored as A-labels and found by either spelling", async () => {
    const created = await api.call("POST", PATH, { body: { domain: "klick.Bücher.example" } });
    assert.deepEqual(created.json, { results: { domain: "klick.xn--bcher-kva.example" } });
    for (const name of ["klick.xn--bcher-kva.example", encodeURIComponent("KLICK.bücher.example")]) {
      assert.equal((await api.call("GET", `${PATH}/${name}`)).status, 200);
    }
  });

  test("a path finds its domain percent-encoded, in upper case, with a slash behind it and at full length", async () => {
    const longest = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(57)}.com`;
    assert.equal(longest.length, 253);
    await api.call("POST", PATH, { body: { domain: longest } });
    const encoded = [...longest].map((character) => `%${character.charCodeAt(0).toString(16)}`).join("");
    for (const name of [longest, longest.toUpperCase(), encoded, `${longest}/`, `${longest}.`]) {
      assert.equal((await api.call("GET", `${PATH}/${name}`)).status, 200, name);
    }
  });

  test("an update changes only what it is given, and port follows secure", async () => {
    await api.call("POST", PATH, { body: { domain: "update.domain.com" } });
    const updated = await api.call("PUT", `${PATH}/update.domain.com`, { body: { secure: true } });
    assert.equal(updated.status, 200);
    assert.deepEqual(updated.json, { results: { domain: "update.domain.com" } });
    const after = await api.call("GET", `${PATH}/update.domain.com`);
    assert.equal(after.json.results.port, 443);
    assert.equal(after.json.results.default, false);
    await api.call("PUT", `${PATH}/update.domain.com`, { body: { port: 80, domain: "other.domain.com" } });
    assert.deepEqual((await api.call("GET", `${PATH}/update.domain.com`)).json, after.json);
  });

  test("an update that fails changes nothing", async () => {
    await api.call("POST", PATH, { body: { domain: "whole.domain.com" } });
    const { status, json } = await api.call("PUT", `${PATH}/whole.domain.com`, {
      body: { secure: true, default: true },
    });
    assert.equal(status, 422);
    assert.deepEqual(json, invalid("Tracking domain 'whole.domain.com' unverified."));
    assert.equal((await api.call("GET", `${PATH}/whole.domain.com`)).json.results.secure, false);
  });

  test("a body is read as JSON without a content type and with curl's default one", async () => {
    await api.call("POST", PATH, { body: { domain: "curl.domain.com" } });
    for (const headers of [{}, { "content-type": "application/x-www-form-urlencoded" }]) {
      const { status } = await api.call("PUT", `${PATH}/curl.domain.com`, {
        raw: '{"secure":true}',
        headers,
      });
      assert.equal(status, 200);
    }
  });

  test("a deleted domain is gone, and its owner may create it again as a new one", async () => {
    await api.call("POST", PATH, { body: { domain: "gone.domain.com", secure: true } });
    const { status, text } = await api.call("DELETE", `${PATH}/gone.domain.com`);
    assert.equal(status, 204);
    assert.equal(text, "");
    assert.equal((await api.call("GET", `${PATH}/gone.domain.com`)).status, 404);
    assert.equal((await api.call("DELETE", `${PATH}/gone.domain.com`)).status, 404);
    assert.equal((await api.call("POST", PATH, { body: { domain: "gone.domain.com" } })).status, 200);
    assert.equal((await api.call("GET", `${PATH}/gone.domain.com`)).json.results.secure, false);
  });

  test("the list is ordered by name and filtered by default", async () => {
    const { json } = await api.call("GET", PATH);
    const names = json.results.map(({ domain }: { domain: string }) => domain);
    assert.deepEqual(names, [...names].sort());
    assert.ok(names.includes("fresh.domain.com"));
    for (const spelling of ["true", "True", "TRUE"]) {
      assert.deepEqual((await api.call("GET", `${PATH}?default=${spelling}`)).json.results, []);
    }
    assert.equal((await api.call("GET", `${PATH}?default=false`)).json.results.length, names.length);
    assert.equal((await api.call("GET", `${PATH}?`)).json.results.length, names.length);
    const refused = await api.call("GET", `${PATH}?default=maybe`);
    assert.equal(refused.status, 400);
    assert.deepEqual(refused.json, error("1200", "invalid params", "default must be true or false"));
  });

  test("clients that send a body where none is read are served", async () => {
    await api.call("POST", PATH, { body: { domain: "php.domain.com" } });
    const headers = { "content-type": "application/json" };
    assert.equal((await api.call("GET", `${PATH}/php.domain.com`, { raw: "[]", headers })).status, 200);
    assert.equal((await api.call("GET", `${PATH}/php.domain.com`, { headers })).status, 200);
    assert.equal((await api.call("DELETE", `${PATH}/php.domain.com`, { raw: "[]", headers })).status, 204);
  });

  test("HEAD answers like GET without a body", async () => {
    const { status, text } = await api.call("HEAD", `${PATH}/fresh.domain.com`);
    assert.equal(status, 200);
    assert.equal(text, "");
  });
});

onBothDatabases("what every route answers", (database) => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi(database);
  });
  after(() => api[Symbol.asyncDispose]());

  test("a path and the same path with a slash are one route", async () => {
    assert.equal((await api.call("GET", `${PATH}/`)).status, 200);
  });

  test("an unknown path is 404 in the documented shape", async () => {
    const { status, json } = await api.call("GET", "/api/v1/nothing-here?key=secret");
    assert.equal(status, 404);
    assert.deepEqual(json, error("1101", "invalid URI", "There is nothing at /api/v1/nothing-here"));
  });

  test("a known path with another method is 405 and says what is allowed", async () => {
    const { status, json, headers } = await api.call("PATCH", `${PATH}/example.domain.com/`);
    assert.equal(status, 405);
    assert.deepEqual(
      json,
      error("1102", "invalid http method", `PATCH is not supported on ${PATH}/example.domain.com/`),
    );
    assert.equal(headers["allow"], "DELETE, GET, HEAD, PUT");
    assert.equal((await api.call("OPTIONS", PATH)).headers["allow"], "GET, HEAD, POST");
  });

  test("a body of another type is 415", async () => {
    const { status, json } = await api.call("POST", PATH, {
      raw: "<a/>",
      headers: { "content-type": "text/xml" },
    });
    assert.equal(status, 415);
    assert.equal(json.errors[0].code, "1700");
    assert.equal(json.errors[0].message, "Unsupported Content-Type header");
  });

  test("a body over 1 MiB is 413", async () => {
    const { status, json, headers } = await api.call("POST", PATH, {
      raw: Buffer.alloc(1024 * 1024 + 1, "x"),
    });
    assert.equal(status, 413);
    assert.ok(Array.isArray(json.errors));
    assert.equal(headers["content-type"], "application/json");
  });

  test("a body that is not UTF-8 is refused", async () => {
    const { status, json } = await api.call("POST", PATH, {
      raw: Buffer.from('{"domain":"\xff.example.com"}', "latin1"),
    });
    assert.equal(status, 400);
    assert.deepEqual(json, error("1305", "invalid UTF-8", "Non-UTF-8 data found in json"));
  });

  test("a path that cannot be decoded is 404", async () => {
    assert.equal((await api.call("GET", `${PATH}/%ff%`)).status, 404);
  });
});
