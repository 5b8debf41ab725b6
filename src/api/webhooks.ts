/** `/api/v1/webhooks`: what somebody wants to be told of, and where. SparkPost's routes, and the rotation of secrets. */
import { randomUUID } from "node:crypto";

import { type Static, Type } from "typebox";

import { AppError, RemoteFailure } from "../domain/errors.ts";
import { PRIMARY_ACCOUNT, type SubaccountId } from "../domain/subaccount.ts";
import { isSuccess } from "../webhooks/retry-schedule.ts";
import type { Destination, Sent } from "../webhooks/sender.ts";
import { newSigningSecret, rotate } from "../webhooks/signature.ts";
import { isSameOrigin, parseTarget, type TargetPolicy } from "../webhooks/target-url.ts";
import { AUTH_TYPES, WEBHOOK_KINDS, type WebhookKind, type WebhookSecrets } from "../webhooks/webhook.ts";
import type { SecretBox } from "../webhooks/webhook-secrets.ts";
import type { Tenant } from "./principal.ts";
import { invalid, numberParameter } from "./query.ts";
import { type Call, type Reply, type Route, results, route, routeWithBody } from "./route.ts";
import {
  CREATE_WEBHOOK,
  namesSecrets,
  parseEvents,
  parseExceptions,
  parseSecrets,
  refuseKeptSecrets,
  shownSecrets,
  UPDATE_WEBHOOK,
  type WebhookBody,
} from "./webhook-body.ts";

export interface WebhookRecord {
  readonly id: string;
  readonly subaccountId: SubaccountId;
  readonly allSubaccounts: boolean;
  readonly exceptionSubaccounts: readonly SubaccountId[];
  readonly kind: WebhookKind;
  readonly name: string;
  readonly target: string;
  readonly events: readonly string[];
  readonly active: boolean;
  readonly inactiveReason: string | undefined;
  readonly sealedSecrets: string;
  readonly lastSuccessfulAtMs: number | undefined;
  readonly lastFailureAtMs: number | undefined;
}

/** `onlyOwn` leaves out the webhooks of all subaccounts. */
export type WebhookScope = "all" | { readonly owner: SubaccountId; readonly onlyOwn: boolean };

type WebhookChange = Partial<
  Pick<WebhookRecord, "name" | "target" | "events" | "active" | "exceptionSubaccounts" | "sealedSecrets">
>;

export interface WebhookStore {
  create(
    webhook: Omit<WebhookRecord, "inactiveReason" | "lastSuccessfulAtMs" | "lastFailureAtMs">,
    position: number,
    atMost: number,
  ): Promise<"created" | "full">;
  list(scope: WebhookScope): Promise<readonly WebhookRecord[]>;
  find(id: string, scope: WebhookScope): Promise<WebhookRecord | undefined>;
  update(
    id: string,
    scope: WebhookScope,
    /** Made from what is stored, and nothing can come in between. */
    change: (stored: WebhookRecord) => WebhookChange,
    position: number,
  ): Promise<boolean>;
  remove(id: string, scope: WebhookScope): Promise<boolean>;
  retryNow(id: string): Promise<void>;
}

/** Where the events of a kind are, in the order of storing. */
export interface EventPositions {
  /** Everything stored so far is at or before it. */
  last(): Promise<number>;
  ofEvent(eventId: string, subaccounts: "all" | readonly SubaccountId[]): Promise<number | undefined>;
  /** The position before the first event from this time on; `undefined`: there is none. */
  since(timestampMs: number): Promise<number | undefined>;
}

export interface WebhookDeps {
  readonly webhooks: WebhookStore;
  readonly positions: Readonly<Record<WebhookKind, EventPositions>>;
  readonly box: SecretBox;
  /** Posts SparkPost's test body. */
  readonly test: (destination: Destination, tenant: SubaccountId) => Promise<Sent>;
  readonly targetPolicy: TargetPolicy;
  readonly now: () => number;
}

