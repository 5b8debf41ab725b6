/** What can be asked of the events API. The events themselves are put into the store as ingest puts them. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import type { MessageId } from "../../src/domain/message-id.ts";
import { EVENT_FIELDS } from "../../src/events/message-event.ts";
import type { RecordedEvent } from "../../src/events/recorded-event.ts";
import { openStore, type Store } from "../../src/store/open-store.ts";
import { FACTS, recorded } from "../events/recorded.ts";
import { type Answer, FIRST_KEY, onBothDatabases, startTestApi, type TestApi } from "./harness.ts";
import { openPaused, storeLongEvents } from "./paused-reply.ts";

const PATH = "/api/v1/events/message";
const DAY_MS = 86_400_000;

onBothDatabases("the events API", (database) => {
  let api: TestApi;
  let store: Store;
  const startMs = Date.now() - 60_000;
  before(async () => {
    api = await startTestApi(database);
    store = await openStore(api.location);
    await api.call("POST", "/api/v1/subaccounts", { body: { name: "One" } });
    await store.events.append(EVENTS.map((over, n) => recorded(n + 1, startMs, over)));
  });
  after(async () => {
    await store.close();
    await api[Symbol.asyncDispose]();
  });

  const EVENTS: readonly Partial<RecordedEvent>[] = [
    { subaccountId: 1, rcptTo: "Ann@Example.com" },
    { type: "open", facts: { ...FACTS, campaignId: "a,b", subject: "Red Boots", ipPool: "p" } },
    { facts: { ...FACTS, transmissionId: "9", templateId: "t", friendlyFrom: "N <n@acme.com>" } },
    { messageId: "ffffffffffffffffffff" as MessageId, trackingDomain: "go.acme.com" },
    { facts: { ...FACTS, sendingDomain: "acme.com" }, rcptTo: "bob@example.org" },
    { classification: { isBot: true, isPrefetched: false, isProxy: false, reasons: ["burst"] } },
    { timestampMs: startMs - 2 * DAY_MS },
  ];
  const ask = async (query: string, path = PATH): Promise<Answer> => api.call("GET", `${path}?${query}`);
  const idsOf = async (query: string): Promise<number[]> => {
    const { status, json } = await ask(query);
    assert.equal(status, 200, query);
    assert.equal(json.total_count, json.results.length);
    return json.results.map(({ event_id }: { event_id: string }) => Number(event_id));
  };
  const longAgo = `from=${new Date(startMs - 9 * DAY_MS).toISOString()}`;

  test("without filters there are the events of the last 24 hours, up to now", async () => {
    assert.deepEqual(await idsOf(""), [6, 5, 4, 3, 2, 1]);
    assert.deepEqual(await idsOf(longAgo), [6, 5, 4, 3, 2, 1, 7]);
    assert.deepEqual(await idsOf(`${longAgo}&to=${new Date(startMs).toISOString()}`), [7]);
  });

  test("every filter of SparkPost's that can apply does, and ours", async () => {
    for (const [query, ids] of [
      ["events=open", [2]],
      ["events=open,bounce,delivery", [2]],
      ["events=bounce", []],
      ["event_ids=1,3,99", [3, 1]],
      ["event_ids=1,9223372036854775807", [1]],
      ["recipients=ANN@example.com", [1]],
      ["recipient_domains=Example.ORG", [5]],
      ["messages=ffffffffffffffffffff", [4]],
      ["transmissions=9", [3]],
      ["campaigns=a,b", []],
      ["campaigns=a,b&delimiter=;", [2]],
      ["campaigns=x%7Ca,b&delimiter=%7C", [2]],
      ["templates=t", [3]],
      ["ip_pools=p", [2]],
      ["subjects=boots", [2]],
      ["subjects=boots-red", [2]],
      ["subjects=green+boots,blue", []],
      ["from_addresses=N@ACME.com", [3]],
      ["sending_domains=ACME.com", [5]],
      ["subaccounts=0,1&events=click", [6, 5, 4, 3, 1]],
      ["subaccounts=1", [1]],
      ["tracking_domains=GO.acme.com.", [4]],
      ["is_bot=true", [6]],
      ["is_bot=false&events=click", [5, 4, 3, 1]],
      ["is_prefetched=true", []],
      ["is_proxy=False&events=open", [2]],
      ["campaigns=&unheard=of", [6, 5, 4, 3, 2, 1]],
    ] as const)
      assert.deepEqual(await idsOf(query), ids, query);
  });

  test("filters by what no event here has find nothing", async () => {
    for (const name of [
      "ab_tests",
      "ab_test_versions",
      "bounce_classes",
      "mailbox_providers",
      "mailbox_provider_regions",
      "reasons",
      "sending_ips",
    ]) {
      assert.deepEqual(await idsOf(`${name}=10`), []);
      assert.equal((await idsOf(`${name}=`)).length, 6);
    }
  });

  test("what cannot be understood is refused, and says what", async () => {
    for (const [query, description] of [
      ["per_page=0", "per_page must be a whole number from 1 to 10000"],
      ["per_page=10001", "per_page must be a whole number from 1 to 10000"],
      ["per_page=many", "per_page must be a whole number from 1 to 10000"],
      ["from=yesterday", "from must be a time like 2026-11-22T21:00:00Z"],
      ["to=2026-13-01T00:00:00Z", "to must be a time like 2026-11-22T21:00:00Z"],
      ["from=2026-02-30T00:00:00Z", "from must be a time like 2026-11-22T21:00:00Z"],
      ["to=2026-02-29T00:00:00Z", "to must be a time like 2026-11-22T21:00:00Z"],
      ["from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z", "from must be before to"],
      ["events=clack", "events has the unknown value 'clack'"],
      ["event_ids=x", "event_ids must be numbers"],
      ["event_ids=9223372036854775808", "event_ids must be numbers"],
      [`cursor=${btoa("1999999999999.9223372036854775808.5")}`, "cursor is not one that this API gave out"],
      [`subjects=${"x%20".repeat(201)}`, "subjects may have at most 200 words"],
      ["cursor=abc", "cursor is not one that this API gave out"],
      ["subaccounts=one", "subaccounts must be numbers of subaccounts"],
      ["is_bot=maybe", "is_bot must be true or false"],
      [`messages=${"x,".repeat(1001)}`, "messages may have at most 1000 entries"],
      [`subjects=${"x,".repeat(101)}`, "subjects may have at most 100 entries"],
      [`campaigns=${"x".repeat(8200)}`, "the query is longer than 8192 characters"],
    ] as const) {
      for (const path of [PATH, `${PATH}.csv`]) {
        // An export has no pages.
        if (path !== PATH && /per_page|cursor/.test(query)) continue;
        const { status, json } = await ask(query, path);
        assert.equal(status, 400, query);
        assert.equal(json.errors[0].code, "1200");
        assert.equal(json.errors[0].description, description);
      }
    }
  });

  test("pages follow each other by links.next, with the total of the first, also when events arrive", async () => {
    const seen: number[] = [];
    let next: string | undefined = `${PATH}?per_page=2&campaigns=&delimiter=%3B`;
    for (let arriving = 100; next !== undefined; arriving += 1) {
      const { json } = (await api.call("GET", next)) as { json: Answer["json"] };
      assert.equal(json.total_count, 6);
      seen.push(...json.results.map(({ event_id }: { event_id: string }) => Number(event_id)));
      next = json.links.next;
      await store.events.append([recorded(arriving, startMs)]);
    }
    assert.deepEqual(seen, [6, 5, 4, 3, 2, 1]);
  });

  test("a page has 1000 events when nothing else is asked for, and cursor=initial is the first", async () => {
    const fromMs = startMs - 150 * DAY_MS;
    const range = `from=${new Date(fromMs).toISOString()}&to=${new Date(fromMs + DAY_MS).toISOString()}`;
    await store.events.append(Array.from({ length: 1001 }, (_, n) => recorded(n + 20_000, fromMs)));
    const first = await ask(range);
    assert.equal(first.json.results.length, 1000);
    assert.deepEqual((await ask(`${range}&cursor=initial`)).json.results, first.json.results);
    const next = await api.call("GET", first.json.links.next);
    assert.deepEqual(
      next.json.results.map(({ event_id }: { event_id: string }) => event_id),
      ["20000"],
    );
    assert.deepEqual(next.json.links, {});
  });

  test("a total is exact up to 10,000, and beyond it marked as a lower bound", async () => {
    const fromMs = startMs - 100 * DAY_MS;
    const range = `from=${new Date(fromMs).toISOString()}&to=${new Date(fromMs + DAY_MS).toISOString()}`;
    const many = Array.from({ length: 10_000 }, (_, n) => recorded(n + 1000, fromMs));
    await store.events.append(many);
    const exact = await ask(`${range}&per_page=10000`);
    assert.equal(exact.json.results.length, 10_000);
    assert.equal(exact.json.total_count, 10_000);
    assert.equal("total_count_is_lower_bound" in exact.json, false);
    assert.deepEqual(exact.json.links, {});
    await store.events.append([recorded(50_000, fromMs)]);
    const { json } = await ask(`${range}&per_page=10000`);
    assert.deepEqual([json.total_count, json.total_count_is_lower_bound], [10_000, true]);
    const last = await api.call("GET", json.links.next);
    assert.equal(last.json.results.length, 1);
    assert.deepEqual([last.json.total_count, last.json.total_count_is_lower_bound], [10_000, true]);
  });

  test("a subaccount sees its own events alone, in searches, exports and streams", async () => {
    const key = await api.call("POST", "/api/v1/keys", {
      body: { label: "One's", subaccount_id: 1, grants: ["message_events/view"] },
    });
    const as = { key: key.json.results.key as string };
    const { json } = await api.call("GET", `${PATH}?subaccounts=0,1`, as);
    assert.deepEqual(
      json.results.map(({ subaccount_id }: { subaccount_id: number }) => subaccount_id),
      [1],
    );
    assert.deepEqual((await api.call("GET", `${PATH}?subaccounts=0`, as)).json.results, []);
    const exported = await api.call("GET", `${PATH}.ndjson`, as);
    assert.deepEqual(
      exported.text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).event_id),
      ["1"],
    );
    const streamed = await readStream("last_event_id=0", /"event_id":"\d+"/, as.key);
    assert.match(streamed, /"event_id":"1"/);
    assert.equal(streamed.match(/data:/g)?.length, 1);
  });

  test("every field of events is documented, with a sample of each type or of those asked for", async () => {
    const { json } = await api.call("GET", `${PATH}/documentation`);
    const click = json.results.find(({ type }: Answer["json"]) => type.sampleValue === "click");
    assert.equal(click.target_link_url.sampleValue, "https://www.example.com/boots");
    assert.equal(click.display_name.sampleValue, "Click");
    const open = json.results.find(({ type }: Answer["json"]) => type.sampleValue === "open");
    assert.equal("target_link_url" in open, false);
    assert.deepEqual(click.bot_reasons.sampleValue, ["proofpoint_network"]);
    assert.equal(click.geo_ip.sampleValue.zip, "1012");
    const documented = new Set(json.results.flatMap((fields: object) => Object.keys(fields)));
    assert.deepEqual(
      EVENT_FIELDS.filter((name) => !documented.has(name)),
      [],
    );
    assert.equal((await api.call("GET", `${PATH}/samples`)).json.results.length, 7);
    const samples = await api.call("GET", `${PATH}/samples?events=open,bounce,amp_click`);
    assert.deepEqual(
      samples.json.results.map(({ type }: { type: string }) => type),
      ["open", "amp_click"],
    );
    assert.equal((await api.call("GET", `${PATH}/samples?events=clack`)).status, 400);
  });

  test("exports are attachments with the same filters; what streams answers no HEAD", async () => {
    const csv = await ask("events=open", `${PATH}.csv`);
    assert.equal(csv.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert.equal(csv.headers["content-disposition"], 'attachment; filename="events.csv"');
    const [header, row, end] = csv.text.split("\r\n");
    assert.match(header ?? "", /^type,event_id,timestamp,/);
    assert.match(row ?? "", /^open,2,/);
    assert.equal(end, "");
    const lines = await ask("events=open", `${PATH}.ndjson`);
    assert.equal(lines.headers["content-type"], "application/x-ndjson");
    assert.deepEqual(JSON.parse(lines.text), (await ask("events=open")).json.results[0]);
    for (const path of [`${PATH}.csv`, `${PATH}.ndjson`, "/api/v1/events/stream"]) {
      const { status, headers } = await api.call("HEAD", path);
      assert.equal(status, 405);
      assert.equal(headers["allow"], "GET");
    }
  });

  /** Reads until the pattern has come, then hangs up. */
  function readStream(query: string, until: RegExp, key = FIRST_KEY, headers = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          ...{ host: "127.0.0.1", port: api.control.apiAddress?.port },
          path: `/api/v1/events/stream?${query}`,
          headers: { authorization: key, ...headers },
        },
        (response) => {
          let text = "";
          response.on("data", (chunk: Buffer) => {
            text += chunk.toString();
            if (!until.test(text)) return;
            asked.destroy();
            resolve(text);
          });
          response.on("end", () => reject(new Error(`the stream ended: ${text}`)));
          response.on("error", () => undefined);
        },
      );
      asked.on("error", reject);
      asked.end();
    });
  }

  test("a stream shows events as they are stored, and goes on where it was left", async () => {
    const opening = readStream("events=open", /data: /);
    // Something is stored until the stream, which begins with what comes from now on, has shown one.
    let id = 200_000;
    let isShown = false;
    // One after the other: the order of ids is the order of storing.
    const storeOnAndOn = async (): Promise<void> => {
      while (!isShown) {
        id += 1;
        await store.events.append([recorded(id, startMs, { type: id % 2 === 0 ? "open" : "click" })]);
        await sleep(20);
      }
    };
    const storing = storeOnAndOn();
    const text = await opening;
    isShown = true;
    await storing;
    const shown = JSON.parse(/data: (.*)/.exec(text)?.[1] ?? "");
    assert.equal(shown.type, "open");
    const [, position = ""] = /id: (\d+)\ndata/.exec(text) ?? [];
    await store.events.append([recorded(300_000, startMs, { type: "open" })]);
    // A browser comes back to the address it began with, and knows better by then.
    const again = await readStream("events=open&last_event_id=0", /"event_id":"300000"/, FIRST_KEY, {
      "last-event-id": position,
    });
    const ids = [...again.matchAll(/"event_id":"(\d+)"/g)].map(([, found]) => Number(found));
    assert.equal(ids.at(-1), 300_000);
    assert.ok(ids.every((found) => found % 2 === 0 && found > Number(shown.event_id)));
    assert.equal((await ask("last_event_id=x", "/api/v1/events/stream")).status, 400);
  });

  test("a key has ten streams at most; one that is closed makes room", async () => {
    const open = Array.from({ length: 10 }, () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const asked = request({
        ...{ host: "127.0.0.1", port: api.control.apiAddress?.port, path: "/api/v1/events/stream" },
        headers: { authorization: FIRST_KEY },
      });
      asked.on("response", (response) => response.once("data", () => resolve()));
      asked.on("error", () => undefined);
      asked.end();
      return { asked, began: promise };
    });
    await Promise.all(open.map(({ began }) => began));
    const { status, json } = await ask("", "/api/v1/events/stream");
    assert.equal(status, 429);
    assert.match(json.errors[0].description, /^At most 10 streams of a key/);
    for (const { asked } of open) asked.destroy();
    // The server hears of it a moment later.
    for (;;) {
      const room = await readStream("last_event_id=0", /data: /).catch(() => undefined);
      if (room !== undefined) break;
    }
  });
});

