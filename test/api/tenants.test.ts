import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { SUBACCOUNT_GRANTS } from "../../src/domain/grants.ts";
import { onBothDatabases, startTestApi, type TestApi } from "./harness.ts";

const PATH = "/api/v1/tracking-domains";
const as = (subaccount: number | string) => ({ headers: { "x-msys-subaccount": String(subaccount) } });

onBothDatabases("subaccounts and their domains", (database) => {
  let api: TestApi;
  let keyOfOne: string;
  before(async () => {
    api = await startTestApi(database);
    const created = await api.call("POST", "/api/v1/subaccounts", {
      body: { name: "One", key_label: "one", key_grants: SUBACCOUNT_GRANTS },
    });
    assert.equal(created.json.results.subaccount_id, 1);
    keyOfOne = created.json.results.key;
    await api.call("POST", "/api/v1/subaccounts", { body: { name: "Two" } });
    await api.call("POST", PATH, { body: { domain: "primary.acme.com" } });
    await api.call("POST", PATH, { body: { domain: "one.acme.com" }, ...as(1) });
    await api.call("POST", PATH, { body: { domain: "two.acme.com" }, ...as(2) });
  });
  after(() => api[Symbol.asyncDispose]());

  const names = async (query = "", options = {}) => {
    const { json } = await api.call("GET", `${PATH}${query}`, options);
    return json.results.map(({ domain }: { domain: string }) => domain.split(".")[0]).join(" ");
  };

  test("a domain shows its owner when that is a subaccount, and only then", async () => {
    assert.equal((await api.call("GET", `${PATH}/one.acme.com`)).json.results.subaccount_id, 1);
    assert.equal("subaccount_id" in (await api.call("GET", `${PATH}/primary.acme.com`)).json.results, false);
  });

  test("the list shows everybody's without a header, the primary account's with 0, a subaccount's with its number", async () => {
    assert.equal(await names(), "one primary two");
    assert.equal(await names("", as(0)), "primary");
    assert.equal(await names("", as(2)), "two");
  });

  test("the list is filtered by subaccounts, as far as the caller may see them", async () => {
    assert.equal(await names("?subaccounts=1,2"), "one two");
    assert.equal(await names("?subaccounts=0,2"), "primary two");
    assert.equal(await names("?subaccounts=1,2", as(2)), "two");
    assert.equal(await names("?subaccounts=1", as(2)), "");
    const { status, json } = await api.call("GET", `${PATH}?subaccounts=one`);
    assert.equal(status, 400);
    assert.equal(json.errors[0].code, "1200");
  });

  test("changes without a header are the primary account's: a subaccount's domain is not found", async () => {
    for (const [method, suffix, options] of [
      ["PUT", "", { body: { secure: true } }],
      ["DELETE", "", {}],
      ["POST", "/verify", {}],
    ] as const) {
      assert.equal((await api.call(method, `${PATH}/one.acme.com${suffix}`, options)).status, 404);
    }
    assert.equal(
      (await api.call("PUT", `${PATH}/one.acme.com`, { body: { secure: true }, ...as(1) })).status,
      200,
    );
  });

  test("another tenant's domain reads as missing, and is taken", async () => {
    assert.equal((await api.call("GET", `${PATH}/two.acme.com`, { key: keyOfOne })).status, 404);
    const { status, json } = await api.call("POST", PATH, {
      key: keyOfOne,
      body: { domain: "two.acme.com" },
    });
    assert.equal(status, 409);
    assert.equal(json.errors[0].code, "1602");
  });

  test("a subaccount's key stays in its subaccount whatever the header says", async () => {
    for (const header of ["0", "2", "99", "text"]) {
      assert.equal(await names("", { key: keyOfOne, ...as(header) }), "one");
    }
    await api.call("POST", PATH, { key: keyOfOne, body: { domain: "own.acme.com" }, ...as(2) });
    assert.equal((await api.call("GET", `${PATH}/own.acme.com`)).json.results.subaccount_id, 1);
    await api.call("DELETE", `${PATH}/own.acme.com`, { key: keyOfOne });
  });

  test("a header that is no number, or names nobody, is refused", async () => {
    for (const header of ["one", "1.5", "-1", "99", "99999999999"]) {
      const { status, json } = await api.call("GET", PATH, as(header));
      assert.equal(status, 400, header);
      assert.equal(json.errors[0].code, "1200");
      assert.equal(json.errors[0].message, "invalid params");
    }
  });

  test("calls that concern the whole installation ignore the header, and do not document it", async () => {
    const audit = await api.call("GET", "/api/v1/audit?per_page=1");
    assert.equal((await api.call("GET", "/api/v1/audit?per_page=1", as(2))).text, audit.text);
    for (const path of ["/subaccounts", "/subaccounts/1", "/settings", "/session", "/audit"])
      assert.equal((await api.call("GET", `/api/v1${path}`, as(99))).status, 200, path);
    await api.call("PUT", "/api/v1/subaccounts/1", { body: { name: "One" }, ...as(2) });
    const [entry] = (await api.call("GET", "/api/v1/audit?per_page=1")).json.results;
    assert.equal("subaccount_id" in entry, false);
    const { paths } = (await api.call("GET", "/api/v1/openapi.json")).json;
    const headers = ({ parameters = [] }: { parameters?: { in: string }[] }) =>
      parameters.filter((parameter) => parameter.in === "header").length;
    assert.equal(headers(paths["/api/v1/audit"].get), 0);
    assert.equal(headers(paths["/api/v1/subaccounts/{id}"].put), 0);
    assert.equal(headers(paths["/api/v1/keys"].post), 1);
  });

  test("a deleted domain stays its owner's: nobody else can create it", async () => {
    await api.call("POST", PATH, { body: { domain: "held.acme.com" }, ...as(1) });
    await api.call("DELETE", `${PATH}/held.acme.com`, as(1));
    const refused = await api.call("POST", PATH, { body: { domain: "held.acme.com" } });
    assert.equal(refused.status, 409);
    const eager = await api.call("POST", PATH, { body: { domain: "held.acme.com", default: true } });
    assert.equal(eager.status, 409);
    assert.equal((await api.call("POST", PATH, { body: { domain: "held.acme.com" }, ...as(1) })).status, 200);
    await api.call("DELETE", `${PATH}/held.acme.com`, as(1));
  });

  test("a suspended subaccount can be read, not changed", async () => {
    const suspended = await api.call("PUT", "/api/v1/subaccounts/2", { body: { status: "suspended" } });
    assert.deepEqual(suspended.json, { results: { message: "Successfully updated subaccount information" } });
    assert.equal(await names("", as(2)), "two");
    const { status, json } = await api.call("POST", PATH, { body: { domain: "new.acme.com" }, ...as(2) });
    assert.equal(status, 403);
    assert.deepEqual(json, { errors: [{ message: "Forbidden." }] });
    const key = { label: "late", grants: ["tracking_domains/view"] };
    const made = await api.call("POST", "/api/v1/keys", { body: { ...key, subaccount_id: 2 } });
    assert.equal(made.status, 403);
    assert.equal((await api.call("POST", "/api/v1/keys", { body: key, ...as(2) })).status, 403);
    await api.call("PUT", "/api/v1/subaccounts/2", { body: { status: "active" } });
  });

  test("subaccounts are listed, shown and renamed", async () => {
    await api.call("PUT", "/api/v1/subaccounts/2", { body: { name: "Second" } });
    assert.deepEqual((await api.call("GET", "/api/v1/subaccounts/2")).json.results, {
      id: 2,
      name: "Second",
      status: "active",
      privacy: "full",
    });
    assert.equal((await api.call("GET", "/api/v1/subaccounts")).json.results.length, 2);
    assert.equal((await api.call("GET", "/api/v1/subaccounts/99")).status, 404);
    assert.equal((await api.call("PUT", "/api/v1/subaccounts/zero", { body: {} })).status, 404);
  });

  test("a sending domain is associated with a tracking domain of its own (sub)account, and an empty string ends that", async () => {
    const path = "/api/v1/sending-domains/example1.com";
    const updated = await api.call("PUT", path, { body: { tracking_domain: "Primary.acme.com" } });
    assert.equal(updated.status, 200);
    assert.deepEqual(updated.json, {
      results: { message: "Successfully Updated Domain.", domain: "example1.com" },
    });
    assert.equal((await api.call("GET", path)).json.results.tracking_domain, "primary.acme.com");
    for (const tracking_domain of ["one.acme.com", "unheard.acme.com"]) {
      const { status, json } = await api.call("PUT", path, { body: { tracking_domain } });
      assert.equal(status, 400);
      assert.deepEqual(json, {
        errors: [
          {
            code: "1200",
            message: "invalid params",
            description: `Tracking domain '${tracking_domain}' is not a registered tracking domain`,
          },
        ],
      });
    }
    await api.call("PUT", path, { body: {} });
    assert.equal((await api.call("GET", path)).json.results.tracking_domain, "primary.acme.com");
    await api.call("PUT", path, { body: { tracking_domain: "" } });
    assert.equal("tracking_domain" in (await api.call("GET", path)).json.results, false);
    assert.equal((await api.call("PUT", path, { body: {}, ...as(1) })).status, 409);
    assert.equal((await api.call("GET", "/api/v1/sending-domains/unheard.com")).status, 404);
  });

  test("sending domains are listed, a subaccount's own to its key, and those of one tracking domain on demand", async () => {
    const put = (domain: string, tracking_domain: string, options = {}) =>
      api.call("PUT", `/api/v1/sending-domains/${domain}`, { body: { tracking_domain }, ...options });
    await put("listed.com", "primary.acme.com");
    await put("listed.org", "one.acme.com", as(1));
    const list = async (query = "", options = {}) =>
      (await api.call("GET", `/api/v1/sending-domains${query}`, options)).json.results;
    assert.deepEqual(await list("?tracking_domain=PRIMARY.acme.com"), [
      { domain: "listed.com", tracking_domain: "primary.acme.com" },
    ]);
    assert.deepEqual(await list("", { key: keyOfOne }), [
      { domain: "listed.org", tracking_domain: "one.acme.com", subaccount_id: 1 },
    ]);
    assert.ok((await list()).length >= 2);
  });
});
