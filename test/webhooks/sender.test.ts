import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { AccessTokens } from "../../src/webhooks/access-tokens.ts";
import { createEgress } from "../../src/webhooks/egress.ts";
import { createSender } from "../../src/webhooks/sender.ts";
import { newSigningSecret } from "../../src/webhooks/signature.ts";
import { receiver } from "./delivery-setup.ts";
import { type TokenServer, tokenServer } from "./token-server.ts";

const BATCH = Buffer.from('[{"msys":{}}]');

async function setUp(t: TestContext) {
  const clock = { nowMs: 0 };
  const egress = createEgress({ mayReach: () => true, dnsServers: undefined, timeoutMs: 5000 });
  t.after(() => egress.close());
  const tokens = await tokenServer(t);
  /** Takes these tokens alone. */
  const valid = new Set<string>();
  const target = await receiver(t, {
    behave: (response, { headers }) =>
      response.writeHead(valid.has(headers.authorization ?? "") ? 200 : 401).end(),
  });
  const sender = createSender({
    egress,
    tokens: new AccessTokens({ egress, clock: () => clock.nowMs }),
    now: Date.now,
  });
  const send = (version = 1, body: () => Promise<Buffer> = async () => BATCH) =>
    sender.send(
      {
        id: "webhook",
        version,
        target: target.url,
        secrets: {
          auth: { type: "oauth2", url: tokens.url, body: { client_id: "a b", client_secret: "ü&=" } },
          customHeaders: {},
          signing: { current: newSigningSecret() },
        },
      },
      { batchId: "batch", body },
    );
  const status = async (version?: number, body?: () => Promise<Buffer>) => {
    const { from, posted } = await send(version, body);
    return `${from} ${posted.kind === "answered" ? posted.reply.status : posted.reason}`;
  };
  return { clock, tokens, valid, target, status };
}

test("a token is fetched once and used until shortly before it ends", async (t) => {
  const { clock, tokens, valid, status } = await setUp(t);
  for (const n of [1, 2, 3]) valid.add(`Bearer token-${n}`);
  assert.equal(await status(), "target 200");
  assert.equal(await status(), "target 200");
  assert.equal(tokens.asked.length, 1);
  assert.deepEqual(tokens.asked[0], {
    type: "application/x-www-form-urlencoded",
    body: "client_id=a+b&client_secret=%C3%BC%26%3D",
  });
  clock.nowMs = 3_540_000;
  assert.equal(await status(), "target 200");
  assert.equal(tokens.asked.length, 2);
  assert.equal(await status(2), "target 200");
  assert.equal(tokens.asked.length, 3, "changed credentials are another token");
});

test("a token that the receiver no longer takes is fetched anew, and the batch sent with that at once", async (t) => {
  const { tokens, valid, target, status } = await setUp(t);
  valid.add("Bearer token-1");
  assert.equal(await status(), "target 200");
  valid.clear();
  valid.add("Bearer token-2");
  assert.equal(await status(), "target 200");
  assert.equal(tokens.asked.length, 2);
  assert.deepEqual(
    target.batches.map(({ headers }) => headers.authorization),
    ["Bearer token-1", "Bearer token-1", "Bearer token-2"],
  );
});

test("a body is made right before each request, after a token was waited for", async (t) => {
  const { tokens, valid, target, status } = await setUp(t);
  const tokensByThen: number[] = [];
  const body = async () => {
    tokensByThen.push(tokens.asked.length);
    return Buffer.from(`[{"msys":{}}${" ".repeat(tokensByThen.length)}]`);
  };
  valid.add("Bearer token-1");
  assert.equal(await status(1, body), "target 200");
  valid.clear();
  valid.add("Bearer token-2");
  assert.equal(await status(1, body), "target 200");
  assert.deepEqual(tokensByThen, [1, 1, 2]);
  assert.deepEqual(
    target.batches.map((batch) => batch.body.length),
    [14, 15, 16],
  );
});

test("a fresh token that is refused is not asked for again and again", async (t) => {
  const { tokens, target, status } = await setUp(t);
  assert.equal(await status(), "target 401");
  assert.equal(await status(), "target 401");
  assert.deepEqual([tokens.asked.length, target.batches.length], [2, 3]);
});

test("a server that takes no form is asked with JSON", async (t) => {
  const { tokens, valid, status } = await setUp(t);
  tokens.status = (type) => (type === "application/json" ? 200 : 415);
  valid.add("Bearer token-2");
  assert.equal(await status(), "target 200");
  assert.deepEqual(tokens.asked[1], {
    type: "application/json",
    body: '{"client_id":"a b","client_secret":"ü&="}',
  });
});

for (const [name, change] of [
  ["an error", (tokens: TokenServer) => Object.assign(tokens, { status: () => 500 })],
  ["no token", (tokens: TokenServer) => Object.assign(tokens, { extra: { access_token: undefined } })],
  [
    "a token with a line break",
    (tokens: TokenServer) => Object.assign(tokens, { extra: { access_token: "a\r\nX-Evil: 1" } }),
  ],
] as const) {
  test(`when the server answers with ${name}, nothing is sent to the target`, async (t) => {
    const { tokens, target, status } = await setUp(t);
    change(tokens);
    assert.match(await status(), /^tokens (200|500)$/);
    assert.equal(target.batches.length, 0);
  });
}
