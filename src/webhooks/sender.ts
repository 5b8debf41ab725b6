/** One POST to a receiver, with all that says who sent it: SparkPost's headers, the owner's, a signature. */
import type { AccessTokens, TokenOwner, TokenResult } from "./access-tokens.ts";
import type { Egress, Posted } from "./egress.ts";
import { signatureHeaders } from "./signature.ts";
import type { WebhookSecrets } from "./webhook.ts";

export interface Destination extends TokenOwner {
  readonly target: string;
  readonly secrets: WebhookSecrets;
}

export interface Parcel {
  /** The same at every attempt. */
  readonly batchId: string;
  /** Asked for right before each request: what has been erased by then is not in it. `undefined`: nothing is left to send. */
  readonly body: () => Promise<Buffer | undefined>;
  /** The replay it is part of. */
  readonly replay?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Sent {
  /** Who answered, or failed to. */
  readonly from: "target" | "tokens";
  readonly posted: Posted;
  readonly latencyMs: number;
}

export interface Sender {
  /** Rejects only as `body` does. */
  send(destination: Destination, parcel: Parcel): Promise<Sent>;
}

export interface SenderDeps {
  readonly egress: Pick<Egress, "post">;
  readonly tokens: AccessTokens;
  readonly now: () => number;
}

/** What receivers are tried with: SparkPost's. */
export const TEST_BODY = Buffer.from('[{"msys":{}}]');

export function createSender(deps: SenderDeps): Sender {
  return {
    async send(destination, parcel) {
      const startedAt = performance.now();
      const { from, posted } = await attempt(destination, parcel, deps);
      return { from, posted, latencyMs: Math.round(performance.now() - startedAt) };
    },
  };
}

type Attempted = Pick<Sent, "from" | "posted">;

async function attempt(destination: Destination, parcel: Parcel, deps: SenderDeps): Promise<Attempted> {
  const { auth } = destination.secrets;
  if (auth.type !== "oauth2") return post(destination, parcel, { deps, authorization: basic(auth) });
  const token = () => deps.tokens.get(destination, auth, parcel.signal);
  const first = await token();
  const sent = await postWith(first, destination, { parcel, deps });
  if (!isRefused(sent) || !first.ok || first.isFresh) return sent;
  // SparkPost's rule: 400 and 401 mean that the token has ended.
  deps.tokens.forget(destination.id);
  return postWith(await token(), destination, { parcel, deps });
}

function isRefused({ from, posted }: Attempted): boolean {
  return from === "target" && posted.kind === "answered" && [400, 401].includes(posted.reply.status);
}

async function postWith(
  token: TokenResult,
  destination: Destination,
  { parcel, deps }: { readonly parcel: Parcel; readonly deps: SenderDeps },
): Promise<Attempted> {
  if (!token.ok) return { from: "tokens", posted: token.posted };
  return post(destination, parcel, { deps, authorization: `Bearer ${token.token}` });
}

async function post(
  { target, secrets }: Destination,
  { batchId, body: makeBody, replay, signal }: Parcel,
  { deps, authorization }: { readonly deps: SenderDeps; readonly authorization: string | undefined },
): Promise<Attempted> {
  const body = await makeBody();
  if (body === undefined) return { from: "target", posted: { kind: "unanswered", reason: "nothing_left" } };
  const headers = {
    ...secrets.customHeaders,
    "Content-Type": "application/json",
    "User-Agent": "Waypost",
    "X-MessageSystems-Batch-ID": batchId,
    ...(secrets.token === undefined ? {} : { "X-MessageSystems-Webhook-Token": secrets.token }),
    ...(replay === undefined ? {} : { "X-Waypost-Replay": replay }),
    ...(authorization === undefined ? {} : { Authorization: authorization }),
    ...signatureHeaders({ id: batchId, body, nowMs: deps.now() }, secrets.signing),
  };
  const request = { url: target, headers, body, ...(signal === undefined ? {} : { signal }) };
  return { from: "target", posted: await deps.egress.post(request) };
}

function basic(auth: Exclude<WebhookSecrets["auth"], { readonly type: "oauth2" }>): string | undefined {
  if (auth.type === "none") return undefined;
  return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString("base64")}`;
}
