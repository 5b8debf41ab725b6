/** Erasing a person, from the call to what comes of their later clicks. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { filesWith } from "../files-with.ts";
import { type Answer, onBothDatabases } from "./harness.ts";
import { startTestInstallation, type TestInstallation } from "./with-edge.ts";

const EVENTS = "/api/v1/events/message";
const HTML = '<body><a href="https://www.example.com/boots">x</a></body>';
const NOTHING = { events: 0, messages: 0 };

onBothDatabases("erasure", (database) => {
  let waypost: TestInstallation;
  let one: { headers: Record<string, string> };
  let keyOfOne: string;
  before(async () => {
    waypost = await startTestInstallation(database);
    await waypost.addVerifiedDomain("click.acme.com");
    await waypost.call("PUT", "/api/v1/tracking-domains/click.acme.com", { body: { default: true } });
    const body = { name: "One", key_grants: ["recipients/erase"] };
    const { json } = await waypost.call("POST", "/api/v1/subaccounts", { body });
    one = { headers: { "x-msys-subaccount": String(json.results.subaccount_id) } };
    keyOfOne = json.results.key;
  });
  after(() => waypost[Symbol.asyncDispose]());

  const wrap = async (
    recipient: { address: string; privacy?: string },
    over: object = {},
    options = {},
  ): Promise<Answer["json"]> => {
    const body = { content: { html: HTML }, recipients: [recipient], ...over };
    const { json, status } = await waypost.call("POST", "/api/v1/wrap", { body, ...options });
    assert.equal(status, 200);
    return json.results.messages[0];
  };
  const click = (message: Answer["json"]) =>
    waypost.visit(/href="([^"]*)"/.exec(message.content.html)?.[1] ?? "");
  const search = async (query: string): Promise<Answer["json"][]> =>
    (await waypost.call("GET", `${EVENTS}?${query}`)).json.results;
  const until = async (query: string, count: number): Promise<Answer["json"][]> => {
    for (let tries = 0; tries < 2400; tries += 1) {
      const found = await search(query);
      if (found.length >= count) return found;
      await sleep(25);
    }
    throw new Error(`there are no ${count} events of ${query}`);
  };
  const erase = async (address: string, options = {}): Promise<Answer["json"]> => {
    const path = `/api/v1/recipients/${encodeURIComponent(address)}`;
    const { json, status } = await waypost.call("DELETE", path, options);
    assert.equal(status, 200, JSON.stringify(json));
    return json.results;
  };

  test("everything of a person goes, under the address in any case and under the pseudonym, and the reply proves it", async () => {
    const facts = {
      campaign_id: "e1",
      subject: "Dear Zebedee",
      return_path: "bounces+zebedee.one=example.com@acme.com",
      metadata: { name: "zebedee" },
    };
    const openly = await wrap({ address: "Zebedee.One@Example.com" }, facts);
    const hidden = await wrap({ address: "zebedee.one@example.com", privacy: "pseudonymous" }, facts);
    const other = await wrap({ address: "other@example.com" }, { campaign_id: "e1" });
    for (const message of [openly, openly, hidden, other]) await click(message);
    await until("campaigns=e1", 4);

    assert.deepEqual(await erase("ZEBEDEE.one@example.com"), {
      erased: { events: 3, messages: 2 },
      left: NOTHING,
    });
    assert.deepEqual(
      (await search("campaigns=e1")).map(({ rcpt_to }) => rcpt_to),
      ["other@example.com"],
    );
    assert.deepEqual(await erase("zebedee.one@example.com"), { erased: NOTHING, left: NOTHING });
    if (database === "sqlite") {
      for (const folder of ["events", "messages"])
        assert.deepEqual(filesWith(join(waypost.dataDir, folder), "zebedee"), [], "not in a freed page");
      assert.deepEqual(
        filesWith(waypost.dataDir, "zebedee").filter((file) => file.includes("state.db")),
        [],
      );
    }
  });

  test("later clicks of old links and of new ones are counted, and are nobody's", async () => {
    const old = await wrap({ address: "yolanda@example.com" }, { campaign_id: "e2" });
    await erase("yolanda@example.com");
    const later = await wrap({ address: "Yolanda@example.com" }, { campaign_id: "e2b" });
    assert.equal(later.privacy, "anonymous");
    await click(old);
    await click(later);
    const [ofLater] = await until("campaigns=e2b", 1);
    const all = await until("per_page=10000", 2);
    const ofOld = all.find(({ rcpt_to, campaign_id }) => rcpt_to === "" && campaign_id === undefined);
    for (const event of [ofLater, ofOld]) {
      assert.deepEqual([event.rcpt_to, event.type, "ip_address" in event], ["", "click", false]);
      assert.ok(![old.message_id, later.message_id].includes(event.message_id));
    }
    assert.deepEqual(await search("recipients=yolanda@example.com"), []);
  });

  test("what waits in the spool when a person is erased is stored as nobody's, or not at all", async () => {
    const message = await wrap({ address: "xaver@example.com" }, { campaign_id: "e3" });
    const clicking = Array.from({ length: 20 }, () => click(message));
    const [{ left }] = await Promise.all([erase("xaver@example.com"), ...clicking]);
    assert.deepEqual(left, NOTHING);
    await click(await wrap({ address: "marker@example.com" }, { campaign_id: "e3-marker" }));
    await until("campaigns=e3-marker", 1);
    assert.deepEqual(await search("recipients=xaver@example.com"), []);
  });

  test("a subaccount erases its own rows alone, and its header narrows what the primary account erases", async () => {
    const address = "wanda@example.com";
    const ofOne = await wrap({ address }, { campaign_id: "e4" }, one);
    const ofPrimary = await wrap({ address }, { campaign_id: "e4" });
    for (const message of [ofOne, ofPrimary]) await click(message);
    await until("campaigns=e4", 2);
    const asOne = { key: keyOfOne, headers: { "x-msys-subaccount": "0" } };
    assert.deepEqual(await erase(address, asOne), { erased: { events: 1, messages: 1 }, left: NOTHING });
    assert.equal((await search("campaigns=e4")).length, 1);
    assert.ok(!("privacy" in (await wrap({ address }))), "to the primary account the person is not erased");
    assert.equal((await wrap({ address }, {}, one)).privacy, "anonymous");
    assert.equal((await erase(address, { headers: { "x-msys-subaccount": "0" } })).erased.events, 1);
    assert.deepEqual(await search("campaigns=e4"), []);
  });

  test("the audit trail says that somebody was erased and by whom, and not who", async () => {
    await erase("valerie@example.com");
    const { json, text } = await waypost.call("GET", "/api/v1/audit?path=/recipients/");
    const [entry] = json.results;
    assert.equal(entry.path, "/api/v1/recipients/…");
    assert.equal(entry.action, "Erase a recipient");
    assert.ok(entry.key_label !== undefined && !text.includes("valerie"));
  });

  test("what is no address is refused, and so is a key without the grant", async () => {
    for (const path of ["nobody", "%20@x", `${"a".repeat(321)}@example.com`]) {
      assert.equal((await waypost.call("DELETE", `/api/v1/recipients/${path}`)).status, 400, path);
    }
    const { json } = await waypost.call("POST", "/api/v1/keys", {
      body: { label: "wraps", grants: ["messages/wrap"] },
    });
    const key = json.results.key;
    assert.equal((await waypost.call("DELETE", "/api/v1/recipients/a@example.com", { key })).status, 403);
  });
});