const PATH = "/api/v1/webhooks";
const WEBHOOKS_PER_ACCOUNT = 100;
const HOUR_MS = 3_600_000;
const OVERLAP_HOURS = { default: 24, min: 0, max: 168 };

const LINKS = Type.Array(
  Type.Object(
    { href: Type.String(), rel: Type.String(), method: Type.Array(Type.String()) },
    { additionalProperties: false },
  ),
);
const TIME = Type.String({ description: "As `2026-11-22 21:00:00`, in the time zone asked for." });
const WEBHOOK = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    kind: Type.Enum([...WEBHOOK_KINDS]),
    target: Type.String(),
    events: Type.Array(Type.String()),
    active: Type.Boolean(),
    inactive_reason: Type.Optional(
      Type.String({ description: "`gone`: its receiver answered 410, and the webhook was switched off." }),
    ),
    auth_type: Type.Enum([...AUTH_TYPES]),
    auth_request_details: Type.Object({}, { additionalProperties: true, description: "Secrets are masked." }),
    auth_credentials: Type.Object({}, { additionalProperties: true, description: "The password is masked." }),
    auth_token: Type.String(),
    custom_headers: Type.Object({}, { additionalProperties: true, description: "Values are masked." }),
    all_subaccounts: Type.Boolean({
      description:
        "Everybody's events, less those of `exception_subaccounts`. Else those of `subaccount_id`, or of the primary account.",
    }),
    exception_subaccounts: Type.Array(Type.Integer()),
    subaccount_id: Type.Optional(Type.Integer({ minimum: 1 })),
    last_successful: Type.Optional(TIME),
    last_failure: Type.Optional(TIME),
    links: LINKS,
  },
  { additionalProperties: false },
);
const CREATED = Type.Object(
  {
    id: Type.String(),
    links: LINKS,
    signing_secret: Type.String({
      description: "Batches are signed with it, as Standard Webhooks says. Shown only here.",
    }),
  },
  { additionalProperties: false },
);
const ROTATED = Type.Object(
  {
    signing_secret: Type.String({ description: "Shown only here." }),
    previous_valid_until: Type.Optional(
      Type.String({ format: "date-time", description: "Until then batches are signed with both." }),
    ),
  },
  { additionalProperties: false },
);
const VALIDATED = Type.Object(
  {
    msg: Type.String(),
    response: Type.Object(
      { status: Type.Integer(), headers: Type.Record(Type.String(), Type.String()), body: Type.String() },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);
const TIMEZONE = {
  name: "timezone",
  description: "Of the times; UTC when absent",
  example: "America/New_York",
};

export const WEBHOOK_ID = { name: "id", description: "The webhook's id" };

export function webhookRoutes(deps: WebhookDeps): readonly Route[] {
  const base = { tag: "Webhooks", url: PATH } as const;
  const one = { tag: "Webhooks", url: `${PATH}/:id`, params: [WEBHOOK_ID], failures: [404] } as const;
  const audited = ["name", "events", "kind", "auth_type", "exception_subaccounts"] as const;
  return [
    routeWithBody({
      ...base,
      method: "POST",
      grant: "webhooks/modify",
      summary: "Create a webhook",
      description:
        "The target must answer a test POST with 2xx. Without `X-MSYS-SUBACCOUNT` the webhook gets everybody's events, with 0 the primary account's, with a number that subaccount's; from now on.",
      body: CREATE_WEBHOOK,
      audited,
      replies: { 200: Type.Object({ results: CREATED }, { additionalProperties: false }) },
      handle: (call) => create(call, call.body, deps),
    }),
    route({
      ...base,
      method: "GET",
      grant: "webhooks/view",
      summary: "List webhooks",
      query: [TIMEZONE],
      replies: { 200: Type.Object({ results: Type.Array(WEBHOOK) }, { additionalProperties: false }) },
      handle: async (call) => {
        const webhooks = await deps.webhooks.list(readScope(call.tenant));
        return results(webhooks.map((webhook) => toWire(webhook, call, deps)));
      },
    }),
    route({
      ...one,
      method: "GET",
      grant: "webhooks/view",
      summary: "Retrieve a webhook",
      query: [TIMEZONE],
      replies: { 200: Type.Object({ results: WEBHOOK }, { additionalProperties: false }) },
      handle: async (call) => results(toWire(await findWebhook(call, deps.webhooks), call, deps)),
    }),
    routeWithBody({
      ...one,
      method: "PUT",
      grant: "webhooks/modify",
      summary: "Update a webhook",
      description:
        "Fields that are not given stay as they are, and so does a secret whose mask is sent back. When `target` moves to another scheme, host or port, the password, `auth_request_details`, `auth_token` and `custom_headers` that the webhook has must be sent again, unmasked; when `auth_request_details.url` does, the secrets of its `body`. A new target must answer a test POST with 2xx. A batch that waits for another attempt is tried at once, with what the webhook is now. One that becomes active goes on with what comes then; what waited when it became inactive follows as a replay, and what came meanwhile is not sent.",
      body: UPDATE_WEBHOOK,
      audited,
      replies: {
        200: Type.Object({
          results: Type.Object({ id: Type.String(), links: LINKS }, { additionalProperties: false }),
        }),
      },
      handle: (call) => update(call, call.body, deps),
    }),
    route({
      ...one,
      method: "DELETE",
      grant: "webhooks/modify",
      summary: "Delete a webhook",
      description: "Nothing more is sent, also nothing of what waits.",
      replies: { 204: undefined },
      handle: async (call) => {
        const id = call.params["id"] ?? "";
        if (!(await deps.webhooks.remove(id, writeScope(call.tenant)))) throw webhookNotFound(call);
        return { status: 204 };
      },
    }),
    ...testRoutes(deps),
  ];
}

function testRoutes(deps: WebhookDeps): readonly Route[] {
  const base = { tag: "Webhooks", params: [WEBHOOK_ID], failures: [404], method: "POST" } as const;
  return [
    route({
      ...base,
      url: `${PATH}/:id/validate`,
      grant: "webhooks/modify",
      summary: "Validate a webhook",
      description:
        "Posts a batch with one empty event to the target and shows what it answers. When that is 2xx, a batch that waits for another attempt is tried at once.",
      audited: false,
      replies: { 200: Type.Object({ results: VALIDATED }, { additionalProperties: false }) },
      handle: (call) => validate(call, deps),
    }),
    route({
      ...base,
      url: `${PATH}/:id/rotate-secret`,
      grant: "webhooks/modify",
      summary: "Rotate a webhook's signing secret",
      query: [
        {
          name: "overlap_hours",
          description: "How long batches are signed with the old secret too: 0 to 168, 24 when absent",
        },
      ],
      replies: { 200: Type.Object({ results: ROTATED }, { additionalProperties: false }) },
      handle: (call) => rotateSecret(call, deps),
    }),
  ];
}

async function create(call: Call, body: Static<typeof CREATE_WEBHOOK>, deps: WebhookDeps): Promise<Reply> {
  const { kind = "events" } = body;
  const id = randomUUID();
  const allSubaccounts = call.tenant.read === "all";
  const signing = { current: newSigningSecret() };
  const secrets: WebhookSecrets = { ...parseSecrets(body, undefined, deps.targetPolicy), signing };
  const webhook = {
    id,
    subaccountId: call.tenant.write,
    allSubaccounts,
    exceptionSubaccounts: parseExceptions(body.exception_subaccounts ?? [], allSubaccounts),
    kind,
    name: body.name,
    target: parseTarget(body.target, "target", deps.targetPolicy),
    events: parseEvents(body.events, kind),
    active: body.active ?? true,
    sealedSecrets: deps.box.seal(id, secrets),
  };
  await testTarget({ id, target: webhook.target, secrets }, call, deps);
  const position = await deps.positions[kind].last();
  if ((await deps.webhooks.create(webhook, position, WEBHOOKS_PER_ACCOUNT)) === "full")
    throw new AppError("invalid_parameters", `An account may have at most ${WEBHOOKS_PER_ACCOUNT} webhooks`);
  return {
    ...results({ id, links: [selfLink(id)], signing_secret: signing.current }),
    audit: { created: id, facts: { target: hostOf(webhook.target) } },
  };
}

async function update(call: Call, body: WebhookBody, deps: WebhookDeps): Promise<Reply> {
  const scope = writeScope(call.tenant);
  const before = await findWebhook(call, deps.webhooks, scope);
  const { id } = before;
  const { target = before.target, sealedSecrets = before.sealedSecrets } = changeOf(before, body, deps);
  if (target !== before.target)
    await testTarget({ id, target, secrets: deps.box.open(id, sealedSecrets) }, call, deps);
  const position = await deps.positions[before.kind].last();
  // From what is stored by now: the test takes its time, and what somebody changed meanwhile stays.
  let facts: Record<string, string> = {};
  const change = (stored: WebhookRecord) => {
    const changed = changeOf(stored, body, deps);
    facts = moved(stored.target, changed.target ?? stored.target);
    return changed;
  };
  if (!(await deps.webhooks.update(id, scope, change, position))) throw webhookNotFound(call);
  return { ...results({ id, links: [validateLink(id)] }), audit: { facts } };
}

/** For the audit trail: path and query of a target are often its secret. */
function moved(before: string, after: string): Record<string, string> {
  return before === after ? {} : { target: hostOf(after), previous_target: hostOf(before) };
}

/** With its port, unless that is the scheme's own. */
function hostOf(target: string): string {
  return new URL(target).host;
}

/** What somebody asks for, and nothing else: what is not named keeps what others write. */
function changeOf(stored: WebhookRecord, body: WebhookBody, deps: WebhookDeps): WebhookChange {
  const exceptions = body.exception_subaccounts;
  const target =
    body.target === undefined ? stored.target : parseTarget(body.target, "target", deps.targetPolicy);
  if (!isSameOrigin(target, stored.target))
    refuseKeptSecrets(body, deps.box.open(stored.id, stored.sealedSecrets));
  return {
    ...(body.target !== undefined && { target }),
    ...(namesSecrets(body) && { sealedSecrets: sealedAfter(stored, body, deps) }),
    ...(body.name !== undefined && { name: body.name }),
    ...(body.events !== undefined && { events: parseEvents(body.events, stored.kind) }),
    ...(body.active !== undefined && { active: body.active }),
    ...(exceptions !== undefined && {
      exceptionSubaccounts: parseExceptions(exceptions, stored.allSubaccounts),
    }),
  };
}

function sealedAfter({ id, sealedSecrets }: WebhookRecord, body: WebhookBody, deps: WebhookDeps): string {
  const before = deps.box.open(id, sealedSecrets);
  const secrets = { ...parseSecrets(body, before, deps.targetPolicy), signing: before.signing };
  return deps.box.seal(id, secrets);
}

async function validate(call: Call, deps: WebhookDeps): Promise<Reply> {
  const { id, target, sealedSecrets } = await findWebhook(call, deps.webhooks, writeScope(call.tenant));
  const destination = { id, target, secrets: deps.box.open(id, sealedSecrets) };
  const response = await testTarget(destination, call, deps);
  await deps.webhooks.retryNow(id);
  return results({ msg: "Test POST to endpoint succeeded", response });
}

async function rotateSecret(call: Call, deps: WebhookDeps): Promise<Reply> {
  const hours = numberParameter(call.query, "overlap_hours", OVERLAP_HOURS);
  const scope = writeScope(call.tenant);
  const { id, sealedSecrets } = await findWebhook(call, deps.webhooks, scope);
  let signing = deps.box.open(id, sealedSecrets).signing;
  const change = (stored: WebhookRecord) => {
    const secrets = deps.box.open(id, stored.sealedSecrets);
    signing = rotate(secrets.signing, hours * HOUR_MS, deps.now());
    return { sealedSecrets: deps.box.seal(id, { ...secrets, signing }) };
  };
  if (!(await deps.webhooks.update(id, scope, change, 0))) throw webhookNotFound(call);
  const { current, previous } = signing;
  return results({
    signing_secret: current,
    ...(previous && { previous_valid_until: new Date(previous.untilMs).toISOString() }),
  });
}

/** What the target answered, when that is 2xx; throws SparkPost's error otherwise. */
async function testTarget(
  tested: Omit<Destination, "version">,
  call: Call,
  deps: WebhookDeps,
): Promise<object> {
  const { from, posted } = await deps.test({ ...tested, version: undefined }, call.tenant.write);
  const code = from === "tokens" ? "webhook_tokens_failed" : "webhook_target_failed";
  if (posted.kind === "unanswered")
    throw new RemoteFailure(code, `There was no answer: ${posted.reason}`, undefined);
  const { status, headers, body } = posted.reply;
  if (from === "target" && isSuccess(status)) return { status, headers, body };
  const problem =
    from === "tokens"
      ? `The authorization server answered ${status}, and no access token`
      : `The target answered ${status} instead of 2xx`;
  // With a success comes a token, even one that cannot be used: whoever may try a webhook need not know its credentials.
  const shown = from === "tokens" && isSuccess(status) ? "" : body;
  throw new RemoteFailure(code, problem, { status, headers, body: shown });
}

/** As X-MSYS-SUBACCOUNT says: without it everybody's, with 0 those of the primary account alone. */
function readScope({ read }: Tenant): WebhookScope {
  return read === "all" ? "all" : { owner: read, onlyOwn: true };
}

export function writeScope({ read, write }: Tenant): WebhookScope {
  return { owner: write, onlyOwn: read !== "all" };
}

/** Throws `not_found` for what is not there, or not the caller's. */
export async function findWebhook(
  call: Call,
  webhooks: Pick<WebhookStore, "find">,
  scope: WebhookScope = readScope(call.tenant),
): Promise<WebhookRecord> {
  const found = await webhooks.find(call.params["id"] ?? "", scope);
  if (found === undefined) throw webhookNotFound(call);
  return found;
}

function webhookNotFound(call: Call): AppError {
  return new AppError("not_found", `Resource not found: ${call.params["id"]}`);
}

function toWire(webhook: WebhookRecord, call: Call, { box }: WebhookDeps): object {
  const { id, subaccountId, inactiveReason, lastSuccessfulAtMs, lastFailureAtMs } = webhook;
  const time = timeFormat(call.query["timezone"]);
  return {
    id,
    name: webhook.name,
    kind: webhook.kind,
    target: webhook.target,
    events: webhook.events,
    active: webhook.active,
    ...(inactiveReason !== undefined && { inactive_reason: inactiveReason }),
    ...shownSecrets(box.open(id, webhook.sealedSecrets)),
    all_subaccounts: webhook.allSubaccounts,
    exception_subaccounts: webhook.exceptionSubaccounts,
    ...(subaccountId !== PRIMARY_ACCOUNT && { subaccount_id: subaccountId }),
    ...(lastSuccessfulAtMs !== undefined && { last_successful: time(lastSuccessfulAtMs) }),
    ...(lastFailureAtMs !== undefined && { last_failure: time(lastFailureAtMs) }),
    links: [selfLink(id), validateLink(id), link(id, "batch-status", "urn.msys.webhooks.batches", "GET")],
  };
}

/** `2026-11-22 21:00:00`, as SparkPost writes it. Throws `invalid_parameters` for a time zone that there is not. */
function timeFormat(timeZone = "UTC"): (ms: number) => string {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  } catch {
    throw invalid("timezone", "must be the name of a time zone, as America/New_York");
  }
  return (ms) => format.format(ms);
}

function selfLink(id: string): object {
  return { href: `${PATH}/${id}`, rel: "urn.msys.webhooks.webhook", method: ["GET", "PUT"] };
}

function validateLink(id: string): object {
  return link(id, "validate", "urn.msys.webhooks.validate", "POST");
}

function link(id: string, what: string, rel: string, method: string): object {
  return { href: `${PATH}/${id}/${what}`, rel, method: [method] };
}
