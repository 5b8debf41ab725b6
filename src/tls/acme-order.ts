/**
 * One order, from wherever it stands to its certificate (RFC 8555 sections 7.1.6, 7.4 and 7.5). The CA has the order's state; each turn of
 * the loop reads it and takes the step that it calls for, so that a new order, one that outlived a restart and one whose
 * request was lost on the way are all the same.
 */
import { type CheckedCertificate, checkCertificate, PROBLEM_TEXTS } from "../domain/certificate.ts";
import type { Hostname } from "../domain/hostname.ts";
import { AcmeError, localProblem, readProblem } from "./acme-error.ts";
import type { Session } from "./acme-session.ts";
import { type CaReply, problemOf, readJson } from "./acme-transport.ts";
import { createCsr } from "./csr.ts";
import { createOrderRun, type OrderRun, type OrderRunOptions } from "./order-run.ts";

export interface ObtainOptions extends OrderRunOptions {
  readonly keyPem: string;
  readonly orderUrl?: string | undefined;
  /** Of the certificate that this one takes the place of (`renewalId`). */
  readonly replacedId: string | undefined;
  readonly onOrder: (orderUrl: string) => Promise<void>;
}

interface Order {
  readonly url: string;
  readonly status: OrderStatus;
  readonly names: readonly unknown[];
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate: string | undefined;
  /** A problem document, when there is one. */
  readonly error: unknown;
}

interface Authorization {
  readonly status: unknown;
  readonly challenge: { readonly url: string; readonly status: unknown; readonly error: unknown };
}

const ORDER_STATUSES = ["pending", "ready", "processing", "valid", "invalid"] as const;
type OrderStatus = (typeof ORDER_STATUSES)[number];

// One name has one.
const MAX_AUTHORIZATIONS = 4;
// What the edge answers.
const TOKEN = /^[A-Za-z0-9_-]{1,128}$/;
const CHAIN_TYPE = "application/pem-certificate-chain";

/** Throws an {@link AcmeError}, or the signal's reason. */
export async function obtainCertificate(
  session: Session,
  name: Hostname,
  options: ObtainOptions,
): Promise<CheckedCertificate> {
  const csr = createCsr(name, options.keyPem).toString("base64url");
  const run = createOrderRun(session, options);
  // Some CAs keep a challenge "pending" while they validate, and would start again.
  const answered = new Set<string>();
  let order = await resume(run, name, options.orderUrl);
  if (order === undefined) {
    order = await create(run, session.directory.newOrder, { name, replacedId: options.replacedId });
    await options.onOrder(order.url);
  }
  for (;;) {
    if (order.status === "invalid") throw await failureOf(run, order);
    if (order.status === "pending") await answerChallenges(run, order, answered);
    if (order.status === "ready") await finalize(run, order, csr);
    if (order.status === "valid") {
      const chain = await download(run, order);
      if (chain !== undefined) return readChain(chain, name, options.keyPem);
    }
    await run.pause();
    order = await readAgain(run, order);
  }
}

/** The order that was begun earlier, when there is still something to be had from it. */
async function resume(run: OrderRun, name: Hostname, url: string | undefined): Promise<Order | undefined> {
  if (url === undefined) return undefined;
  try {
    const order = parseOrder(await run.call(url), url);
    return order.status !== "invalid" && order.names.includes(name) ? order : undefined;
  } catch (error) {
    if (error instanceof AcmeError && !error.isTemporary) return undefined;
    throw error;
  }
}

interface NewOrder {
  readonly name: Hostname;
  readonly replacedId: string | undefined;
}

async function create(run: OrderRun, url: string, { name, replacedId }: NewOrder): Promise<Order> {
  const identifiers = [{ type: "dns", value: name }];
  if (replacedId === undefined) return parseNewOrder(await run.call(url, { identifiers }));
  try {
    return parseNewOrder(await run.call(url, { identifiers, replaces: replacedId }));
  } catch (error) {
    if (!(error instanceof AcmeError) || error.isTemporary) throw error;
    // Replaced before, or by another account: no reason to stay without a certificate (RFC 9773 section 5).
    return create(run, url, { name, replacedId: undefined });
  }
}

