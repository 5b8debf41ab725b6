import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { certificateProblem } from "../../console/src/certificate-words.ts";
import { eventWord, reasonWord } from "../../console/src/event-words.ts";
import { failureWord } from "../../console/src/failure-words.ts";
import { formatCount, formatRate, formatRelative } from "../../console/src/format.ts";
import { GRANT_WORDS } from "../../console/src/grants.ts";
import { linkReason, partReason, untrackedReason } from "../../console/src/wrap-words.ts";
import {
  BATCH_WORDS,
  certificateWord,
  domainWord,
  REPLAY_WORDS,
  webhookWord,
  whoseEvents,
  wordFor,
} from "../../src/commands/state-words.ts";
import { LINK_WORDS, PART_WORDS, UNTRACKED_WORDS } from "../../src/commands/wrap-words.ts";
import { EVENT_TYPES } from "../../src/domain/event.ts";
import { GRANTS, SUBACCOUNT_GRANTS } from "../../src/domain/grants.ts";
import { CERTIFICATE_ERRORS, TLS_STATUSES } from "../../src/domain/issuance.ts";
import { CNAME_STATUSES, COMPLIANCE_STATUSES } from "../../src/domain/tracking-domain.ts";
import { RULES } from "../../src/events/classification-rules.ts";

const CONSOLE = "../../console/src";

test("the console has words for every grant, and offers subaccounts those that they can have", () => {
  assert.deepEqual(GRANT_WORDS.map(({ grant }) => grant).toSorted(), [...GRANTS].toSorted());
  const offered = GRANT_WORDS.filter(({ isForSubaccounts }) => isForSubaccounts).map(({ grant }) => grant);
  assert.deepEqual(offered.toSorted(), [...SUBACCOUNT_GRANTS].toSorted());
});

test("the console has a word for every event type", () => {
  for (const type of EVENT_TYPES) assert.notEqual(eventWord(type), type);
});

test("the console has words for every reason of a mark, and the code behind them", () => {
  for (const { reason } of RULES) assert.ok(reasonWord(reason).endsWith(` (${reason})`), reason);
  assert.equal(reasonWord("our_own_scanner"), "our_own_scanner");
});

test("the console says in words why a batch was not delivered, and the code behind them", () => {
  assert.equal(failureWord("ECONNREFUSED"), "Nobody listens there (ECONNREFUSED)");
  assert.equal(failureWord("tokens_url_timeout"), "No access token: No answer in time (tokens_url_timeout)");
  assert.equal(failureWord("tokens_url_401"), "No access token: Status 401 (tokens_url_401)");
  assert.equal(failureWord("E_NEW"), "E_NEW");
});

/** What pages call. Not by a static import: the console's types are a browser's, and are checked apart. */
async function consoleStates() {
  const { domainState } = await import(`${CONSOLE}/domain-state.ts`);
  const { webhookState, whoseEvents } = await import(`${CONSOLE}/webhook-state.ts`);
  return {
    domainState: domainState as (domain: object, now: Date) => { readonly word: string },
    webhookState: webhookState as (webhook: object) => { readonly word: string },
    whoseInConsole: whoseEvents as (webhook: object, ownerName: (id?: number) => string) => string,
  };
}

/** Every state of a domain. */
function* everyDomain(nowMs: number) {
  const ends = [undefined, -1, 1.5, 13.5, 14.5].map((days) =>
    days === undefined ? undefined : new Date(nowMs + days * 86_400_000).toISOString(),
  );
  for (const compliance_status of COMPLIANCE_STATUSES)
    for (const cname_status of CNAME_STATUSES)
      for (const tls_status of [undefined, ...TLS_STATUSES])
        for (const expires_at of ends)
          for (const secure of [false, true])
            for (const usesHttpForNow of [false, true])
              for (const pointsElsewhere of [false, true])
                yield {
                  secure,
                  usesHttpForNow,
                  pointsElsewhere,
                  status: { compliance_status, cname_status, ...(tls_status && { tls_status }) },
                  ...(expires_at && { tls_certificate: { expires_at, error_code: null } }),
                };
}

test("the command line has the console's word for every state of a domain", async () => {
  const { domainState } = await consoleStates();
  const nowMs = Date.now();
  const words = new Set<string>();
  for (const domain of everyDomain(nowMs)) {
    const { word } = domainState(domain, new Date(nowMs));
    assert.equal(domainWord(domain, { nowMs, ...domain }), word, JSON.stringify(domain));
    words.add(word);
  }
  for (const word of [
    "Points elsewhere",
    "Not reached",
    "Verified, http for now",
    "Certificate expires in 1 day",
  ])
    assert.ok(words.has(word), word);
});

