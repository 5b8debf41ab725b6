/**
 * `node bench/classification.ts [events]`: how often classification is right, on the labelled set of test/classification,
 * by class and by scenario; then how fast it is, over that many events (default 300,000) that are mostly single clicks
 * and opens of different messages from different addresses.
 */
import { newMessageId } from "../src/domain/message-id.ts";
import { createContext } from "../src/events/classification.ts";
import { createClassifier } from "../src/events/classifier.ts";
import { bareRecord, type RecordedEvent } from "../src/events/recorded-event.ts";
import {
  type ClassQuality,
  judgeLabelledSet,
  qualityByClass,
  qualityByScenario,
  type ScenarioQuality,
} from "../test/classification/measure.ts";
import { AUTOMATED, BROWSERS, MAIL_READERS } from "../test/classification/user-agents.ts";

const BATCH = 2000;
const count = Number(process.argv[2] ?? 300_000);

const judged = judgeLabelledSet(BATCH);
console.log(`${judged.length} events of the labelled set`);
console.table(qualityByClass(judged).map(classRow));
console.table(qualityByScenario(judged).map(scenarioRow));
measureSpeed();

function classRow({ label, events, precision, recall }: ClassQuality) {
  return { class: label, events, precision: percent(precision), recall: percent(recall) };
}

function scenarioRow({ scenario, events, right }: ScenarioQuality) {
  return { scenario, events, right: percent(right / events) };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

function measureSpeed(): void {
  const events = Array.from({ length: count }, (_, n) => ordinaryEvent(n));
  const context = createContext({ networks: [], userAgents: [] });
  const classifier = createClassifier({ context: () => context });
  const startedMs = performance.now();
  for (let at = 0; at < events.length; at += BATCH) classifier.classify(events.slice(at, at + BATCH));
  const tookMs = performance.now() - startedMs;
  console.log(
    `${((tookMs * 1000) / count).toFixed(2)} µs an event, ${Math.round((count * 1000) / tookMs)} events a second`,
  );
}

function ordinaryEvent(n: number): RecordedEvent {
  const agents = [...BROWSERS, ...MAIL_READERS, ...AUTOMATED];
  const isClick = n % 3 === 0;
  const timestampMs = Date.UTC(2026, 10, 22) + n;
  return bareRecord({
    eventId: BigInt(n + 1),
    type: isClick ? "click" : "open",
    timestampMs,
    subaccountId: n % 20,
    messageId: newMessageId(),
    rcptTo: `recipient.${(n * 7919) % 1_000_003}@mail${n % 97}.example.com`,
    sentAtSeconds: Math.floor(timestampMs / 1000) - (n % 90_000),
    trackingDomain: `click.customer${n % 50}.example`,
    ...(isClick
      ? { targetLinkUrl: `https://www.shop.example/products/${n % 1000}?utm_source=newsletter` }
      : {}),
    ipAddress: `198.${n % 7}.${(n >> 8) % 256}.${n % 256}`,
    userAgent: agents[n % agents.length] ?? "",
  });
}
