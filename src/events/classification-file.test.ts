import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { clicksAt, eventOf } from "../../test/classification/events.ts";
import { AUTOMATED, BROWSERS } from "../../test/classification/user-agents.ts";
import { AppError } from "../domain/errors.ts";
import { createContext } from "./classification.ts";
import { parseClassificationFile } from "./classification-file.ts";
import { createClassifier } from "./classifier.ts";

const FILE = {
  networks: [
    { reason: "our_office", marks: [], networks: ["209.222.82.7"] },
    { reason: "uptime_probe", marks: ["bot"], networks: ["192.0.2.0/24", "2001:db8::/32"] },
    { reason: "private_relay", marks: ["prefetched", "proxy"], on: "opens", networks: ["172.224.224.0/20"] },
  ],
  user_agents: [
    { reason: "our_app", marks: [], contains: ["AcmeShop bot-free"] },
    { reason: "our_monitor", marks: ["bot"], contains: ["acmemonitor/"] },
  ],
};

function classify(over: Parameters<typeof eventOf>[0]) {
  const context = createContext(parseClassificationFile(JSON.stringify(FILE)));
  const { events } = createClassifier({ context: () => context }).classify([eventOf(over)]);
  return events[0]?.classification.reasons;
}

test("networks and user agents of the operator's own are marked with the operator's reasons", () => {
  assert.deepEqual(classify({ ipAddress: "192.0.2.77" }), ["uptime_probe"]);
  assert.deepEqual(classify({ ipAddress: "2001:db8::77" }), ["uptime_probe"]);
  assert.deepEqual(classify({ userAgent: "Mozilla/5.0 AcmeMonitor/2" }), ["our_monitor"]);
});

test("a row can be about opens alone", () => {
  assert.deepEqual(classify({ ipAddress: "172.224.230.1", type: "open" }), ["private_relay"]);
  assert.deepEqual(classify({ ipAddress: "172.224.230.1" }), []);
});

test("the operator's rows are asked first: one without marks says that it is a person", () => {
  assert.deepEqual(classify({ ipAddress: "209.222.82.8" }), ["barracuda_network"]);
  assert.deepEqual(classify({ ipAddress: "209.222.82.7" }), []);
  assert.deepEqual(classify({ userAgent: "AcmeShop bot" }), ["automated_client"]);
  assert.deepEqual(classify({ userAgent: "AcmeShop bot-free" }), []);
});

test("what clicks show together is not the operator's to deny", () => {
  const context = createContext({
    networks: [{ reason: "everybody", marks: [], networks: ["0.0.0.0/0"] }],
    userAgents: [{ reason: "browsers", marks: [], contains: ["mozilla"] }],
  });
  const { events } = createClassifier({ context: () => context }).classify(clicksAt(1, 2, 3, 4, 5));
  assert.ok(events.every(({ classification }) => classification.isBot));
  assert.equal(events[0]?.userAgent, BROWSERS[0]);
  assert.ok(AUTOMATED.length > 0);
});

test("an empty object is a file without rows", () => {
  assert.deepEqual(parseClassificationFile("{}"), { networks: [], userAgents: [] });
});

const row = (over: object) => ({ networks: [{ reason: "x", marks: [], networks: [], ...over }] });
const agentRow = (over: object) => ({ user_agents: [{ reason: "x", marks: [], contains: [], ...over }] });
const WRONG: readonly (readonly [file: unknown, message: RegExp])[] = [
  ["{", /^the file must be JSON/],
  [[], /^the file must be an object$/],
  [{ network: [] }, /^the file must have networks, user_agents only, but has 'network'$/],
  [{ networks: {} }, /^networks must be a list$/],
  [{ networks: [7] }, /^networks\[0\] must be an object$/],
  [row({ cidrs: [] }), /^networks\[0\] must have reason, marks, on, networks only, but has 'cidrs'$/],
  [
    row({ networks: ["192.0.2.0/24", "192.0.2.0/33"] }),
    /^networks\[0\]\.networks\[1\] must be an IP address or a CIDR$/,
  ],
  [row({ networks: [7] }), /^networks\[0\]\.networks\[0\] must be a text$/],
  [row({ reason: "a,b" }), /^networks\[0\]\.reason must be 1 to 40 of/],
  [row({ reason: "click_burst" }), /^networks\[0\]\.reason must be a name of your own/],
  [row({ marks: ["human"] }), /^networks\[0\]\.marks\[0\] must be one of prefetched, proxy, bot$/],
  [row({ marks: undefined }), /^networks\[0\]\.marks must be a list of texts$/],
  [row({ on: "views" }), /^networks\[0\]\.on must be 'opens' or 'clicks'/],
  [agentRow({ contains: ["ab"] }), /^user_agents\[0\]\.contains\[0\] must have 3 to 200 characters$/],
  [
    agentRow({ contains: Array.from({ length: 201 }, (_, n) => `agent ${n}`) }),
    /^the file must have at most 200 user agents/,
  ],
];

for (const [file, message] of WRONG) {
  test(`a file that is wrong says where: ${message.source}`, () => {
    const content = typeof file === "string" ? file : JSON.stringify(file);
    assert.throws(() => parseClassificationFile(content), { name: "AppError", message });
  });
}

test("whatever JSON is in the file, it is rows or an error that says so", () => {
  const value = fc.oneof(fc.jsonValue(), fc.constant("192.0.2.1"), fc.constant("bot"));
  const part = fc.array(
    fc.dictionary(fc.constantFrom("reason", "marks", "on", "networks", "contains"), value),
  );
  const file = fc.oneof(
    fc.jsonValue(),
    fc.record({ networks: part, user_agents: part }, { requiredKeys: [] }),
  );
  fc.assert(
    fc.property(file, (content) => {
      try {
        createContext(parseClassificationFile(JSON.stringify(content) ?? ""));
      } catch (error) {
        assert.ok(error instanceof AppError);
      }
    }),
  );
});
