/** What every request to a certificate authority needs: its directory, its nonces and our account there (RFC 8555 sections 6 and 7.1 to 7.3). */
import { AcmeError, localProblem } from "./acme-error.ts";
import {
  type CaReply,
  createTransport,
  problemOf,
  readJson,
  type Transport,
  type TransportOptions,
} from "./acme-transport.ts";
import {
  type AccountKey,
  bindExternalAccount,
  type ExternalAccount,
  readAccountKey,
  signRequest,
} from "./jws.ts";

export interface SessionOptions extends TransportOptions {
  readonly accountKeyPem: string;
  readonly termsAgreed: boolean;
  readonly contactEmail?: string | undefined;
  readonly externalAccount?: ExternalAccount | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  /** Where the CA has renewal information (RFC 9773). */
  readonly renewalInfo: string | undefined;
  readonly caaIdentities: readonly string[];
}

export interface SignedRequest {
  readonly url: string;
  /** None makes it a POST-as-GET. */
  readonly payload?: object | undefined;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface Session {
  readonly directory: Directory;
  readonly accountUrl: string;
  readonly thumbprint: string;
  /** A reply of any status, except that `badNonce` is tried again. Throws as {@link Transport} does. */
  post(request: SignedRequest): Promise<CaReply>;
  /** Unsigned. */
  get(url: string, signal?: AbortSignal): Promise<CaReply>;
}

// A CA under load, or one that wants to know, refuses many in a row.
const MAX_NONCE_TRIES = 12;
const MAX_NONCES = 16;
const MAX_CAA_IDENTITIES = 20;

/**
 * Finds the account that belongs to the key, or creates it. Throws an {@link AcmeError}, `userActionRequired` when the CA has terms
 * that were not agreed to.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { signal } = options;
  const key = readAccountKey(options.accountKeyPem);
  const send = createTransport(options);
  const { directory, hasTerms } = readDirectory(
    readJson(await send({ method: "GET", url: options.directoryUrl, signal })),
  );
  const post = signedPosts({ send, key, directory });
  const accountUrl = await findAccount({ ...options, hasTerms, key, directory, post });
  return {
    directory,
    accountUrl,
    thumbprint: key.thumbprint,
    post: (request) => post(request, accountUrl),
    get: (url, abort) => send({ method: "GET", url, signal: abort }),
  };
}

type Post = (request: SignedRequest, kid?: string) => Promise<CaReply>;

function signedPosts(deps: { send: Transport; key: AccountKey; directory: Directory }): Post {
  const { send, key, directory } = deps;
  let nonces: string[] = [];
  const keep = ({ nonce }: CaReply): void => {
    if (nonce !== undefined && nonces.length < MAX_NONCES) nonces.push(nonce);
  };
  const takeNonce = async (signal: AbortSignal | undefined): Promise<string> => {
    const pooled = nonces.pop();
    if (pooled !== undefined) return pooled;
    const reply = await send({ method: "HEAD", url: directory.newNonce, signal });
    if (reply.status >= 400) throw problemOf(reply);
    if (reply.nonce === undefined) throw localProblem("invalidResponse", "the CA gave no nonce", reply);
    return reply.nonce;
  };

  return async ({ payload, ...request }, kid) => {
    for (let tries = 1; ; tries += 1) {
      const nonce = await takeNonce(request.signal);
      const body = signRequest(key, { nonce, url: request.url, kid }, payload);
      const reply = await send({ method: "POST", body, ...request });
      const isRefused = reply.status === 400 && problemOf(reply).type === "badNonce";
      // Those of the same age are refused too; the reply has a fresh one (RFC 8555 section 6.5).
      if (isRefused) nonces = [];
      keep(reply);
      if (!isRefused || tries === MAX_NONCE_TRIES) return reply;
    }
  };
}

interface AccountSearch extends SessionOptions {
  readonly hasTerms: boolean;
  readonly key: AccountKey;
  readonly directory: Directory;
  readonly post: Post;
}

/** Asks first: a CA whose external account credentials are good for one account refuses them the second time. */
async function findAccount(search: AccountSearch): Promise<string> {
  const { post, signal, directory, key, externalAccount, contactEmail } = search;
  const url = directory.newAccount;
  const found = await post({ url, payload: { onlyReturnExisting: true }, signal });
  if (found.status < 400) return accountUrlOf(found);
  const refusal = problemOf(found);
  // Some CAs see that the binding is missing before they see that there is no account.
  const asksForBinding = refusal.type === "externalAccountRequired" && externalAccount !== undefined;
  if (refusal.type !== "accountDoesNotExist" && !asksForBinding) throw refusal;
  if (search.hasTerms && !search.termsAgreed)
    throw new AcmeError("userActionRequired", "the CA's terms of service have not been agreed to");
  const payload = {
    termsOfServiceAgreed: search.termsAgreed,
    ...(contactEmail === undefined ? {} : { contact: [`mailto:${contactEmail}`] }),
    ...(externalAccount === undefined
      ? {}
      : { externalAccountBinding: bindExternalAccount(key, externalAccount, url) }),
  };
  return accountUrlOf(await post({ url, payload, signal }));
}

function accountUrlOf(reply: CaReply): string {
  const { status } = readJson(reply);
  if (status !== undefined && status !== "valid")
    throw new AcmeError("unauthorized", "the CA has deactivated or revoked this account");
  if (reply.location === undefined) throw localProblem("invalidResponse", "the CA gave no account URL");
  return reply.location;
}

function readDirectory(answer: Readonly<Record<string, unknown>>): {
  directory: Directory;
  hasTerms: boolean;
} {
  const urlOf = (name: string): string => {
    const url = answer[name];
    if (typeof url !== "string") throw localProblem("invalidResponse", `the CA's directory has no ${name}`);
    return url;
  };
  const meta: { termsOfService?: unknown; caaIdentities?: unknown } =
    typeof answer["meta"] === "object" && answer["meta"] !== null ? answer["meta"] : {};
  const identities = Array.isArray(meta.caaIdentities) ? meta.caaIdentities : [];
  return {
    directory: {
      newNonce: urlOf("newNonce"),
      newAccount: urlOf("newAccount"),
      newOrder: urlOf("newOrder"),
      renewalInfo: answer["renewalInfo"] === undefined ? undefined : urlOf("renewalInfo"),
      caaIdentities: identities.filter((name) => typeof name === "string").slice(0, MAX_CAA_IDENTITIES),
    },
    hasTerms: meta.termsOfService !== undefined,
  };
}
