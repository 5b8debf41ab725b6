/**
 * An HTTPS proxy in front of pebble for what pebble doesn't do: limits with Retry-After, renewal information, names for CAA records, and
 * being broken or hostile. Pebble makes its URLs from the Host header, so all of them lead back here.
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { localhostCertificate, type Pebble } from "./pebble.ts";

const PEBBLE_PATHS = {
  directory: "/dir",
  nonce: "/nonce-plz",
  newAccount: "/sign-me-up",
  newOrder: "/order-plz",
  authorization: "/authZ/",
  challenge: "/chalZ/",
  finalize: "/finalize-order/",
  order: "/my-order/",
  certificate: "/certZ/",
  renewalInfo: "/renewal-info/",
} as const;

/** What a request is about. */
export type CaResource = keyof typeof PEBBLE_PATHS;

interface SeenRequest {
  readonly resource: CaResource | undefined;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** Of a signed request that has one. */
  readonly payload: Readonly<Record<string, unknown>> | undefined;
}

export interface Exchange {
  readonly seen: SeenRequest;
  readonly response: ServerResponse;
  /** Lets pebble answer. The reply is for the fault to send on or to lose. */
  forward(): Promise<UpstreamReply>;
}

interface UpstreamReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What happens to a request instead of being answered by pebble. */
export type Fault = (exchange: Exchange) => Promise<void> | void;

export interface FaultProxy {
  readonly directoryUrl: string;
  /** Every request, oldest first. */
  readonly requests: readonly SeenRequest[];
  /** What renewal information says of every certificate; without it the directory has none. May be changed. */
  renewal: { readonly body: object; readonly retryAfter?: string } | undefined;
  /** For CAA records. May be changed. */
  caaIdentities: readonly string[];
  /** The next `times` requests for this resource meet the fault. Given again, it takes the place of what is left. */
  inject(resource: CaResource, fault: Fault, times?: number): void;
  count(resource: CaResource): number;
  close(): Promise<void>;
}

/** Answers in pebble's place. */
export function reply(status: number, headers: Record<string, string>, body: string | Buffer): Fault {
  return ({ response }) => {
    response.writeHead(status, headers).end(body);
  };
}

/** A problem document (RFC 9457). */
export function problem(
  status: number,
  type: string,
  headers: Record<string, string> = {},
  more: object = {},
): Fault {
  const body = {
    type: `urn:ietf:params:acme:error:${type}`,
    detail: `the test says ${type}`,
    status,
    ...more,
  };
  return reply(status, { "content-type": "application/problem+json", ...headers }, JSON.stringify(body));
}

/** Cuts the connection before pebble has seen the request. */
export const dropRequest: Fault = ({ response }) => {
  response.socket?.destroy();
};

/** Cuts the connection when pebble has done what was asked. */
export const dropReply: Fault = async ({ response, forward }) => {
  await forward();
  response.socket?.destroy();
};

/** Pebble's own JSON with other members. */
export function alter(change: (body: Record<string, unknown>) => Record<string, unknown>): Fault {
  return async ({ response, forward }) => {
    const { status, headers, body } = await forward();
    response.writeHead(status, headers).end(JSON.stringify(change(JSON.parse(body.toString()))));
  };
}

/** Pebble's own reply with further headers. */
export function addHeaders(more: Record<string, string>): Fault {
  return async ({ response, forward }) => {
    const { status, headers, body } = await forward();
    response.writeHead(status, { ...headers, ...more }).end(body);
  };
}

/** Pebble's own reply, late. */
export function delay(ms: number): Fault {
  return async ({ response, forward }) => {
    const { status, headers, body } = await forward();
    await sleep(ms, undefined, { ref: false });
    response.writeHead(status, headers).end(body);
  };
}

export async function startFaultProxy(pebble: Pebble): Promise<FaultProxy> {
  const faults = new Map<CaResource, { fault: Fault; left: number }>();
  const requests: SeenRequest[] = [];
  const server = createServer({ cert: localhostCertificate.cert, key: localhostCertificate.key });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `https://localhost:${(server.address() as AddressInfo).port}`;

  const proxy: FaultProxy = {
    directoryUrl: `${origin}${PEBBLE_PATHS.directory}`,
    requests,
    renewal: undefined,
    caaIdentities: [],
    inject: (resource, fault, times = 1) => faults.set(resource, { fault, left: times }),
    count: (resource) => requests.filter((one) => one.resource === resource).length,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };

  const takeFault = (resource: CaResource | undefined): Fault | undefined => {
    const next = resource === undefined ? undefined : faults.get(resource);
    if (next === undefined || next.left === 0) return undefined;
    next.left -= 1;
    return next.fault;
  };
  const ownFault: Fault = async (exchange) => {
    const { seen, response } = exchange;
    if (seen.resource === "renewalInfo" && proxy.renewal !== undefined) {
      const { body, retryAfter } = proxy.renewal;
      const headers = {
        "content-type": "application/json",
        ...(retryAfter === undefined ? {} : { "retry-after": retryAfter }),
      };
      return reply(200, headers, JSON.stringify(body))(exchange);
    }
    if (seen.resource === "directory") return alter((body) => withOwnEntries(body, origin, proxy))(exchange);
    const { status, headers, body } = await exchange.forward();
    response.writeHead(status, headers).end(body);
  };

  server.on("request", async (incoming: IncomingMessage, response: ServerResponse) => {
    const body = Buffer.concat(await incoming.toArray());
    const seen = readRequest(incoming, body);
    requests.push(seen);
    const fault = takeFault(seen.resource) ?? ownFault;
    try {
      await fault({ seen, response, forward: () => forward(pebble, incoming, body) });
    } catch {
      // Pebble is gone, and so is the CA for whoever asked.
      response.socket?.destroy();
    }
  });
  return proxy;
}

function withOwnEntries(
  directory: Record<string, unknown>,
  origin: string,
  { renewal, caaIdentities }: FaultProxy,
): Record<string, unknown> {
  return {
    ...directory,
    ...(renewal === undefined ? {} : { renewalInfo: `${origin}/renewal-info` }),
    meta: { ...(directory["meta"] as object), caaIdentities },
  };
}

function readRequest({ url: path = "", headers }: IncomingMessage, body: Buffer): SeenRequest {
  const resource = (Object.keys(PEBBLE_PATHS) as CaResource[]).find((name) =>
    path.startsWith(PEBBLE_PATHS[name]),
  );
  const payload = body.length === 0 ? "" : JSON.parse(body.toString()).payload;
  const json = Buffer.from(payload, "base64url").toString();
  return { resource, path, headers, payload: json === "" ? undefined : JSON.parse(json) };
}

async function forward(pebble: Pebble, incoming: IncomingMessage, body: Buffer): Promise<UpstreamReply> {
  const { method = "GET", url = "/", headers } = incoming;
  const target = new URL(url, pebble.directoryUrl);
  const upstream = request(target, { method, headers, ca: pebble.caPem, agent: false });
  upstream.end(body);
  const [response] = (await once(upstream, "response")) as [IncomingMessage];
  const kept = ["content-type", "replay-nonce", "location", "retry-after", "link"];
  return {
    status: response.statusCode ?? 502,
    headers: Object.fromEntries(
      kept.flatMap((name) => {
        const value = response.headers[name];
        return value === undefined ? [] : [[name, String(value)]];
      }),
    ),
    body: Buffer.concat(await response.toArray()),
  };
}