function parseNewOrder(reply: CaReply): Order {
  if (reply.location === undefined) throw localProblem("invalidResponse", "the CA gave no order URL");
  return parseOrder(reply, reply.location);
}

async function readAgain(run: OrderRun, order: Order): Promise<Order> {
  const next = await run.tolerate(async () => parseOrder(await run.call(order.url), order.url));
  if (next === undefined) return order;
  if (next.status !== order.status) run.startOver();
  return next;
}

/** Throws why a validation failed, if one did. */
async function answerChallenges(run: OrderRun, order: Order, answered: Set<string>): Promise<void> {
  for (const url of order.authorizations) {
    const authorization = await run.tolerate(async () => parseAuthorization(await run.call(url)));
    if (authorization === undefined || authorization.status === "valid") continue;
    const { status, challenge } = authorization;
    if (status !== "pending") throw readProblem(challenge.error);
    if (challenge.status !== "pending" || answered.has(challenge.url)) continue;
    const reply = await run.tolerate(() => run.call(challenge.url, {}));
    if (reply !== undefined) answered.add(challenge.url);
  }
}

async function finalize(run: OrderRun, order: Order, csr: string): Promise<void> {
  await run.tolerate(() => run.call(order.finalize, { csr }));
}

async function download(run: OrderRun, { certificate }: Order): Promise<CaReply | undefined> {
  if (certificate === undefined) throw localProblem("invalidResponse", "the CA's order names no certificate");
  return run.tolerate(async () => {
    const reply = await run.read(certificate, CHAIN_TYPE);
    if (reply.status >= 400) throw problemOf(reply);
    if (reply.status !== 200 || reply.contentType !== CHAIN_TYPE)
      throw localProblem("invalidResponse", "the CA sent something other than a certificate", reply);
    return reply;
  });
}

function readChain({ body }: CaReply, name: Hostname, keyPem: string): CheckedCertificate {
  const pem = { certificate: body.toString("latin1"), privateKey: keyPem };
  const checked = checkCertificate(pem, name, Date.now());
  if (checked.ok) return checked.certificate;
  throw localProblem("invalidResponse", `the CA's certificate ${PROBLEM_TEXTS[checked.problem]}`);
}

/** The validation that failed says more than the order. */
async function failureOf(run: OrderRun, order: Order): Promise<AcmeError> {
  for (const url of order.authorizations) {
    const authorization = await run.tolerate(async () => parseAuthorization(await run.call(url)));
    if (authorization?.challenge.error !== undefined) return readProblem(authorization.challenge.error);
  }
  return readProblem(order.error);
}

function parseOrder(reply: CaReply, url: string): Order {
  const { status, identifiers, authorizations, finalize: finalizeUrl, certificate, error } = readJson(reply);
  const known = ORDER_STATUSES.find((one) => one === status);
  if (known === undefined || !isTextList(authorizations) || typeof finalizeUrl !== "string")
    throw localProblem("invalidResponse", "the CA's order can't be read");
  return {
    url,
    status: known,
    names: Array.isArray(identifiers) ? identifiers.filter(isObject).map(({ value }) => value) : [],
    authorizations,
    finalize: finalizeUrl,
    certificate: typeof certificate === "string" ? certificate : undefined,
    error,
  };
}

function parseAuthorization(reply: CaReply): Authorization {
  const { status, challenges } = readJson(reply);
  const offered = Array.isArray(challenges) ? challenges.filter(isObject) : [];
  const challenge = offered.find(({ type }) => type === "http-01");
  if (challenge === undefined) throw localProblem("unsupported", "the CA offers no HTTP-01 challenge");
  const { url, token } = challenge;
  if (typeof url !== "string" || typeof token !== "string" || !TOKEN.test(token))
    throw localProblem("invalidResponse", "the CA's challenge can't be read");
  return { status, challenge: { url, status: challenge["status"], error: challenge["error"] } };
}

function isTextList(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_AUTHORIZATIONS &&
    value.every((one) => typeof one === "string")
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
