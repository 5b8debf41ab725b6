/** `/api/v1/session`: signing in to the console with an API key, and who is signed in. */
import { type Static, Type } from "typebox";

import type { AuditEntry, AuditKind } from "../domain/audit.ts";
import { AppError } from "../domain/errors.ts";
import type { Authenticate } from "./authentication.ts";
import type { Principal, SubaccountReader } from "./principal.ts";
import { type Call, type Reply, type Route, route, routeWithBody } from "./route.ts";
import {
  endedSessionCookie,
  hashSessionId,
  isFromConsole,
  newSessionId,
  sessionCookie,
} from "./session-cookie.ts";

export interface SessionStore {
  /** `false`: the key is gone. */
  create(
    session: { readonly idHash: string; readonly keyId: string; readonly expiresAtMs: number },
    nowMs: number,
  ): Promise<boolean>;
  remove(idHash: string): Promise<boolean>;
}

export interface SessionDeps {
  readonly sessions: SessionStore;
  readonly authenticate: Authenticate;
  readonly subaccounts: SubaccountReader;
  readonly auditTrail: { record(entry: AuditEntry): Promise<void> };
  /** How long a session lasts at most. */
  readonly lifetimeMs: number;
  readonly version: string;
  readonly now: () => number;
}

const URL = "/api/v1/session";
const SESSION = Type.Object(
  {
    key_id: Type.String(),
    key_label: Type.String(),
    grants: Type.Array(Type.String()),
    subaccount_id: Type.Optional(Type.Integer({ minimum: 1 })),
    subaccount_name: Type.Optional(Type.String()),
    expires_at: Type.Optional(
      Type.String({
        format: "date-time",
        description: "When the session ends at the latest; absent for a key.",
      }),
    ),
    version: Type.String({ description: "Waypost's." }),
  },
  { additionalProperties: false },
);
const REPLY = Type.Object({ results: SESSION }, { additionalProperties: false });
const SIGN_IN = Type.Object({
  key: Type.String({
    maxLength: 256,
    description: "An API key.",
    example: "14ac5499cfdd2bb2859e4476d2e5b1d2bad079bf",
  }),
});

export function sessionRoutes(deps: SessionDeps): readonly Route[] {
  const base = { tag: "Console", url: URL, ignoresSubaccount: true } as const;
  return [
    routeWithBody({
      ...base,
      method: "POST",
      grant: "public",
      summary: "Sign in to the console",
      description:
        "For the console's own pages, which send `X-Waypost-Console`: sets a cookie that stands for the key until it ends, is signed out of, or the key is revoked. Programs send the key with each request instead.",
      body: SIGN_IN,
      replies: { 200: REPLY },
      failures: [400, 401, 403, 429],
      audited: false,
      handle: (call) => signIn(call, call.body, deps),
    }),
    route({
      ...base,
      method: "GET",
      grant: "any",
      summary: "Show whose key this is, and what it may do",
      replies: { 200: REPLY },
      handle: async ({ principal }) => ({
        status: 200,
        body: { results: await toWire(principal, deps) },
      }),
    }),
    route({
      ...base,
      method: "DELETE",
      grant: "any",
      summary: "Sign out of the console",
      replies: { 204: undefined },
      failures: [404],
      handle: (call) => signOut(call, deps),
    }),
  ];
}

async function signIn(call: Call, { key }: Static<typeof SIGN_IN>, deps: SessionDeps): Promise<Reply> {
  // Else another site could sign a browser in, to an account of its own.
  if (!isFromConsole(call.headers)) throw new AppError("forbidden", "only the console signs in");
  const principal = await recognise(call, key, deps);
  const id = newSessionId();
  const idHash = hashSessionId(id);
  const nowMs = deps.now();
  const expiresAtMs = nowMs + deps.lifetimeMs;
  if (!(await deps.sessions.create({ idHash, keyId: principal.keyId, expiresAtMs }, nowMs))) {
    throw new AppError("unauthorized", "the key was revoked just now");
  }
  const session = { ...principal, session: { idHash, expiresAtMs } };
  await deps.auditTrail.record(entry(call, "sign_in", { nowMs, principal: session }));
  return {
    status: 200,
    headers: { "set-cookie": sessionCookie(id, call.client) },
    body: { results: await toWire(session, deps) },
  };
}

/** Failures are written down too, but not those that nobody looked at because there were too many. */
async function recognise(call: Call, key: string, deps: SessionDeps): Promise<Principal> {
  try {
    return await deps.authenticate({
      authorization: key,
      sessionId: undefined,
      address: call.client.address,
    });
  } catch (error) {
    if (error instanceof AppError && (error.code === "unauthorized" || error.code === "forbidden")) {
      await deps.auditTrail.record(entry(call, "sign_in_failed", { nowMs: deps.now() }));
    }
    throw error;
  }
}

async function signOut({ principal, client }: Call, { sessions }: SessionDeps): Promise<Reply> {
  const { session } = principal;
  if (session === undefined || !(await sessions.remove(session.idHash))) {
    throw new AppError("not_found", "There is no session: a key alone needs no signing out");
  }
  return { status: 204, headers: { "set-cookie": endedSessionCookie(client) } };
}

function entry(
  { client }: Call,
  kind: AuditKind,
  { nowMs, principal }: { readonly nowMs: number; readonly principal?: Principal },
): AuditEntry {
  return {
    atMs: nowMs,
    kind,
    keyId: principal?.keyId,
    keyLabel: principal?.keyLabel,
    via: principal === undefined ? "none" : "session",
    subaccountId: principal?.subaccountId,
    address: client.address,
    action: kind === "sign_in" ? "Sign in to the console" : "Sign-in to the console that failed",
    method: "POST",
    path: URL,
    fields: {},
  };
}

async function toWire(principal: Principal, deps: SessionDeps): Promise<Static<typeof SESSION>> {
  const { keyId, keyLabel, grants, subaccountId, session } = principal;
  const subaccount = subaccountId === undefined ? undefined : await deps.subaccounts.find(subaccountId);
  return {
    key_id: keyId,
    key_label: keyLabel,
    grants: [...grants],
    ...(subaccountId === undefined ? {} : { subaccount_id: subaccountId }),
    ...(subaccount === undefined ? {} : { subaccount_name: subaccount.name }),
    ...(session === undefined ? {} : { expires_at: new Date(session.expiresAtMs).toISOString() }),
    version: deps.version,
  };
}
