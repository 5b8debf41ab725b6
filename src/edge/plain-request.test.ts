import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";

import fc from "fast-check";

import { type PlainRequest, readPlainRequest } from "./plain-request.ts";

const MAX_HEADERS = 100;
const HOST = "Host: click.acme.com\r\n";

const read = (request: string): PlainRequest | undefined =>
  readPlainRequest(Buffer.from(request, "latin1"), MAX_HEADERS);

test("what a browser sends is read, with its names in lower case and its values without the space around them", () => {
  const request = read(
    "GET /e/AbC-_~x?y=%41&z=1 HTTP/1.1\r\nhOsT: click.acme.com \t\r\nUser-Agent:\t Mozilla/5.0 (X11; \xe9)\r\n" +
      "Accept: */*\r\nCookie: a=b\r\nX-Forwarded-For:192.0.2.1, 192.0.2.2\r\nConnection: Keep-Alive\r\n\r\n",
  );
  assert.equal(request?.method, "GET");
  assert.equal(request?.target, "/e/AbC-_~x?y=%41&z=1");
  assert.equal(request?.isLast, false);
  assert.equal(request?.headers.host, "click.acme.com");
  assert.equal(request?.headers["user-agent"], "Mozilla/5.0 (X11; \xe9)");
  assert.equal(request?.headers["x-forwarded-for"], "192.0.2.1, 192.0.2.2");
  assert.equal(request?.headers.purpose, undefined);
});

test("a client that wants the connection to end says so in any case", () => {
  assert.equal(read(`HEAD / HTTP/1.1\r\n${HOST}connection: Close\r\n\r\n`)?.isLast, true);
  assert.equal(read(`HEAD / HTTP/1.1\r\n${HOST}\r\n`)?.isLast, false);
});