test("the command line has words for every state of a certificate, and none of the API's for what waits", () => {
  const words = TLS_STATUSES.map((tls_status) => certificateWord({ status: { tls_status } }));
  assert.equal(new Set(words).size, TLS_STATUSES.length);
  for (const word of ["unknown", "pending", "unavailable", undefined]) assert.ok(!words.includes(word));
  assert.equal(certificateWord({ status: {} }), undefined);
});

test("the command line has the console's word for every state of a webhook", async () => {
  const { webhookState } = await consoleStates();
  const words = new Set<string>();
  for (const active of [true, false])
    for (const inactive_reason of [undefined, "gone"])
      for (const last_successful of [undefined, "2026-11-22 21:00:00"])
        for (const last_failure of [undefined, "2026-11-22 20:00:00", "2026-11-22 22:00:00"]) {
          const webhook = {
            active,
            ...(inactive_reason && { inactive_reason }),
            ...(last_successful && { last_successful }),
            ...(last_failure && { last_failure }),
          };
          const { word } = webhookState(webhook);
          assert.equal(webhookWord(webhook), word, JSON.stringify(webhook));
          words.add(word);
        }
  assert.equal(words.size, 5);
});

test("a webhook for everybody's events is told from one for the primary account's, in the console and on the command line", async () => {
  const { whoseInConsole } = await consoleStates();
  const ownerName = (id = 0) => (id === 0 ? "Primary account" : `Subaccount ${id}`);
  for (const [all_subaccounts, exception_subaccounts, subaccount_id, words] of [
    [true, [], undefined, "Everybody's"],
    [true, [2, 0], undefined, "Everybody's, except Subaccount 2, Primary account"],
    [false, [], undefined, "Primary account"],
    [false, [], 7, "Subaccount 7"],
  ] as const) {
    const webhook = { all_subaccounts, exception_subaccounts, ...(subaccount_id && { subaccount_id }) };
    assert.equal(whoseEvents(webhook), words);
    assert.equal(whoseInConsole(webhook, ownerName), words);
  }
  assert.equal(whoseEvents({ exception_subaccounts: [] }), undefined, "of a server that does not say so");
});

test("the command line has the console's words for batches and replays", () => {
  for (const [page, words] of [
    ["webhook-batches.tsx", BATCH_WORDS],
    ["webhook-replays.tsx", REPLAY_WORDS],
  ] as const) {
    // Markup, which Node.js does not import.
    const source = readFileSync(join(import.meta.dirname, CONSOLE, "pages", page), "utf8");
    for (const [state, word] of Object.entries(words)) {
      assert.ok(source.includes(state) && source.includes(`"${word}"`), word);
      assert.equal(wordFor(state, words), word);
    }
  }
  assert.equal(wordFor("postponed", BATCH_WORDS), "postponed");
});

test("the console and the command line have the same words for every reason that something was not wrapped", () => {
  for (const [words, inConsole] of [
    [LINK_WORDS, linkReason],
    [PART_WORDS, partReason],
    [UNTRACKED_WORDS, untrackedReason],
  ] as const) {
    for (const [reason, word] of Object.entries(words)) assert.equal(inConsole(reason), word);
  }
});

test("the console has words for every reason that a certificate could not be had", () => {
  for (const code of CERTIFICATE_ERRORS) assert.ok(!certificateProblem(code).includes(code), code);
});

test("a rate is never of nothing, and never more than all", () => {
  assert.equal(formatRate(764, 4000), "19.1%");
  assert.equal(formatRate(4, 4), "100%");
  for (const [part, whole] of [
    [0, 0],
    [5, 2],
  ] as const) {
    assert.equal(formatRate(part, whole), undefined);
  }
});

test("numbers have thousands separators, and distances in time are in the unit that a person would use", () => {
  assert.equal(formatCount(48_210, "link"), "48,210 links");
  assert.equal(formatCount(1, "link"), "1 link");
  const now = new Date("2026-11-25T12:00:00Z");
  for (const [time, words] of [
    ["2026-11-25T11:59:57Z", "just now"],
    ["2026-11-25T12:00:40Z", "in 40 seconds"],
    ["2026-11-25T11:15:00Z", "45 minutes ago"],
    ["2026-11-26T13:00:00Z", "in 25 hours"],
    ["2026-12-04T12:00:00Z", "in 9 days"],
  ] as const) {
    assert.equal(formatRelative(new Date(time), now), words);
  }
});
