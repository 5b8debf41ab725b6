/**
 * Access tokens for webhooks with `auth_type` oauth2: fetched from the receiver's authorization server, kept until they
 * end, fetched anew when the receiver no longer takes them.
 */
import type { Egress, Posted } from "./egress.ts";
import type { WebhookAuth } from "./webhook.ts";

export type OAuth2 = Extract<WebhookAuth, { readonly type: "oauth2" }>;

export interface TokenOwner {
  readonly id: string;
  /** Another one has credentials of its own. `undefined`: a test, whose token is for it alone. */
  readonly version: number | undefined;
}

export type TokenResult =
  | { readonly ok: true; readonly token: string; readonly isFresh: boolean }
  | { readonly ok: false; readonly posted: Posted };

export interface AccessTokensDeps {
  readonly egress: Pick<Egress, "post">;
  /** Milliseconds that never go back. */
  readonly clock: () => number;
}

interface KeptToken {
  readonly version: number;
  readonly token: string;
  readonly untilMs: number;
}

/** RFC 6749 section 5.1 leaves it to the server whether to say how long a token lasts. */
const USUAL_LIFE_S = 3600;
/** So much before its end a token is not used any more. */
const MARGIN_MS = 60_000;
const MAX_TOKENS = 10_000;
/** What a header may hold (RFC 6750 section 2.1 allows less). */
const TOKEN = /^[!-~]{1,6000}$/;

/**
 * The standard's form comes first. Servers that were made for SparkPost may take JSON alone: they answer the form with
 * one of these.
 */
const ENCODINGS = [
  {
    contentType: "application/x-www-form-urlencoded",
    encode: (body: OAuth2["body"]) => {
      const form = new URLSearchParams();
      for (const [name, value] of Object.entries(body)) form.append(name, String(value));
      return form.toString();
    },
  },
  { contentType: "application/json", encode: (body: OAuth2["body"]) => JSON.stringify(body) },
] as const;
const WRONG_ENCODING: ReadonlySet<number> = new Set([400, 415, 422]);

export class AccessTokens {
  readonly #deps: AccessTokensDeps;
  readonly #kept = new Map<string, KeptToken>();

  constructor(deps: AccessTokensDeps) {
    this.#deps = deps;
  }

  async get(owner: TokenOwner, auth: OAuth2, signal?: AbortSignal): Promise<TokenResult> {
    const { id, version } = owner;
    const kept = this.#kept.get(id);
    const isUsable = kept !== undefined && kept.version === version && this.#deps.clock() < kept.untilMs;
    if (isUsable) return { ok: true, token: kept.token, isFresh: false };
    const posted = await this.#ask(auth, signal);
    const granted = parseGrant(posted);
    if (granted === undefined) return { ok: false, posted };
    const untilMs = this.#deps.clock() + granted.lifeMs - MARGIN_MS;
    if (version !== undefined) this.#keep(id, { version, token: granted.token, untilMs });
    return { ok: true, token: granted.token, isFresh: true };
  }

  #keep(webhookId: string, token: KeptToken): void {
    // The oldest makes room.
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= MAX_TOKENS && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.delete(webhookId);
    this.#kept.set(webhookId, token);
  }

  /** The receiver did not take it. */
  forget(webhookId: string): void {
    this.#kept.delete(webhookId);
  }

  async #ask(auth: OAuth2, signal: AbortSignal | undefined): Promise<Posted> {
    let posted: Posted = { kind: "unanswered", reason: "not_asked" };
    for (const { contentType, encode } of ENCODINGS) {
      posted = await this.#deps.egress.post({
        url: auth.url,
        headers: { "content-type": contentType, accept: "application/json" },
        body: Buffer.from(encode(auth.body)),
        ...(signal === undefined ? {} : { signal }),
      });
      if (posted.kind === "unanswered" || !WRONG_ENCODING.has(posted.reply.status)) break;
    }
    return posted;
  }
}

function parseGrant(posted: Posted): { token: string; lifeMs: number } | undefined {
  if (posted.kind === "unanswered" || posted.reply.status < 200 || posted.reply.status > 299)
    return undefined;
  let body: unknown;
  try {
    body = JSON.parse(posted.reply.body);
  } catch {
    return undefined;
  }
  if (typeof body !== "object" || body === null || !("access_token" in body)) return undefined;
  const { access_token: token } = body;
  if (typeof token !== "string" || !TOKEN.test(token)) return undefined;
  const seconds = "expires_in" in body ? Number(body.expires_in) : Number.NaN;
  return { token, lifeMs: (seconds > 0 ? seconds : USUAL_LIFE_S) * 1000 };
}