onBothDatabases("a long reply", (database) => {
  test("of a key that is revoked ends with the next events", async () => {
    await using api = await startTestApi(database);
    const store = await openStore(api.location);
    const grants = ["message_events/view"];
    const { json } = await api.call("POST", "/api/v1/keys", { body: { label: "reader", grants } });
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const { promise: began, resolve: begin } = Promise.withResolvers<void>();
    const asked = request({
      ...{ host: "127.0.0.1", port: api.control.apiAddress?.port, path: "/api/v1/events/stream" },
      headers: { authorization: json.results.key },
    });
    let text = "";
    asked.on("response", (response) => {
      response.on("data", (chunk: Buffer) => {
        text += chunk;
        begin();
      });
      response.on("close", () => end());
    });
    asked.end();
    await began;
    assert.equal((await api.call("DELETE", `/api/v1/keys/${json.results.id}`)).status, 204);
    // Looked at every five seconds, when there is something to tell.
    let isOver = false;
    const write = async (): Promise<void> => {
      while (!isOver) {
        await store.events.append([recorded(Date.now(), Date.now())]);
        await sleep(500);
      }
    };
    const writing = write();
    await ended;
    isOver = true;
    await writing;
    await store.close();
    assert.match(text, /^retry: /);
  });

  for (const { what, path, said } of [
    { what: "an export", path: `${PATH}.ndjson?`, said: /^At most 4 exports of a key/ },
    {
      what: "a large page",
      path: `${PATH}?per_page=10000&`,
      said: /^At most 4 pages of more than 1000 events of a key/,
    },
  ])
    test(`of ${what} is one of four of a key at most; one that is closed makes room`, async () => {
      await using api = await startTestApi(database);
      await storeLongEvents(api);
      const open = Array.from({ length: 4 }, () => openPaused(api, path));
      await Promise.all(open.map(({ began }) => began));
      const { status, json } = await api.call("GET", path);
      assert.equal(status, 429);
      assert.match(json.errors[0].description, said);
      assert.equal((await api.call("GET", `${PATH}?per_page=1000`)).status, 200);
      for (const { asked } of open) asked.destroy();
      // The server hears of it a moment later.
      for (;;) {
        const { status: now } = await api.call("GET", `${path}event_ids=1`);
        if (now === 200) break;
      }
    });

  test("of a large page gives its place back when it was read, refused, or only asked for its headers", async () => {
    await using api = await startTestApi(database);
    for (let n = 0; n < 5; n += 1) {
      const { status, json } = await api.call("GET", `${PATH}?per_page=10000`);
      assert.deepEqual([status, json], [200, { results: [], total_count: 0, links: {} }]);
      assert.equal((await api.call("GET", `${PATH}?per_page=10000&from=x`)).status, 400);
      assert.equal((await api.call("HEAD", `${PATH}?per_page=10000`)).status, 200);
      const packed = await fetch(`http://127.0.0.1:${api.control.apiAddress?.port}${PATH}?per_page=10000`, {
        headers: { authorization: FIRST_KEY, "accept-encoding": "gzip" },
      });
      assert.equal(packed.headers.get("content-encoding"), "gzip");
      assert.deepEqual(await packed.json(), { results: [], total_count: 0, links: {} });
    }
  });
});

onBothDatabases("a server that stops", (database) => {
  test("ends its streams, and does not wait for their readers", async () => {
    const api = await startTestApi(database);
    const { promise: began, resolve: begin } = Promise.withResolvers<void>();
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const asked = request({
      ...{ host: "127.0.0.1", port: api.control.apiAddress?.port, path: "/api/v1/events/stream" },
      headers: { authorization: FIRST_KEY },
    });
    asked.on("response", (response) => {
      response.once("data", () => begin());
      response.on("end", end);
      response.resume();
    });
    asked.end();
    await began;
    const startedMs = performance.now();
    await api[Symbol.asyncDispose]();
    await ended;
    assert.ok(performance.now() - startedMs < 15_000);
  });

  test("waits some seconds for the reader of a long reply, and no longer", async () => {
    const api = await startTestApi(database);
    await storeLongEvents(api);
    const { asked, began } = openPaused(api, `${PATH}.ndjson`);
    await began;
    const startedMs = performance.now();
    await api[Symbol.asyncDispose]();
    assert.ok(performance.now() - startedMs < 30_000);
    asked.destroy();
  });
});
