import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { GRANTS } from "../../src/domain/grants.ts";
import { type Answer, FIRST_KEY, onBothDatabases, startTestApi, type TestApi } from "./harness.ts";

const SESSION = "/api/v1/session";
const DOMAINS = "/api/v1/tracking-domains";
const CONSOLE = { "x-waypost-console": "1" };

onBothDatabases("signing in to the console", (database) => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi(database, { trustedProxies: "127.0.0.1", sessionIdleMinutes: "60" });
  });
  after(() => api[Symbol.asyncDispose]());

  const from = (address: string) => ({ "x-forwarded-for": address });
  const signIn = (key: string, headers: Record<string, string> = {}) =>
    api.call("POST", SESSION, { key: null, body: { key }, headers: { ...CONSOLE, ...headers } });
  const cookieOf = (answer: Answer) => String(answer.headers["set-cookie"]).split(";", 1)[0] ?? "";
  const withCookie = (cookie: string, headers: Record<string, string> = {}) => ({
    key: null,
    headers: { cookie, ...headers },
  });
  const makeKey = async (body: object) =>
    (await api.call("POST", "/api/v1/keys", { body: { label: "test", ...body } })).json.results;

  test("a key opens a session, whose cookie stands for the key and does not hold it", async () => {
    const answer = await signIn(FIRST_KEY);
    assert.equal(answer.status, 200);
    assert.equal(answer.json.results.key_label, "First key");
    assert.deepEqual(answer.json.results.grants, [...GRANTS]);
    assert.ok(Date.parse(answer.json.results.expires_at) > Date.now());
    const [cookie] = [answer.headers["set-cookie"]].flat();
    assert.match(String(cookie), /^waypost_session=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    assert.equal(answer.text.includes(FIRST_KEY), false);
    assert.equal((await api.call("GET", DOMAINS, withCookie(cookieOf(answer)))).status, 200);
    const who = await api.call("GET", SESSION, withCookie(cookieOf(answer)));
    assert.deepEqual(who.json, answer.json);
  });

  test("over TLS the cookie is for TLS alone, and no other host of the site can plant it", async () => {
    const secure = { "x-forwarded-proto": "https", ...from("192.0.2.7") };
    const answer = await signIn(FIRST_KEY, secure);
    assert.match(
      String(answer.headers["set-cookie"]),
      /^__Host-waypost_session=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
    );
    const cookie = cookieOf(answer);
    assert.equal((await api.call("GET", DOMAINS, withCookie(cookie, secure))).status, 200);
    const planted = cookie.replace("__Host-", "");
    assert.equal((await api.call("GET", DOMAINS, withCookie(planted, secure))).status, 401);
  });

  test("a wrong key opens nothing, and the browser is asked for no password", async () => {
    for (const key of ["unknown", "", `${FIRST_KEY} `.repeat(3)]) {
      const answer = await signIn(key, from("192.0.2.1"));
      assert.equal(answer.status, 401, key);
      assert.equal(answer.headers["set-cookie"], undefined);
      assert.equal(answer.headers["www-authenticate"], undefined);
    }
  });

  test("a browser that comes without a session is never asked for the key by a dialog that remembers it", async () => {
    for (const headers of [
      { "sec-fetch-mode": "cors" },
      { accept: "text/html,application/xhtml+xml,*/*;q=0.8" },
      { accept: "text/event-stream" },
    ]) {
      const answer = await api.call("GET", DOMAINS, { key: null, headers });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers["www-authenticate"], undefined, JSON.stringify(headers));
    }
    const program = await api.call("GET", DOMAINS, { key: null });
    assert.match(String(program.headers["www-authenticate"]), /^Basic /);
  });

  test("guesses at the sign-in are slowed down like any others", async () => {
    const statuses: number[] = [];
    for (let tries = 0; tries < 22; tries += 1) {
      statuses.push((await signIn("guess", from("192.0.2.2"))).status);
    }
    assert.equal(statuses.at(-1), 429);
    const { json } = await api.call("GET", "/api/v1/audit?kinds=sign_in_failed&per_page=1000");
    const failures = json.results.filter(
      ({ ip_address }: { ip_address: string }) => ip_address === "192.0.2.2",
    );
    assert.equal(failures.length, 20);
    assert.equal("key_id" in failures[0], false);
    assert.deepEqual(failures[0].fields, {});
  });

  test("only the console's own pages sign in, change things, or read with the cookie", async () => {
    const elsewhere = await api.call("POST", SESSION, { key: null, body: { key: FIRST_KEY } });
    assert.equal(elsewhere.status, 403);
    const cookie = cookieOf(await signIn(FIRST_KEY));
    const create = (headers: Record<string, string>) =>
      api.call("POST", DOMAINS, { body: { domain: "csrf.acme.com" }, ...withCookie(cookie, headers) });
    assert.equal((await create({})).status, 401);
    assert.equal((await create({ ...CONSOLE, "sec-fetch-site": "same-site" })).status, 401);
    assert.equal((await create({ ...CONSOLE, "sec-fetch-site": "cross-site" })).status, 401);
    assert.equal((await create({ ...CONSOLE, "sec-fetch-site": "none" })).status, 401);
    const read = (site: string) => api.call("GET", DOMAINS, withCookie(cookie, { "sec-fetch-site": site }));
    assert.equal((await read("same-site")).status, 401);
    assert.equal((await read("none")).status, 200);
    assert.equal((await create({ ...CONSOLE, "sec-fetch-site": "same-origin" })).status, 200);
  });

  test("a session may do what its key may, for its subaccount and from its addresses", async () => {
    await api.call("POST", "/api/v1/subaccounts", { body: { name: "One" } });
    const { key } = await makeKey({
      grants: ["tracking_domains/view"],
      subaccount_id: 1,
      valid_ips: ["192.0.2.10"],
    });
    assert.equal((await signIn(key, from("192.0.2.11"))).status, 403);
    const answer = await signIn(key, from("192.0.2.10"));
    assert.equal(answer.json.results.subaccount_id, 1);
    assert.equal(answer.json.results.subaccount_name, "One");
    const cookie = cookieOf(answer);
    const get = (path: string, address: string, headers = {}) =>
      api.call("GET", path, withCookie(cookie, { ...from(address), ...headers }));
    const listed = await get(DOMAINS, "192.0.2.10", { "x-msys-subaccount": "0" });
    assert.deepEqual(listed.json.results, []);
    assert.equal((await get("/api/v1/keys", "192.0.2.10")).status, 403);
    assert.equal((await get(DOMAINS, "192.0.2.11")).status, 403);
  });

  test("signing out ends the session, and so does revoking its key", async () => {
    const cookie = cookieOf(await signIn(FIRST_KEY));
    const out = await api.call("DELETE", SESSION, withCookie(cookie, CONSOLE));
    assert.equal(out.status, 204);
    assert.match(String(out.headers["set-cookie"]), /^waypost_session=;.*Max-Age=0$/);
    assert.equal((await api.call("GET", DOMAINS, withCookie(cookie))).status, 401);
    assert.equal((await api.call("DELETE", SESSION)).status, 404);

    const { key, id } = await makeKey({ grants: ["tracking_domains/view"] });
    const other = cookieOf(await signIn(key));
    assert.equal((await api.call("GET", DOMAINS, withCookie(other))).status, 200);
    await api.call("DELETE", `/api/v1/keys/${id}`);
    assert.equal((await api.call("GET", DOMAINS, withCookie(other))).status, 401);
  });

  test("whoever is signed in for a subaccount signs out, though it has been suspended since", async () => {
    const made = await api.call("POST", "/api/v1/subaccounts", { body: { name: "Late payer" } });
    const subaccountId = made.json.results.subaccount_id;
    const { key } = await makeKey({ grants: ["tracking_domains/view"], subaccount_id: subaccountId });
    const cookie = cookieOf(await signIn(key));
    await api.call("PUT", `/api/v1/subaccounts/${subaccountId}`, { body: { status: "suspended" } });
    assert.equal((await api.call("GET", DOMAINS, withCookie(cookie))).status, 200);
    assert.equal((await api.call("DELETE", SESSION, withCookie(cookie, CONSOLE))).status, 204);
    assert.equal((await api.call("GET", DOMAINS, withCookie(cookie))).status, 401);
  });

  test("a sign-in page that asks again and again whether somebody is signed in keeps nobody out", async () => {
    const headers = from("192.0.2.44");
    for (let tries = 0; tries < 30; tries += 1) {
      const { status } = await api.call("GET", "/api/v1/session", { key: null, headers });
      assert.equal(status, 401);
    }
    assert.equal((await signIn(FIRST_KEY, headers)).status, 200);
  });

  test("the cookie of a session that has ended does not count as guessing", async () => {
    const cookie = `waypost_session=${"A".repeat(43)}`;
    const address = from("192.0.2.30");
    for (let tries = 0; tries < 30; tries += 1) {
      assert.equal((await api.call("GET", DOMAINS, withCookie(cookie, address))).status, 401);
    }
    assert.equal((await signIn(FIRST_KEY, address)).status, 200);
  });

  test("a key sent along wins over the cookie", async () => {
    const cookie = cookieOf(await signIn(FIRST_KEY));
    const { key } = await makeKey({ grants: ["messages/wrap"] });
    assert.equal((await api.call("GET", DOMAINS, { key, headers: { cookie } })).status, 403);
  });
});
