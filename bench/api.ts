/**
 * `node bench/api.ts URL KEY [REQUESTS_PER_SECOND] [SECONDS]`: mixed reads and writes against a running server at a fixed
 * rate (an open loop: a slow answer does not slow the questions), and what the answers took.
 */
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const [base = "http://127.0.0.1:8080", key = "", rateText = "500", secondsText = "30"] =
  process.argv.slice(2);
const rate = Number(rateText);
const seconds = Number(secondsText);
const agent = new Agent({ keepAlive: true, maxSockets: 128 });
const domainOf = (number: number) => `bench${number}.acme.com`;

interface Step {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
}

/** Of ten requests six read and four write; a domain is created, then read and changed, and at last deleted. */
function stepOf(number: number): Step {
  const turn = number % 10;
  const round = Math.floor(number / 10);
  const domain = domainOf(round);
  const one = `/api/v1/tracking-domains/${domainOf(round - 5)}`;
  switch (turn) {
    case 0:
      return { method: "POST", path: "/api/v1/tracking-domains", body: { domain } };
    case 3:
    case 5:
      return { method: "PUT", path: one, body: { secure: turn === 3 } };
    case 9:
      return { method: "DELETE", path: `/api/v1/tracking-domains/${domainOf(round - 20)}` };
    case 7:
      return { method: "GET", path: "/api/v1/tracking-domains" };
    case 8:
      return { method: "GET", path: "/api/v1/events/message" };
    default:
      return { method: "GET", path: one };
  }
}

function send({ method, path, body }: Step): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: key,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    };
    const outgoing = request(`${base}${path}`, { method, headers, agent }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    outgoing.on("error", reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const answers: { readonly second: number; readonly latencyMs: number }[] = [];
const statuses = new Map<string, number>();
const underWay: Promise<void>[] = [];
const startedMs = performance.now();
for (let number = 0; number < rate * seconds; number += 1) {
  const dueMs = startedMs + (number * 1000) / rate;
  if (dueMs > performance.now()) await sleep(dueMs - performance.now());
  const sent = send(stepOf(number)).then(
    (status) => count(`${Math.floor(status / 100)}xx`, dueMs),
    (error: NodeJS.ErrnoException) => count(error.code ?? "error", dueMs),
  );
  underWay.push(sent);
}
await Promise.all(underWay);
agent.destroy();

function count(outcome: string, dueMs: number): void {
  answers.push({
    second: Math.floor((dueMs - startedMs) / 1000),
    latencyMs: performance.now() - dueMs,
  });
  statuses.set(outcome, (statuses.get(outcome) ?? 0) + 1);
}

function quantile(q: number, of = answers): string {
  const sorted = of.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
  return (sorted[Math.floor(q * (sorted.length - 1))] ?? 0).toFixed(1);
}
console.log(`${answers.length} requests in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
console.log([...statuses].map(([outcome, number]) => `${outcome}: ${number}`).join(", "));
console.log(`p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms, highest ${quantile(1)} ms`);
// A process that has just started is slow for a moment: it shows here.
const bySecond = [...Map.groupBy(answers, ({ second }) => second)].sort(([one], [other]) => one - other);
console.log(`p99 by second: ${bySecond.map(([, ofSecond]) => quantile(0.99, ofSecond)).join(" ")}`);