for (const [what, request] of [
  ["half of a request", `GET / HTTP/1.1\r\n${HOST}`],
  ["more than one request", `GET / HTTP/1.1\r\n${HOST}\r\nGET / HTTP/1.1\r\n${HOST}\r\n`],
  ["anything behind a request", `GET / HTTP/1.1\r\n${HOST}\r\n\n`],
  ["an empty line before a request", `\r\nGET / HTTP/1.1\r\n${HOST}\r\n`],
  ["another method", `POST / HTTP/1.1\r\n${HOST}\r\n`],
  ["a method in lower case", `get / HTTP/1.1\r\n${HOST}\r\n`],
  ["another version", `GET / HTTP/1.0\r\n${HOST}\r\n`],
  ["an absolute target", `GET http://a/ HTTP/1.1\r\n${HOST}\r\n`],
  ["a target with a quote", `GET /" HTTP/1.1\r\n${HOST}\r\n`],
  ["a target with a fragment", `GET /#a HTTP/1.1\r\n${HOST}\r\n`],
  ["a target with a space", `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
  ["two spaces before the version", `GET /  HTTP/1.1\r\n${HOST}\r\n`],
  ["no host", "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n"],
  ["no header at all", "GET / HTTP/1.1\r\n\r\n"],
  ["two hosts", `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`],
  ["two of what is read", `GET / HTTP/1.1\r\n${HOST}Forwarded: for=a\r\nforwarded: for=b\r\n\r\n`],
  ["a line that is folded", `GET / HTTP/1.1\r\n${HOST} more\r\n\r\n`],
  ["a line that ends with LF alone", `GET / HTTP/1.1\n${HOST}\r\n`],
  ["a CR within a value", `GET / HTTP/1.1\r\n${HOST}A: b\rc\r\n\r\n`],
  ["a NUL within a value", `GET / HTTP/1.1\r\n${HOST}A: b\0c\r\n\r\n`],
  ["a space before a colon", `GET / HTTP/1.1\r\n${HOST}A : b\r\n\r\n`],
  ["a name without letters", `GET / HTTP/1.1\r\n${HOST}: b\r\n\r\n`],
  ["a body", `GET / HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\nx`],
  ["the length of a body that is empty", `GET / HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`],
  ["chunks", `GET / HTTP/1.1\r\n${HOST}tRansfer-Encoding: chunked\r\n\r\n`],
  ["an expectation", `GET / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\n\r\n`],
  ["another protocol", `GET / HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`],
  ["more about the connection", `GET / HTTP/1.1\r\n${HOST}Connection: keep-alive, x\r\n\r\n`],
  ["nothing", ""],
] as const) {
  test(`${what} is left to Node`, () => {
    assert.equal(read(request), undefined);
  });
}

test("so many headers are read, one more is left to Node", () => {
  const others = (count: number): string =>
    Array.from({ length: count }, (_, n) => `X-${n}: ${n}\r\n`).join("");
  assert.ok(read(`GET / HTTP/1.1\r\n${HOST}${others(MAX_HEADERS - 1)}\r\n`));
  assert.equal(read(`GET / HTTP/1.1\r\n${HOST}${others(MAX_HEADERS)}\r\n`), undefined);
});

interface NodeRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly isLast: boolean;
}

const odd = (usual: string, ...others: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof({ weight: 60, arbitrary: fc.constant(usual) }, ...others.map((other) => fc.constant(other)));
const names = [
  ...[
    "Host",
    "connection",
    "User-Agent",
    "Accept-Language",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "Forwarded",
  ],
  ...[
    "Sec-Purpose",
    "purpose",
    "X-Purpose",
    "X-Moz",
    "Accept",
    "cookie",
    "TE",
    "Keep-Alive",
    "x!#$%&'*+.^_`|~-",
  ],
  ...["Content-Length", "Transfer-Encoding", "Upgrade", "Expect", "Proxy-Connection", "a b", "", "\xe4"],
];
const values = fc.oneof(
  fc.constantFrom(
    "a",
    "",
    "close",
    "Keep-Alive",
    "chunked",
    "0",
    "1",
    "upgrade",
    "a,b",
    "\xa0a\xa0",
    "\x00",
    "\x7f",
  ),
  fc.string({ maxLength: 8 }),
  fc.string({ unit: fc.nat({ max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 4 }),
);
const lineEnd = odd("\r\n", "\n", "\r", "\r\r\n", "\r\n ");
const header = fc
  .tuple(fc.constantFrom(...names), odd(": ", ":", " : ", ":\t", ":  "), values, odd("", " ", "\t"), lineEnd)
  .map((parts) => parts.join(""));
const nearlyPlain = fc
  .tuple(
    odd("GET ", "HEAD ", "POST ", "get ", "GET  ", " GET "),
    odd("/", "*", "", "http://a/", "/\xe4", "/a b"),
    fc.stringMatching(/^[!-~]{0,5}$/),
    odd(" HTTP/1.1", " HTTP/1.0", " HTTP/1.2", "  HTTP/1.1", " http/1.1", ""),
    lineEnd,
    odd(HOST, "", "Host:\r\n"),
    fc.array(header, { maxLength: 4 }).map((headers) => headers.join("")),
    odd("\r\n", "\n", "", "\r\nx", "\r\n\r\n"),
  )
  .map((parts) => Buffer.from(parts.join(""), "latin1"));

test("what is read here is read alike by Node, whatever the bytes", async (t) => {
  const seen: NodeRequest[] = [];
  const server = createServer((request, response) => {
    const { method = "", url: target = "", headers } = request;
    seen.push({ method, target, headers, isLast: !response.shouldKeepAlive });
    response.end();
  });
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  let plain = 0;
  await fc.assert(
    fc.asyncProperty(nearlyPlain, async (bytes) => {
      const here = readPlainRequest(bytes, MAX_HEADERS);
      if (here === undefined) return;
      plain += 1;
      seen.length = 0;
      const socket = connect(port, "127.0.0.1");
      socket.end(bytes);
      const reply = await text(socket);
      assert.match(reply, /^HTTP\/1\.1 200 /);
      const [there, ...more] = seen;
      assert.deepEqual(more, []);
      assert.deepEqual(
        { method: there?.method, target: there?.target, isLast: there?.isLast },
        { method: here.method, target: here.target, isLast: here.isLast },
      );
      for (const [name, value] of Object.entries(here.headers))
        assert.equal(there?.headers[name], value, name);
    }),
    { numRuns: 10_000 },
  );
  assert.ok(plain > 500, `${plain} of them were plain`);
});
