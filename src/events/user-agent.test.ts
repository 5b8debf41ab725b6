import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import * as agents from "../../test/classification/user-agents.ts";
import { parseUserAgent } from "./user-agent.ts";

type Row = readonly [
  userAgent: string,
  agent: string,
  brand: string,
  device: string,
  os: string,
  version: string,
  isMobile: boolean,
];

const KNOWN: readonly Row[] = [
  [agents.BROWSERS[0], "Chrome", "Other", "Other", "Windows", "10", false],
  [agents.BROWSERS[1], "Edge", "Other", "Other", "Windows", "10", false],
  [agents.BROWSERS[2], "Firefox", "Apple", "Mac", "Mac OS X", "10.15", false],
  [agents.BROWSERS[3], "Safari", "Apple", "Mac", "Mac OS X", "10.15.7", false],
  [agents.BROWSERS[4], "Mobile Safari", "Apple", "iPhone", "iOS", "18.6", true],
  [agents.BROWSERS[5], "Mobile Safari", "Apple", "iPad", "iOS", "17.6", true],
  [agents.BROWSERS[6], "Chrome Mobile", "Generic", "Generic Smartphone", "Android", "10", true],
  [agents.BROWSERS[7], "Samsung Internet", "Generic", "Generic Smartphone", "Android", "14", true],
  [agents.MAIL_READERS[0], "Thunderbird", "Other", "Other", "Linux", "", false],
  [agents.MAIL_READERS[1], "Outlook", "Other", "Other", "Windows", "10", false],
  [agents.MAIL_READERS[2], "Outlook", "Other", "Other", "Other", "", false],
  [agents.MAIL_READERS[4], "Outlook iOS", "Apple", "iPhone", "iOS", "", true],
  [agents.MAIL_READERS[9], "Apple Mail", "Apple", "Mac", "Mac OS X", "10.15.7", false],
  [agents.MAIL_READERS[10], "Apple Mail", "Apple", "iPhone", "iOS", "17.5.1", true],
  [agents.APPS[0], "okhttp", "Other", "Other", "Other", "", false],
  [agents.APPS[1], "AcmeShop", "Other", "Other", "Other", "", false],
  ["", "Other", "Other", "Other", "Other", "", false],
];

for (const [userAgent, agent, brand, device, os, version, isMobile] of KNOWN) {
  test(`${userAgent === "" ? "no user agent" : userAgent} is ${agent} on ${os}`, () => {
    assert.deepEqual(parseUserAgent(userAgent), {
      agent_family: agent,
      device_brand: brand,
      device_family: device,
      os_family: os,
      os_version: version,
      is_mobile: isMobile,
      is_proxy: false,
      is_prefetched: false,
    });
  });
}

const HIDING: readonly (readonly [
  userAgent: string,
  agent: string,
  isProxy: boolean,
  isPrefetched: boolean,
])[] = [
  [agents.APPLE_MAIL_PRIVACY, "Apple Mail", true, true],
  [agents.GMAIL_PREFETCH, "Gmail Image Proxy", true, true],
  [agents.GMAIL_PROXY, "Gmail Image Proxy", true, false],
  [agents.YAHOO_PROXY, "Yahoo Mail Proxy", true, false],
  [agents.HEY_PROXY, "Mail Image Proxy", true, false],
];

for (const [userAgent, agent, isProxy, isPrefetched] of HIDING) {
  test(`${userAgent} is ${agent}, and nothing is made up about the recipient's system`, () => {
    assert.deepEqual(parseUserAgent(userAgent), {
      agent_family: agent,
      device_brand: "Other",
      device_family: "Other",
      os_family: "Other",
      os_version: "",
      is_mobile: false,
      is_proxy: isProxy,
      is_prefetched: isPrefetched,
    });
  });
}

test("anything that may stand in the header gives all fields, of the right types", () => {
  const types = Object.entries(parseUserAgent("")).map(([key, value]) => [key, typeof value]);
  const pieces = fc.constantFrom(
    "Mozilla/5.0 (",
    ")",
    ";",
    "AppleWebKit/",
    "Version/",
    "\0",
    "Android",
    "/",
    "é",
    "9".repeat(40),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.array(pieces, { maxLength: 60 }).map((list) => list.join("")),
      ),
      (userAgent) => {
        const parsed = parseUserAgent(userAgent);
        assert.deepEqual(
          Object.entries(parsed).map(([key, value]) => [key, typeof value]),
          types,
        );
      },
    ),
  );
});
