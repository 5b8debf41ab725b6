/** Writes to the store until it is killed, and says so after each write. Its argument: a store location as JSON. */
import { parseHostname } from "../../src/domain/hostname.ts";
import type { MessageId } from "../../src/domain/message-id.ts";
import { UNCLASSIFIED } from "../../src/events/recorded-event.ts";
import { openStore, type StoreLocation } from "../../src/store/open-store.ts";

const store = await openStore(JSON.parse(process.argv[2] ?? "") as StoreLocation);
for (let n = 0; ; n++) {
  const domain = parseHostname(`d${n}.example.com`);
  await Promise.all([
    store.trackingDomains.create(
      { domain, subaccountId: 0, secure: false, complianceStatus: "valid" },
      Date.now(),
    ),
    store.events.append([
      {
        eventId: BigInt(n),
        type: "open",
        timestampMs: Date.now(),
        subaccountId: 0,
        messageId: "000443ee14578172be22" as MessageId,
        rcptTo: "a@example.com",
        sentAtSeconds: 0,
        trackingDomain: domain,
        classification: UNCLASSIFIED,
      },
    ]),
  ]);
  process.stdout.write(`${n}\n`);
}
