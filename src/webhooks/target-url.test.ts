import assert from "node:assert/strict";
import { test } from "node:test";

import { AppError } from "../domain/errors.ts";
import { mayReach } from "../verification/address-policy.ts";
import { parseTarget } from "./target-url.ts";

const policy = (allowPrivate: boolean) => ({
  allowPrivate,
  mayReach: (address: string) => mayReach(address, address, allowPrivate),
});

function refusal(text: string, allowPrivate = false): string | undefined {
  try {
    parseTarget(text, "target", policy(allowPrivate));
    return undefined;
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === "invalid_format");
    return error.message;
  }
}

test("a target is an http or https URL, and is kept without what nobody sends", () => {
  const parse = (text: string) => parseTarget(text, "target", policy(false));
  assert.equal(parse("HTTP://Client.Example.com/hook?x=1#part"), "http://client.example.com/hook?x=1");
  assert.equal(parse("https://client.example.com:443"), "https://client.example.com/");
  assert.equal(parse("https://8.8.8.8/x"), "https://8.8.8.8/x");
});

for (const [text, words] of [
  ["ftp://client.example.com/", /http or https URL/],
  ["client.example.com/hook", /http or https URL/],
  ["http://client.example.com/a\nb", /http or https URL/],
  [" http://client.example.com/", /http or https URL/],
  ["javascript:alert(1)", /http or https URL/],
  ["", /http or https URL/],
  ["http://user:secret@client.example.com/", /must not hold credentials/],
  [`http://client.example.com/${"x".repeat(2048)}`, /at most 2048 characters/],
  ["http://client.example.com:8080/", /standard port/],
  ["https://client.example.com:80/", /standard port/],
  ["http://client.example.com:443/", /standard port/],
  ["http://127.0.0.1/", /private network/],
  ["http://0x7f.1/", /private network/],
  ["http://2130706433/", /private network/],
  ["http://[::ffff:10.0.0.1]/", /private network/],
  ["http://169.254.169.254/latest/meta-data", /private network/],
  ["http://localhost/", /private network/],
  ["http://Hooks.LocalHost/", /private network/],
] as const) {
  test(`${JSON.stringify(text.slice(0, 60))} is refused as a target`, () => {
    const message = refusal(text) ?? "";
    assert.match(message, words);
    assert.match(message, /^field 'target' /);
    assert.ok(!message.includes("secret"));
  });
}

test("where private addresses are allowed, so are any port and names under localhost", () => {
  for (const text of ["http://127.0.0.1:9999/", "https://localhost:8443/x", "http://[::1]:81/"])
    assert.equal(refusal(text, true), undefined);
  assert.match(refusal("http://user@localhost/", true) ?? "", /credentials/);
});
