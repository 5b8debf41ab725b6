import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, suite, test } from "node:test";

import { startTestApi, type TestApi } from "./harness.ts";

const PATH = "/api/v1/tracking-domains";

/** Bytes in, bytes out: for requests that no client library sends. */
function exchange(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.setTimeout(60_000, () => socket.destroy(new Error("no answer")));
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(chunks).toString()));
  });
}

suite("refusals", () => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi("sqlite", { trustedProxies: "127.0.0.1" });
  });
  after(() => api[Symbol.asyncDispose]());

  test("a Content-Type that cannot be read is 415, and an empty one is JSON", async () => {
    for (const type of ["json", ";;;", "application/json, application/json", "text/html"]) {
      const { status, json } = await api.call("POST", PATH, { raw: "{}", headers: { "content-type": type } });
      assert.equal(status, 415, type);
      assert.equal(json.errors[0].code, "1700");
    }
    const empty = await api.call("POST", PATH, { raw: "{}", headers: { "content-type": "" } });
    assert.equal(empty.json.errors[0].description, "field 'domain' is required");
  });

  test("whatever the request line or headers are, the answer has the documented shape", async () => {
    const port = api.control.apiAddress?.port ?? 0;
    const key = "Authorization: 14ac5499cfdd2bb2859e4476d2e5b1d2bad079bf";
    for (const [request, status] of [
      [`GET ${PATH} HTTP/1.1\r\n${key}\r\nConnection: close\r\n\r\n`, 200],
      [`GET ${PATH} HTTP/1.0\r\n${key}\r\n\r\n`, 200],
      [`QUERY ${PATH} HTTP/1.1\r\nHost: x\r\n${key}\r\nConnection: close\r\n\r\n`, 405],
      [`PROPFIND ${PATH} HTTP/1.1\r\nHost: x\r\n${key}\r\nConnection: close\r\n\r\n`, 405],
      [
        `POST /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        405,
      ],
      [`GET ${PATH} HTTP/1.1\r\nHost: x\r\nExpect: much\r\nConnection: close\r\n\r\n`, 417],
      ["nonsense\r\n\r\n", 400],
      [`GET ${PATH} HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(20_000)}\r\n\r\n`, 431],
    ] as const) {
      const answer = await exchange(port, request);
      const [head = "", body = ""] = answer.split("\r\n\r\n");
      assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `), request.slice(0, 60));
      assert.match(head, /content-type: application\/json\r?$/im);
      if (status >= 400) assert.ok(JSON.parse(body).errors[0].message !== undefined);
    }
  });

  test("a parameter that is given more than once is refused, and says how values are separated", async () => {
    for (const [path, name] of [
      ["/api/v1/events/message", "events"],
      ["/api/v1/events/message.csv", "campaigns"],
      ["/api/v1/events/stream", "events"],
      ["/api/v1/events/message/samples", "events"],
      ["/api/v1/metrics/deliverability", "metrics"],
      ["/api/v1/webhooks", "timezone"],
      [PATH, "subaccounts"],
    ] as const) {
      const { status, json } = await api.call("GET", `${path}?${name}=open&${name}=click`);
      assert.equal(status, 400, path);
      const description = `${name} is given more than once: separate values by commas`;
      assert.deepEqual(json.errors, [{ code: "1200", message: "invalid params", description }]);
    }
    assert.equal((await api.call("GET", `${PATH}?unheard=of&unheard=of`)).status, 200);
  });

  test("guesses that arrive at once count like guesses one after another, and known keys go on working", async () => {
    const headers = { "x-forwarded-for": "192.0.2.77" };
    assert.equal((await api.call("GET", PATH, { headers })).status, 200);
    const guesses = await Promise.all(
      Array.from({ length: 100 }, (_, guess) =>
        api.call("GET", PATH, { key: `guess number ${guess}`, headers }),
      ),
    );
    assert.equal(guesses.filter(({ status }) => status === 401).length, 20);
    assert.equal(guesses.filter(({ status }) => status === 429).length, 80);
    assert.equal((await api.call("GET", PATH, { headers })).status, 200);
  });

  test("a subaccount whose key cannot be made is not made either", async () => {
    const before = (await api.call("GET", "/api/v1/subaccounts")).json.results.length;
    for (const body of [
      { key_grants: ["bogus"] },
      { key_grants: ["messages/wrap"], key_valid_ips: ["here"] },
    ]) {
      assert.equal(
        (await api.call("POST", "/api/v1/subaccounts", { body: { name: "C", ...body } })).status,
        400,
      );
    }
    assert.equal((await api.call("GET", "/api/v1/subaccounts")).json.results.length, before);
  });

  test("a wrap call without content, with unknown content or with too many links is refused", async () => {
    const recipients = [{ address: "a@example.com" }];
    const links = (count: number) => '<a href="https://example.com/">x</a>'.repeat(count);
    for (const [body, description] of [
      [{ content: {}, recipients }, "field 'content' must not be empty"],
      [{ content: { htm: "x" }, recipients }, "field 'content.htm' is not known here"],
      [{ content: { html: links(10_001) }, recipients }, "field 'content' has more than 10000 links"],
      [
        { content: { html: links(600) }, recipients: Array.from({ length: 1700 }, () => recipients[0]) },
        "field 'recipients' is too long for so many links: split the call",
      ],
    ] as const) {
      const { status, json } = await api.call("POST", "/api/v1/wrap", { body });
      assert.equal(status, 422);
      assert.equal(json.errors[0].description, description);
    }
  });
});
