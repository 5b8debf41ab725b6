/** Routes are data: method, path, grant and schema in one row, so that no route can forget its grant. */
import type { IncomingHttpHeaders } from "node:http";

import type { Static, TSchema } from "typebox";

import type { Grant } from "../domain/grants.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { Principal, Tenant } from "./principal.ts";

/** One authenticated request, parsed. */
export interface Call<Body = unknown> {
  /** Decoded path parameters. */
  readonly params: Readonly<Record<string, string>>;
  /** Query parameters; of a repeated one, the last. */
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  readonly client: Client;
  /** Checked against the route's schema; `undefined` for routes without one. */
  readonly body: Body;
  readonly principal: Principal;
  readonly tenant: Tenant;
  /** Aborted when the reply has ended, or its client has gone before. */
  readonly gone: () => AbortSignal;
}

/** Where a request comes from. */
export interface Client {
  /** Behind a trusted proxy: the proxy's client. */
  readonly address: string;
  /** It came over TLS, as far as the last trusted proxy. */
  readonly isSecure: boolean;
}

export interface Reply {
  readonly status: number;
  /** Sent as JSON; a stream is JSON already; absent for 204. */
  readonly body?: unknown;
  /** `application/json` when absent. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the audit trail; never sent. */
  readonly audit?: AuditNote;
}

/** What the audit trail says of a change beyond what the request does. */
export interface AuditNote {
  /** The id of what was made: its path ends with it. */
  readonly created?: string;
  /** Whose the changed thing is, where that is not whom the request acts for. */
  readonly owner?: SubaccountId;
  /** None of it may be a secret: all of it is shown, in place of the request's field of that name. */
  readonly facts?: Readonly<Record<string, string | number>>;
}

export interface Parameter {
  readonly name: string;
  readonly description: string;
  readonly example?: string;
  /** Of a path: its value is personal, and stands in no audit trail. */
  readonly hidden?: true;
}

interface RouteDescription {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Fastify's pattern: `/api/v1/tracking-domains/:domain`. */
  readonly url: string;
  /** What the key must be granted; `any` key will do; `public` needs none. */
  readonly grant: Grant | "any" | "public";
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /**
   * It concerns the whole installation, or the caller alone: `X-MSYS-SUBACCOUNT` changes nothing, and a subaccount that is suspended may
   * call it whatever its method is.
   */
  readonly ignoresSubaccount?: true;
  readonly params?: readonly Parameter[];
  readonly query?: readonly Parameter[];
  /** Successful replies by status. */
  readonly replies: Readonly<Record<number, TSchema | undefined>>;
  /** Failures beyond those that every route of its kind can answer. */
  readonly failures?: readonly number[];
  /** What a reply of 200 streams instead of JSON: its media type. Such a route answers no HEAD, which would have to run through it. */
  readonly streams?: string;
  /** Largest body in bytes; 1 MiB when absent. */
  readonly bodyLimit?: number;
  /**
   * Every route but a GET writes an entry into the audit trail, with the names of the fields it was given. This lists those
   * whose text can be shown too, since it is no secret. `false`: a route that changes nothing, or writes its own entry.
   */
  readonly audited?: readonly string[] | false;
}

/** Another kind of body that a route takes, as it arrives: it may be larger than memory should hold. */
export interface RawBody {
  readonly contentType: string;
  readonly limitBytes: number;
  readonly handle: (call: Call<AsyncIterable<Buffer>>) => Promise<Reply>;
}

export interface Route extends RouteDescription {
  readonly body?: TSchema;
  readonly raw?: RawBody;
  readonly handle: (call: Call) => Promise<Reply>;
}

/** A route whose body is checked against a schema before the handler sees it. */
export function routeWithBody<Schema extends TSchema>(
  route: RouteDescription & {
    readonly body: Schema;
    readonly raw?: RawBody;
    readonly handle: (call: Call<Static<Schema>>) => Promise<Reply>;
  },
): Route {
  return { ...route, handle: (call) => route.handle(call as Call<Static<Schema>>) };
}

/** A route that reads no body: whatever is sent as one is ignored. */
export function route(
  description: RouteDescription & { readonly handle: (call: Call) => Promise<Reply> },
): Route {
  return description;
}

/** 200 with SparkPost's envelope. */
export function results(value: unknown): Reply {
  return { status: 200, body: { results: value } };
}
