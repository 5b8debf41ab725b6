/** What can be asked of the metrics API. Events and messages are put into the store as ingest and wrapping put them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { MessageId } from "../../src/domain/message-id.ts";
import type { RecordedEvent } from "../../src/events/recorded-event.ts";
import { openStore, type Store } from "../../src/store/open-store.ts";
import { FACTS, recorded } from "../events/recorded.ts";
import { type Answer, onBothDatabases, startTestApi, type TestApi } from "./harness.ts";

const PATH = "/api/v1/metrics/deliverability";
const DAY_MS = 86_400_000;
const DEADLINE_MS = 60_000;
/** Noon in UTC, some days ago: events older than their retention would be dropped. */
const NOON_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS - 5 * DAY_MS + DAY_MS / 2;
const DATE = new Date(NOON_MS).toISOString().slice(0, 10);
const NEXT_DATE = new Date(NOON_MS + DAY_MS).toISOString().slice(0, 10);
const RANGE = `from=${DATE}T00:00&to=${NEXT_DATE}T00:00`;

const ANN = { messageId: "000000000000000000aa" as MessageId, rcptTo: "ann@Example.com" };
const BOB = { messageId: "000000000000000000bb" as MessageId, rcptTo: "bob@example.org" };
const CEM = { messageId: "000000000000000000cc" as MessageId, rcptTo: "cem@example.net" };
const SPRING = { ...FACTS, campaignId: "spring", sendingDomain: "acme.com", templateId: "t" };
const OPENS_ONLY = { ...FACTS, clickTracking: false };
const UNTRACKED = { ...OPENS_ONLY, openTracking: false };

const EVENTS: readonly Partial<RecordedEvent>[] = [
  { ...ANN, facts: SPRING, targetLinkUrl: "https://acme.com/", targetLinkName: "top" },
  { ...ANN, facts: SPRING, targetLinkUrl: "https://acme.com/?again", targetLinkName: "top" },
  { ...ANN, facts: SPRING, targetLinkUrl: "https://acme.com/" },
  { ...ANN, facts: SPRING, type: "open", classification: prefetched() },
  { ...BOB, facts: OPENS_ONLY, type: "open", trackingDomain: "go.acme.com" },
  { ...BOB, facts: OPENS_ONLY, type: "initial_open", trackingDomain: "go.acme.com" },
  { ...BOB, facts: OPENS_ONLY, type: "link_unsubscribe", trackingDomain: "go.acme.com" },
  { ...CEM, subaccountId: 1, targetLinkUrl: "https://cem.example/", classification: bot() },
  { ...CEM, subaccountId: 1, targetLinkUrl: "https://cem.example/", timestampMs: NOON_MS + DAY_MS },
];

function prefetched() {
  return { isPrefetched: true, isProxy: true, isBot: false, reasons: ["apple_proxy"] };
}

function bot() {
  return { isPrefetched: false, isProxy: false, isBot: true, reasons: ["burst"] };
}

