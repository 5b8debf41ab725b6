/** What somebody says of a webhook, and what is said of it in return: SparkPost's names, secrets masked. */
import { type Static, Type } from "typebox";

import { AppError } from "../domain/errors.ts";
import { EVENT_TYPES } from "../domain/event.ts";
import { OPERATIONAL_KINDS } from "../domain/operational-event.ts";
import { MAX_SUBACCOUNT_ID, type SubaccountId } from "../domain/subaccount.ts";
import { parseCustomHeaders } from "../webhooks/custom-headers.ts";
import { isSameOrigin, parseTarget, type TargetPolicy } from "../webhooks/target-url.ts";
import {
  AUTH_TYPES,
  type TokenField,
  WEBHOOK_KINDS,
  type WebhookAuth,
  type WebhookKind,
  type WebhookSecrets,
} from "../webhooks/webhook.ts";
import { oneOf } from "./openapi.ts";

/** Stands for a stored secret. Sent back, it leaves the secret as it is. */
const MASK = "********";

/** What SparkPost sends and Waypost never does: accepted, so that a client's list of events goes on working. */
const FOREIGN_EVENT_TYPES = [
  ...["bounce", "delivery", "injection", "spam_complaint", "out_of_band", "policy_rejection", "delay"],
  ...["sms_status", "list_unsubscribe", "generation_failure", "generation_rejection"],
  ...["relay_injection", "relay_rejection", "relay_delivery", "relay_tempfail", "relay_permfail"],
  ...["ab_test_completed", "ab_test_cancelled", "success", "error"],
];
const KNOWN_EVENTS: Readonly<Record<WebhookKind, readonly string[]>> = {
  events: [...EVENT_TYPES, ...FOREIGN_EVENT_TYPES],
  operational: OPERATIONAL_KINDS,
};
const NAME = Type.String({
  minLength: 1,
  maxLength: 1024,
  description: "What people call it.",
  example: "Engagement",
});
const TARGET = Type.String({
  description: "http or https, at its standard port.",
  example: "https://example.com/webhooks",
});
const EVENTS = Type.Array(oneOf(Object.values(KNOWN_EVENTS).flat()), {
  minItems: 1,
  maxItems: 100,
  description: `Of kind \`events\`: those that \`GET /api/v1/webhooks/events/documentation\` lists; SparkPost's others are accepted and never sent. Of kind \`operational\`: ${OPERATIONAL_KINDS.map((kind) => `\`${kind}\``).join(", ")}.`,
});
const OPTIONAL_FIELDS = {
  active: Type.Optional(
    Type.Boolean({
      description:
        "`false`: nothing is sent, and what happens meanwhile is not sent later. A replay can send it.",
    }),
  ),
  custom_headers: Type.Optional(
    Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]), {
      description: "Up to 5 headers with 3000 bytes in all.",
    }),
  ),
  auth_type: Type.Optional(
    Type.Enum([...AUTH_TYPES], {
      description:
        "How the target knows the sender: `basic` by `auth_credentials`, `oauth2` by access tokens that `auth_request_details` gets. Default: none.",
    }),
  ),
  auth_credentials: Type.Optional(
    Type.Object(
      {
        username: Type.Optional(Type.String({ description: "Without a colon." })),
        password: Type.Optional(Type.String({ description: "Empty when absent." })),
      },
      { description: "Of `auth_type` basic. `username` is required." },
    ),
  ),
  auth_request_details: Type.Optional(
    Type.Object(
      {
        url: Type.Optional(Type.String({ description: "Where access tokens are asked for." })),
        body: Type.Optional(
          Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), {
            description:
              "What is sent there, as a form; as JSON to a server that does not take forms. Up to 20 fields with 4096 bytes in all.",
          }),
        ),
      },
      { description: "Of `auth_type` oauth2, both are required." },
    ),
  ),
  auth_token: Type.Optional(
    Type.String({ description: "Sent as `X-MessageSystems-Webhook-Token`. Use `auth_type` instead." }),
  ),
  exception_subaccounts: Type.Optional(
    Type.Array(Type.Union([Type.Integer(), Type.String()]), {
      maxItems: 10,
      description: "Of a webhook of all subaccounts: those whose events it does not get.",
    }),
  ),
};
export const CREATE_WEBHOOK = Type.Object({
  name: NAME,
  target: TARGET,
  events: EVENTS,
  kind: Type.Optional(
    Type.Enum([...WEBHOOK_KINDS], {
      description: "`events` (default): what recipients do. `operational`: what happens to the installation.",
    }),
  ),
  ...OPTIONAL_FIELDS,
});
export const UPDATE_WEBHOOK = Type.Object({
  name: Type.Optional(NAME),
  target: Type.Optional(TARGET),
  events: Type.Optional(EVENTS),
  ...OPTIONAL_FIELDS,
});
export type WebhookBody = Static<typeof UPDATE_WEBHOOK>;

/** Fields of a token request that are no secrets. */
const SHOWN_TOKEN_FIELDS: ReadonlySet<string> = new Set([
  "client_id",
  "grant_type",
  "scope",
  "audience",
  "resource",
]);
const MAX_CREDENTIAL_CHARS = 1024;
const MAX_TOKEN_FIELDS = 20;
const MAX_TOKEN_BYTES = 4096;

export function parseEvents(events: readonly string[], kind: WebhookKind): readonly string[] {
  const unknown = events.find((type) => !KNOWN_EVENTS[kind].includes(type));
  if (unknown !== undefined) throw invalid(`field 'events' has the unknown type '${unknown}'`);
  return [...new Set(events)];
}

export function parseExceptions(
  entries: readonly (number | string)[],
  allSubaccounts: boolean,
): readonly SubaccountId[] {
  if (entries.length > 0 && !allSubaccounts)
    throw invalid("field 'exception_subaccounts' is for webhooks of all subaccounts");
  return entries.map((entry) => {
    const id = /^\d{1,10}$/.test(String(entry)) ? Number(entry) : Number.NaN;
    if (!(id <= MAX_SUBACCOUNT_ID))
      throw invalid("field 'exception_subaccounts' must be numbers of subaccounts");
    return id;
  });
}

/** Whether somebody says anything about what is stored encrypted. */
export function namesSecrets(body: WebhookBody): boolean {
  const { auth_type, auth_credentials, auth_request_details, auth_token, custom_headers } = body;
  return [auth_type, auth_credentials, auth_request_details, auth_token, custom_headers].some(
    (value) => value !== undefined,
  );
}

/** The secrets after what somebody sent. `before`: those that are stored; nothing of them is lost that was not named. */
export function parseSecrets(
  body: WebhookBody,
  before: Omit<WebhookSecrets, "signing"> | undefined,
  policy: TargetPolicy,
): Omit<WebhookSecrets, "signing"> {
  const auth = parseAuth(body, before?.auth, policy);
  const given = body.custom_headers ?? before?.customHeaders ?? {};
  const customHeaders = parseCustomHeaders(
    Object.fromEntries(
      Object.entries(given).map(([name, value]) => [
        name,
        value === MASK ? keptValue(findHeader(before?.customHeaders, name), "custom_headers") : value,
      ]),
    ),
    auth.type !== "none",
  );
  const token = parseToken(body.auth_token, before?.token);
  return { auth, customHeaders, ...(token === undefined ? {} : { token }) };
}

/**
 * Throws for what is stored and would go on being used: for a target of another origin. Who may change a webhook may
 * not read its secrets, and a target of theirs would be told them.
 */
export function refuseKeptSecrets(
  { auth_type: type, auth_credentials, auth_request_details, auth_token, custom_headers }: WebhookBody,
  { auth, token, customHeaders }: Omit<WebhookSecrets, "signing">,
): void {
  const staysAuth = (type ?? auth.type) === auth.type;
  if (staysAuth && auth.type === "basic" && isKept(auth_credentials))
    throw mustBeSentAgain("auth_credentials.password", "target");
  if (staysAuth && auth.type === "oauth2" && isKept(auth_request_details?.body))
    throw mustBeSentAgain("auth_request_details.body", "target");
  if (token !== undefined && isKept(auth_token)) throw mustBeSentAgain("auth_token", "target");
  if (Object.keys(customHeaders).length > 0 && isKept(custom_headers))
    throw mustBeSentAgain("custom_headers", "target");
}

function isKept(given: object | string | undefined): boolean {
  if (typeof given !== "object") return given === undefined || given === MASK;
  return Object.values(given).includes(MASK);
}

function mustBeSentAgain(field: string, moved: string): AppError {
  return invalid(
    `field '${field}' must be sent again, unmasked: '${moved}' is on another server, and what is stored does not go there`,
  );
}

function parseAuth(body: WebhookBody, before: WebhookAuth | undefined, policy: TargetPolicy): WebhookAuth {
  switch (body.auth_type ?? before?.type ?? "none") {
    case "none":
      return { type: "none" };
    case "basic":
      return parseBasic(body.auth_credentials, before?.type === "basic" ? before : undefined);
    case "oauth2":
      return parseOAuth2(body.auth_request_details, before?.type === "oauth2" ? before : undefined, policy);
  }
}

type Basic = Extract<WebhookAuth, { readonly type: "basic" }>;
type OAuth2 = Extract<WebhookAuth, { readonly type: "oauth2" }>;

function parseBasic(given: WebhookBody["auth_credentials"], before: Basic | undefined): Basic {
  if (given === undefined && before !== undefined) return before;
  const { username, password = "" } = given ?? {};
  if (username === undefined || username === "") throw missing("auth_credentials.username");
  // RFC 7617 section 2: what is before the first colon is the name.
  if (username.includes(":") || !isCredential(username))
    throw invalid("field 'auth_credentials.username' has characters that it cannot have");
  const kept = password === MASK ? keptValue(before?.password, "auth_credentials.password") : password;
  if (!isCredential(kept))
    throw invalid("field 'auth_credentials.password' has characters that it cannot have");
  return { type: "basic", username, password: kept };
}

function isCredential(text: string): boolean {
  return text.length <= MAX_CREDENTIAL_CHARS && !/\p{Cc}/u.test(text);
}

function parseOAuth2(
  given: WebhookBody["auth_request_details"],
  before: OAuth2 | undefined,
  policy: TargetPolicy,
): OAuth2 {
  if (given === undefined && before !== undefined) return before;
  const { url, body } = given ?? {};
  if (url === undefined) throw missing("auth_request_details.url");
  if (body === undefined) throw missing("auth_request_details.body");
  const entries = Object.entries(body);
  const tokenUrl = parseTarget(url, "auth_request_details.url", policy);
  const isMoved = before !== undefined && !isSameOrigin(before.url, tokenUrl);
  if (isMoved && isKept(body)) throw mustBeSentAgain("auth_request_details.body", "auth_request_details.url");
  const kept = entries.map(([name, value]) => [
    name,
    value === MASK ? keptValue(before?.body[name], "auth_request_details.body") : value,
  ]);
  const fields = Object.fromEntries(kept) as Record<string, TokenField>;
  checkTokenFields(fields);
  return { type: "oauth2", url: tokenUrl, body: fields };
}

function checkTokenFields(fields: OAuth2["body"]): void {
  const entries = Object.entries(fields);
  if (entries.length > MAX_TOKEN_FIELDS)
    throw invalid(`field 'auth_request_details.body' may have at most ${MAX_TOKEN_FIELDS} entries`);
  const bytes = entries.reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(String(value)),
    0,
  );
  if (bytes > MAX_TOKEN_BYTES)
    throw invalid(`field 'auth_request_details.body' may have at most ${MAX_TOKEN_BYTES} bytes in all`);
}

function parseToken(given: string | undefined, before: string | undefined): string | undefined {
  if (given === undefined || given === MASK) return before;
  if (given === "") return undefined;
  if (!/^[!-~]{1,1024}$/.test(given)) throw invalid("field 'auth_token' has characters that it cannot have");
  return given;
}

function findHeader(headers: Readonly<Record<string, string>> = {}, name: string): string | undefined {
  return Object.entries(headers).find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1];
}

function keptValue<T>(stored: T | undefined, field: string): T {
  if (stored === undefined) throw invalid(`field '${field}' is masked: send the value itself`);
  return stored;
}

/** The part of a webhook that shows how its receiver knows who calls. */
export function shownSecrets({ auth, token, customHeaders }: WebhookSecrets): object {
  return {
    auth_type: auth.type,
    auth_request_details: auth.type === "oauth2" ? { url: auth.url, body: maskFields(auth.body) } : {},
    auth_credentials: auth.type === "basic" ? { username: auth.username, password: MASK } : {},
    auth_token: token === undefined ? "" : MASK,
    custom_headers: Object.fromEntries(Object.keys(customHeaders).map((name) => [name, MASK])),
  };
}

function maskFields(body: OAuth2["body"]): Record<string, TokenField> {
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, SHOWN_TOKEN_FIELDS.has(name) ? value : MASK]),
  );
}

function invalid(message: string): AppError {
  return new AppError("invalid_format", message);
}

function missing(field: string): AppError {
  return new AppError("missing_field", `field '${field}' is required`);
}
