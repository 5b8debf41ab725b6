/**
 * A receiver of webhooks, written from what SparkPost documents of its batches and from the Standard Webhooks
 * specification, not from the code that sends them. It refuses what is not as documented, and remembers the rest.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface ReceivedBatch {
  readonly batchId: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Of its events, in order; none for a test. */
  readonly eventIds: readonly string[];
  readonly events: readonly Readonly<Record<string, unknown>>[];
  readonly atMs: number;
}

/** What it does with a batch that is in order; answering is its business. */
export type Behaviour = (response: ServerResponse, batch: ReceivedBatch, incoming: IncomingMessage) => void;

export interface ReceiverOptions {
  readonly behave?: Behaviour;
  /** When given, a signature by one of these is required. */
  readonly secrets?: () => readonly string[];
  readonly port?: number;
  /** Speaks https, with this certificate. */
  readonly tls?: TlsIdentity;
}

export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** In the order in which they came, refused ones left out; tests too. */
  readonly batches: ReceivedBatch[];
  /** Why something was refused. */
  readonly complaints: string[];
  /** The events of accepted batches, each batch id once, in the order of its first arrival. */
  deliveredIds(): readonly string[];
  behave: Behaviour;
  /** From the next connection on; those that are open end. */
  showCertificate(identity: TlsIdentity): void;
}

const GROUPS: ReadonlySet<string> = new Set(["track_event", "unsubscribe_event", "operational_event"]);
const TOLERANCE_S = 300;

export const accept: Behaviour = (response) => response.end("OK");

export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const accepted = new Map<string, readonly string[]>();
  const handle = (incoming: IncomingMessage, response: ServerResponse): void => {
    void readAll(incoming).then((body) => {
      const { batch, complaint } = examine(incoming, body, options.secrets?.());
      if (batch === undefined) {
        receiver.complaints.push(complaint ?? "");
        response.writeHead(422).end(complaint);
        return;
      }
      receiver.batches.push(batch);
      response.on("finish", () => {
        const isAccepted = response.statusCode >= 200 && response.statusCode < 300;
        if (isAccepted && !accepted.has(batch.batchId)) accepted.set(batch.batchId, batch.eventIds);
      });
      receiver.behave(response, batch, incoming);
    });
  };
  const server = options.tls === undefined ? createServer(handle) : createTlsServer(options.tls, handle);
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: options.tls === undefined ? `http://127.0.0.1:${port}/hook` : `https://hooks.localhost:${port}/hook`,
    port,
    batches: [],
    complaints: [],
    deliveredIds: () => [...accepted.values()].flat(),
    behave: options.behave ?? accept,
    showCertificate: (identity) => {
      if (server instanceof TlsServer) server.setSecureContext(identity);
      server.closeAllConnections();
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return receiver;
}

async function readAll(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function examine(
  incoming: IncomingMessage,
  body: string,
  secrets: readonly string[] | undefined,
): { readonly batch?: ReceivedBatch; readonly complaint?: string } {
  const { headers, method } = incoming;
  const batchId = headers["x-messagesystems-batch-id"];
  if (method !== "POST") return { complaint: `the method is ${method}` };
  if (headers["content-type"] !== "application/json") return { complaint: "it is not JSON" };
  if (typeof batchId !== "string" || batchId === "") return { complaint: "it has no batch id" };
  if (secrets !== undefined && !secrets.some((secret) => isSignedBy(secret, headers, body)))
    return { complaint: "it is not signed" };
  const parsed: unknown = JSON.parse(body);
  if (!Array.isArray(parsed) || parsed.length === 0) return { complaint: "it is no array of events" };
  const events: Record<string, unknown>[] = [];
  for (const entry of parsed as { msys?: Record<string, Record<string, unknown>> }[]) {
    const groups = Object.entries(entry.msys ?? { none: {} });
    if (groups.length === 0 && parsed.length === 1) continue;
    const [group, event] = groups[0] ?? ["", {}];
    if (groups.length !== 1 || !GROUPS.has(group)) return { complaint: `an entry has the group ${group}` };
    const isAsDocumented = typeof event["event_id"] === "string" && /^\d+$/.test(`${event["timestamp"]}`);
    if (!isAsDocumented) return { complaint: "an event has no event_id or timestamp as text" };
    events.push(event);
  }
  const eventIds = events.map((event) => String(event["event_id"]));
  return { batch: { batchId, headers, body, eventIds, events, atMs: performance.now() } };
}

function isSignedBy(secret: string, headers: IncomingHttpHeaders, body: string): boolean {
  const [id, timestamp, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(
    (name) => headers[name],
  );
  if (typeof signatures !== "string" || Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_S)
    return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest();
  return signatures.split(" ").some((entry) => {
    const given = Buffer.from(entry.replace(/^v1,/, ""), "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