onBothDatabases("the metrics API", (database) => {
  let api: TestApi;
  let store: Store;
  before(async () => {
    api = await startTestApi(database);
    store = await openStore(api.location);
    await api.call("POST", "/api/v1/subaccounts", { body: { name: "One" } });
    const call = { subaccountId: 0, sentAtSeconds: NOON_MS / 1000 - 60, trackingDomain: "click.example.com" };
    await store.messages.record([
      { ...call, facts: SPRING, messages: [ANN] },
      { ...call, facts: OPENS_ONLY, messages: [BOB] },
      { ...call, subaccountId: 1, facts: FACTS, messages: [CEM] },
      { ...call, facts: UNTRACKED, messages: [{ ...ANN, messageId: "dd".repeat(10) as MessageId }] },
    ]);
    await store.events.append(EVENTS.map((over, n) => recorded(n + 1, NOON_MS, over)));
    await followed();
  });
  after(async () => {
    await store.close();
    await api[Symbol.asyncDispose]();
  });

  const ask = (path: string, query: string, options = {}): Promise<Answer> =>
    api.call("GET", `${PATH}${path}?${query}`, options);
  const rows = async (path: string, query: string, options = {}): Promise<unknown> => {
    const { status, json } = await ask(path, query, options);
    assert.equal(status, 200, JSON.stringify(json));
    return json.results;
  };
  /** Until all that was stored is counted. */
  const followed = async (): Promise<void> => {
    const deadline = performance.now() + DEADLINE_MS;
    const everything = `from=${DATE}T00:00&metrics=count_clicked,count_targeted`;
    for (;;) {
      const { status, json } = await ask("", everything);
      const [{ count_clicked, count_targeted } = {} as Record<string, number>] = json.results ?? [];
      if (status === 200 && count_clicked === 5 && count_targeted === 3 && json.incomplete === undefined)
        return;
      assert.ok(performance.now() < deadline, JSON.stringify(json));
      await sleep(20);
    }
  };

  test("a range is counted in one row, with links to what it can be told apart by", async () => {
    const { json } = await ask(
      "",
      `${RANGE}&metrics=count_clicked,count_unique_clicked,count_raw_clicked,count_unique_confirmed_opened_approx`,
    );
    assert.deepEqual(json.results, [
      {
        count_clicked: 4,
        count_unique_clicked: 2,
        count_raw_clicked: 3,
        count_unique_confirmed_opened_approx: 3,
      },
    ]);
    assert.deepEqual(
      json.links.map(({ href }: { href: string }) => href),
      ["", "/time-series", ...GROUPS].map((path) => `${PATH}${path}`),
    );
  });

  const GROUPS = [
    "/campaign",
    "/domain",
    "/subaccount",
    "/sending-domain",
    "/tracking-domain",
    "/template",
    "/link-name",
  ];

  test("metrics are counted with and without what was prefetched, and what bots did", async () => {
    assert.deepEqual(
      await rows(
        "",
        `${RANGE}&metrics=count_rendered,count_nonprefetched_rendered,count_nonbot_clicked,count_human_unique_confirmed_opened`,
      ),
      [
        {
          count_rendered: 2,
          count_nonprefetched_rendered: 1,
          count_nonbot_clicked: 3,
          count_human_unique_confirmed_opened: 2,
        },
      ],
    );
  });

  test("only messages that were tracked are counted", async () => {
    const metrics = "count_targeted,count_injected,count_open_tracked,count_click_tracked";
    assert.deepEqual(await rows("", `${RANGE}&metrics=${metrics}`), [
      { count_targeted: 3, count_injected: 3, count_open_tracked: 3, count_click_tracked: 2 },
    ]);
  });

  test("what becomes of messages on their way is null, beside what is known", async () => {
    assert.deepEqual(await rows("", `${RANGE}&metrics=count_accepted,count_clicked`), [
      { count_accepted: null, count_clicked: 4 },
    ]);
    assert.deepEqual(await rows("/campaign", `${RANGE}&metrics=count_accepted,count_bounce`), []);
  });

  test("a time series has a row for each time, in the zone asked for, also when nothing happened", async () => {
    const twoDays = `from=${DATE}T00:00&to=${new Date(NOON_MS + 2 * DAY_MS).toISOString().slice(0, 10)}T00:00`;
    assert.deepEqual(await rows("/time-series", `${twoDays}&metrics=count_clicked`), [
      { ts: `${DATE}T00:00:00+00:00`, count_clicked: 4 },
      { ts: `${NEXT_DATE}T00:00:00+00:00`, count_clicked: 1 },
    ]);
    assert.deepEqual(
      await rows(
        "/time-series",
        `from=${DATE}T16:00&to=${DATE}T19:00&precision=hour&timezone=Asia/Kolkata&metrics=count_clicked`,
      ),
      [
        { ts: `${DATE}T16:00:00+05:30`, count_clicked: 0 },
        { ts: `${DATE}T17:00:00+05:30`, count_clicked: 4 },
        { ts: `${DATE}T18:00:00+05:30`, count_clicked: 0 },
      ],
    );
    const { json } = await ask("/time-series", `from=${DATE}T11:00&precision=1min&metrics=count_clicked`);
    assert.equal(json.results[60].count_clicked, 4);
    assert.ok(json.results.length > 4 * 1440);
  });

  test("without a range it is the last 24 hours, up to now", async () => {
    const results = (await rows("/time-series", "metrics=count_clicked&precision=hour")) as { ts: string }[];
    const last = Date.parse(results.at(-1)?.ts ?? "");
    assert.ok(last <= Date.now() && last > Date.now() - 3_660_000);
    assert.ok(results.length >= 24 && results.length <= 26);
  });

  test("every group has its field, most first", async () => {
    const by = (path: string, metric: string) => rows(path, `${RANGE}&metrics=${metric}`);
    assert.deepEqual(await by("/link-name", "count_clicked,count_raw_clicked"), [
      { link_name: "Raw URL", count_clicked: 2, count_raw_clicked: 2 },
      { link_name: "top", count_clicked: 2, count_raw_clicked: 1 },
    ]);
    assert.deepEqual(await by("/campaign", "count_clicked"), [
      { campaign_id: "spring", count_clicked: 3 },
      { campaign_id: "", count_clicked: 1 },
    ]);
    assert.deepEqual(await by("/domain", "count_clicked,count_targeted"), [
      { domain: "example.com", count_clicked: 3, count_targeted: 1 },
      { domain: "example.net", count_clicked: 1, count_targeted: 1 },
      { domain: "example.org", count_clicked: 0, count_targeted: 1 },
    ]);
    assert.deepEqual(await by("/subaccount", "count_clicked"), [
      { subaccount_id: 0, count_clicked: 3 },
      { subaccount_id: 1, count_clicked: 1 },
    ]);
    assert.deepEqual(await by("/sending-domain", "count_unique_clicked"), [
      { sending_domain: "", count_unique_clicked: 1 },
      { sending_domain: "acme.com", count_unique_clicked: 1 },
    ]);
    assert.deepEqual(await by("/tracking-domain", "count_unsubscribe"), [
      { tracking_domain: "go.acme.com", count_unsubscribe: 1 },
    ]);
    assert.deepEqual(await by("/template", "count_rendered"), [
      { template_id: "", count_rendered: 1 },
      { template_id: "t", count_rendered: 1 },
    ]);
  });

  test("groups have an order and a limit", async () => {
    const query = `${RANGE}&metrics=count_clicked,count_unsubscribe&order_by=count_unsubscribe`;
    assert.deepEqual(await rows("/domain", `${query}&limit=1`), [
      { domain: "example.org", count_clicked: 0, count_unsubscribe: 1 },
    ]);
  });

  test("filters narrow each other, whatever separates their entries", async () => {
    for (const [query, count] of [
      ["campaigns=spring", 3],
      ["campaigns=spring,summer", 3],
      ["campaigns=spring;summer&delimiter=;", 3],
      ["campaigns=Spring", 0],
      ["domains=EXAMPLE.net", 1],
      ["domains=example.net&campaigns=spring", 0],
      ["sending_domains=acme.com", 3],
      ["tracking_domains=click.example.com", 4],
      ["templates=t,u", 3],
      ["subaccounts=0", 3],
      ["subaccounts=0,1", 4],
      ["subaccounts=2", 0],
      ["unheard=of", 4],
    ] as const)
      assert.deepEqual(
        await rows("", `${RANGE}&metrics=count_clicked&${query}`),
        [{ count_clicked: count }],
        query,
      );
  });

  test("a subaccount sees its own events and nobody else's", async () => {
    const { json } = await api.call("POST", "/api/v1/keys", {
      body: { label: "reports", grants: ["metrics/view"], subaccount_id: 1 },
    });
    const asOne = { key: json.results.key };
    const query = `${RANGE}&metrics=count_clicked,count_targeted`;
    assert.deepEqual(await rows("", query, asOne), [{ count_clicked: 1, count_targeted: 1 }]);
    assert.deepEqual(await rows("", `${query}&subaccounts=0`, asOne), [
      { count_clicked: 0, count_targeted: 0 },
    ]);
    assert.deepEqual(await rows("/subaccount", query, asOne), [
      { subaccount_id: 1, count_clicked: 1, count_targeted: 1 },
    ]);
    const asPrimary = { headers: { "x-msys-subaccount": "0" } };
    assert.deepEqual(await rows("", query, asPrimary), [{ count_clicked: 3, count_targeted: 2 }]);
  });

  test("a key without the grant is refused", async () => {
    const { json } = await api.call("POST", "/api/v1/keys", {
      body: { label: "events only", grants: ["message_events/view"] },
    });
    const { status } = await ask("", "metrics=count_clicked", { key: json.results.key });
    assert.equal(status, 403);
  });

  test("what cannot be understood is refused, and says what", async () => {
    for (const [path, query, description] of [
      ["", "", "metrics is required: the metrics to count, such as count_clicked"],
      ["", "metrics=count_clacked", "metrics has the unknown value 'count_clacked'"],
      [
        "",
        "metrics=count_clicked_approx_approx",
        "metrics has the unknown value 'count_clicked_approx_approx'",
      ],
      ["/link-name", "metrics=count_rendered", "metrics has 'count_rendered', which is not about links"],
      ["/link-name", "metrics=count_targeted", "metrics has 'count_targeted', which is not about links"],
      ["", "metrics=count_clicked&from=yesterday", "from must be a time like 2026-11-22T21:00, from 1971 on"],
      [
        "",
        "metrics=count_clicked&to=1066-10-14T09:00",
        "to must be a time like 2026-11-22T21:00, from 1971 on",
      ],
      [
        "",
        "metrics=count_clicked&from=2026-02-30",
        "from must be a time like 2026-11-22T21:00, from 1971 on",
      ],
      ["", "metrics=count_clicked&from=2026-01-02T00:00&to=2026-01-02T00:00", "from must be before to"],
      [
        "",
        "metrics=count_clicked&timezone=Mars/Olympus",
        "timezone must be a name of the IANA time zone database",
      ],
      ["/time-series", "metrics=count_clicked&precision=2min", "precision has the unknown value '2min'"],
      ["/time-series", "metrics=count_clicked&precision=day,hour", "precision must be one value"],
      [
        "/time-series",
        "metrics=count_clicked&precision=1min&from=2026-01-01T00:00&to=2026-02-01T00:00",
        "precision makes more than 10000 rows of this range",
      ],
      ["/domain", "metrics=count_clicked&limit=0", "limit must be a whole number from 1 to 10000"],
      ["/domain", "metrics=count_clicked&limit=10001", "limit must be a whole number from 1 to 10000"],
      [
        "/domain",
        "metrics=count_clicked&order_by=count_rendered",
        "order_by must be one of the metrics asked for",
      ],
      ["", "metrics=count_clicked&subaccounts=one", "subaccounts must be numbers of subaccounts"],
      ["", "metrics=count_clicked&ip_pools=p", "ip_pools is a filter that Waypost does not have"],
      ["", `metrics=count_clicked&domains=${"x,".repeat(1001)}`, "domains may have at most 1000 entries"],
    ] as const) {
      const { status, json } = await ask(path, query);
      assert.equal(status, 400, query);
      assert.equal(json.errors[0].description, description);
    }
  });
});
