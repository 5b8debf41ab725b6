import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { type MessageId, newMessageId } from "../domain/message-id.ts";
import { createKeyRing } from "../token/key-ring.ts";
import { privacyKeys } from "../token/pseudonym.ts";
import { sampleEvent } from "./message-event.ts";
import { keptEvent, type PrivateMode, truncateIp } from "./privacy.ts";
import type { RecordedEvent } from "./recorded-event.ts";

const keys = privacyKeys(createKeyRing());

/** An event in which all that can be personal has the recipient's own letters. */
function tellTale(local: string): RecordedEvent {
  const sample = sampleEvent("click");
  const address = `${local}@example.com`;
  return {
    ...sample,
    rcptTo: address,
    targetLinkUrl: `https://${local}:pw@shop.example/boots?to=${address}#${local}`,
    targetLinkName: "Boots",
    geoIp: { ...sample.geoIp, zip: local },
    facts: {
      ...sample.facts!,
      subject: `Hello ${local}`,
      msgFrom: `bounces+${local}=example.com@acme.com`,
      rcptMeta: { [local]: local },
      rcptTags: ["newsletter"],
    },
  };
}

const anyLocal = fc.stringMatching(/^[g-z]{12,20}$/);

test("in no private mode an event says who the recipient is, wherever the caller wrote it", () => {
  fc.assert(
    fc.property(
      anyLocal,
      fc.constantFrom<PrivateMode>("pseudonymous", "anonymous"),
      fc.boolean(),
      (local, mode, spelledLoud) => {
        const event = tellTale(spelledLoud ? local.toUpperCase() : local);
        const kept = keptEvent(event, mode, keys);
        const text = JSON.stringify(kept, (_, value) => (typeof value === "bigint" ? String(value) : value));
        assert.ok(!text.toLowerCase().includes(local), text);
        assert.deepEqual(keptEvent(kept, mode, keys), kept, "applying it again changes nothing");
        assert.deepEqual(
          keptEvent(keptEvent(event, "pseudonymous", keys), "anonymous", keys),
          keptEvent(event, "anonymous", keys),
          "the stricter mode is the same whatever was applied before",
        );
      },
    ),
  );
});

test("a pseudonymous event keeps what reports need: the link, the device, the campaign, the region", () => {
  const { rcptTo, ...kept } = keptEvent(tellTale("ann"), "pseudonymous", keys);
  const { facts, geoIp: _geoIp, ...event } = tellTale("ann");
  const { subject: _subject, msgFrom: _from, rcptMeta: _meta, ...keptOfFacts } = facts!;
  assert.match(rcptTo, /^pseudonym-[0-9a-f]{32}@example\.com$/);
  assert.deepEqual({ ...kept, rcptTo }, {
    ...event,
    rcptTo,
    targetLinkUrl: "https://shop.example/boots",
    ipAddress: "192.0.2.0",
    geoIp: { country: "NL", region: "NH", city: "Amsterdam" },
    facts: keptOfFacts,
  } satisfies RecordedEvent);
});

test("an anonymous event keeps the verdict and the country, not what they were found by", () => {
  const event: RecordedEvent = {
    ...tellTale("ann"),
    messageId: newMessageId() as MessageId,
    classification: { isPrefetched: false, isProxy: true, isBot: true, reasons: ["scanner_network"] },
  };
  const kept = keptEvent(event, "anonymous", keys);
  assert.equal(kept.rcptTo, "");
  assert.deepEqual(kept.classification, event.classification);
  assert.deepEqual(kept.geoIp, { country: "NL" });
  assert.match(kept.messageId, /^[0-9a-f]{20}$/);
  assert.notEqual(kept.messageId, event.messageId);
  assert.match(kept.facts!.transmissionId, /^[0-9]{18}$/);
  assert.notEqual(kept.facts!.transmissionId, event.facts!.transmissionId);
  assert.equal(kept.sentAtSeconds % 3600, 0);
  assert.ok(event.sentAtSeconds - kept.sentAtSeconds < 3600);
  for (const gone of ["ipAddress", "userAgent", "acceptLanguage"] as const) assert.ok(!(gone in kept), gone);
  assert.ok(event.facts?.msgSize !== undefined);
  for (const gone of ["rcptTags", "msgSize"] as const) assert.ok(!(gone in kept.facts!), gone);
  assert.ok(kept.facts?.campaignId === event.facts?.campaignId);
});

test("of an address the network stays: /24 of IPv4, /48 of IPv6, however it is written", () => {
  for (const [address, network] of [
    ["203.0.113.77", "203.0.113.0"],
    ["::ffff:203.0.113.77", "203.0.113.0"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1::"],
    ["2001:db8::1", "2001:db8::"],
    ["1::2:3:4:5:6:7", "1:0:2::"],
    ["::1", "::"],
    ["fe80::1%eth0", "fe80::"],
    ["nonsense", undefined],
    ["", undefined],
  ] as const) {
    assert.equal(truncateIp(address), network, address);
  }
  fc.assert(fc.property(fc.ipV4(), (ip) => truncateIp(ip) === ip.replace(/\d+$/, "0")));
  fc.assert(
    fc.property(fc.ipV6(), (ip) => {
      const network = truncateIp(ip);
      assert.ok(network !== undefined && truncateIp(network) === network);
    }),
  );
});
