/** The audit trail: the entry that a changing request leaves, and `GET /api/v1/audit` to read them. */
import { Type } from "typebox";

import { AUDIT_KINDS, AUDIT_VIAS, type AuditEntry, type AuditKind } from "../domain/audit.ts";
import { PRIMARY_ACCOUNT, type SubaccountId } from "../domain/subaccount.ts";
import { choicesParameter, invalid, listParameter, numberParameter, timeParameter } from "./query.ts";
import { type AuditNote, type Call, type Reply, type Route, route } from "./route.ts";

export interface AuditQuery {
  readonly kinds?: readonly AuditKind[];
  readonly keyIds?: readonly string[];
  readonly part?: string;
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly before?: number;
  readonly limit: number;
}

export interface AuditStore {
  record(entry: AuditEntry): Promise<void>;
  search(query: AuditQuery): Promise<readonly (AuditEntry & { readonly sequence: number })[]>;
}

const PATH = "/api/v1/audit";
const MAX_PATH_CHARS = 500;
const MAX_TEXT_CHARS = 200;
const MAX_LIST_ENTRIES = 50;
/** Stands for a value that is not shown. */
const HIDDEN = "…";

const ENTRY = Type.Object(
  {
    id: Type.String(),
    timestamp: Type.String({ format: "date-time" }),
    kind: Type.Enum([...AUDIT_KINDS]),
    action: Type.String({ description: "In words." }),
    method: Type.String({ description: "Of the request; on the command line, the command." }),
    path: Type.String({ description: "Of what was changed." }),
    fields: Type.Object(
      {},
      {
        additionalProperties: true,
        description: `What the request was given, and what else is known of the change. The value is "${HIDDEN}" where it could be a secret; of a webhook's target, the host is shown.`,
      },
    ),
    key_id: Type.Optional(Type.String()),
    key_label: Type.Optional(
      Type.String({
        description:
          "As the key was called then; on the command line, as the operating system calls its user.",
      }),
    ),
    via: Type.Enum([...AUDIT_VIAS], {
      description:
        "`session`: in the console. `command_line`: on the server itself, by a command that works on its data. `server`: Waypost did it, and nobody asked.",
    }),
    subaccount_id: Type.Optional(
      Type.Integer({ minimum: 1, description: "Whose things were changed, when it is a subaccount." }),
    ),
    ip_address: Type.Optional(Type.String({ description: "Absent when there was no request." })),
  },
  { additionalProperties: false },
);

export function auditRoutes({ auditTrail }: { readonly auditTrail: AuditStore }): readonly Route[] {
  return [
    route({
      method: "GET",
      url: PATH,
      grant: "audit/view",
      tag: "Audit trail",
      ignoresSubaccount: true,
      summary: "Show who changed what",
      description:
        "The newest first. Every call and every command that changed something is here, and every sign-in to the console, failed ones included.",
      query: [
        { name: "from", description: "Inclusive", example: "2026-11-21T21:00:00Z" },
        { name: "to", description: "Exclusive", example: "2026-11-22T21:00:00Z" },
        { name: "kinds", description: `${AUDIT_KINDS.join(", ")}; separated by commas` },
        { name: "keys", description: "Ids of keys, separated by commas" },
        { name: "path", description: "A part of the path, or of what was given: for example a domain" },
        { name: "per_page", description: "1 to 1000; 100 when absent" },
        { name: "cursor", description: "The cursor of `links.next`" },
      ],
      replies: {
        200: Type.Object(
          {
            results: Type.Array(ENTRY),
            links: Type.Object({ next: Type.Optional(Type.String()) }, { additionalProperties: false }),
          },
          { additionalProperties: false },
        ),
      },
      handle: (call) => search(call, auditTrail),
    }),
  ];
}

/** What a successful call of the route leaves behind. */
export function changeEntry(
  {
    route,
    call,
    note = {},
  }: { readonly route: Route; readonly call: Call; readonly note?: AuditNote | undefined },
  atMs: number,
): AuditEntry {
  const { principal, tenant, client } = call;
  const { created, owner = tenant.write, facts } = note;
  const path = pathOf(route, call);
  return {
    atMs,
    kind: "change",
    keyId: principal.keyId,
    keyLabel: principal.keyLabel,
    via: principal.session === undefined ? "key" : "session",
    subaccountId: owner === PRIMARY_ACCOUNT ? undefined : owner,
    address: client.address,
    action: route.summary,
    method: route.method,
    path: (created === undefined ? path : `${path}/${created}`).slice(0, MAX_PATH_CHARS),
    fields: { ...shownFields(call.body, route.audited === false ? [] : (route.audited ?? [])), ...facts },
  };
}

/** What was done without a request. */
export interface OwnChange {
  /** In words, beginning with a verb. */
  readonly action: string;
  readonly path: string;
  readonly subaccountId?: SubaccountId | undefined;
  /** Nothing secret: all of it is shown. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** What somebody did with a command on the server itself. */
export interface LocalChange extends OwnChange {
  /** As the operating system calls its user. */
  readonly user: string;
  readonly command: string;
}

export function localEntry({ user, command, ...change }: LocalChange, atMs: number): AuditEntry {
  return { ...ownEntry(change, atMs), keyLabel: user, via: "command_line", method: command };
}

/** Of what nobody asked for: Waypost did it. */
export function ownEntry({ action, path, subaccountId, fields = {} }: OwnChange, atMs: number): AuditEntry {
  return {
    atMs,
    kind: "change",
    keyId: undefined,
    keyLabel: undefined,
    via: "server",
    subaccountId: subaccountId === PRIMARY_ACCOUNT ? undefined : subaccountId,
    address: undefined,
    action,
    method: "waypost serve",
    path: path.slice(0, MAX_PATH_CHARS),
    fields: shownFields(fields, Object.keys(fields)),
  };
}

export function isAudited(route: Route): boolean {
  return route.method !== "GET" && route.audited !== false;
}

/** Without the query, and with what the path stands for instead of how it was spelled. */
function pathOf({ url, params: described = [] }: Route, { params }: Call): string {
  const hidden = described.filter((parameter) => parameter.hidden).map(({ name }) => name);
  const shown = (name: string) => (hidden.includes(name) ? HIDDEN : (params[name] ?? ""));
  return url.replace(/:(\w+)/g, (_, name: string) => shown(name));
}

/** Names always; numbers and switches too, which are no secrets; text only where the route says so. */
function shownFields(body: unknown, shown: readonly string[]): Record<string, unknown> {
  if (typeof body !== "object" || body === null) return {};
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [
      name.slice(0, MAX_TEXT_CHARS),
      shown.includes(name) ? shorten(value) : harmless(value),
    ]),
  );
}

function harmless(value: unknown): unknown {
  return typeof value === "boolean" || typeof value === "number" || value === null ? value : HIDDEN;
}

function shorten(value: unknown): unknown {
  if (typeof value === "string") {
    return value.length > MAX_TEXT_CHARS ? `${value.slice(0, MAX_TEXT_CHARS)}${HIDDEN}` : value;
  }
  if (!Array.isArray(value)) return harmless(value);
  const entries = value
    .slice(0, MAX_LIST_ENTRIES)
    .map((entry) => (Array.isArray(entry) ? HIDDEN : shorten(entry)));
  return value.length > MAX_LIST_ENTRIES ? [...entries, HIDDEN] : entries;
}

async function search({ query }: Call, auditTrail: AuditStore): Promise<Reply> {
  const perPage = numberParameter(query, "per_page", { default: 100, min: 1, max: 1000 });
  const kinds = choicesParameter(query, "kinds", AUDIT_KINDS);
  const keyIds = listParameter(query, "keys");
  const part = query["path"];
  const fromMs = timeParameter(query, "from");
  const toMs = timeParameter(query, "to");
  const before = cursorParameter(query["cursor"]);
  // One more than the page shows whether another follows.
  const found = await auditTrail.search({
    ...(kinds === undefined ? {} : { kinds }),
    ...(keyIds === undefined ? {} : { keyIds }),
    ...(part === undefined || part === "" ? {} : { part: part.slice(0, MAX_PATH_CHARS) }),
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(toMs === undefined ? {} : { toMs }),
    ...(before === undefined ? {} : { before }),
    limit: perPage + 1,
  });
  const page = found.slice(0, perPage);
  const last = page.at(-1);
  const hasMore = found.length > perPage && last !== undefined;
  const next = hasMore
    ? `${PATH}?${new URLSearchParams({ ...query, cursor: String(last.sequence) })}`
    : undefined;
  return { status: 200, body: { results: page.map(toWire), links: next === undefined ? {} : { next } } };
}

function cursorParameter(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,15}$/.test(text)) throw invalid("cursor", "is not one that this API gave out");
  return Number(text);
}

function toWire(entry: AuditEntry & { readonly sequence: number }): object {
  return {
    id: String(entry.sequence),
    timestamp: new Date(entry.atMs).toISOString(),
    kind: entry.kind,
    action: entry.action,
    method: entry.method,
    path: entry.path,
    fields: entry.fields,
    ...(entry.keyId === undefined ? {} : { key_id: entry.keyId }),
    ...(entry.keyLabel === undefined ? {} : { key_label: entry.keyLabel }),
    via: entry.via,
    ...(entry.subaccountId === undefined ? {} : { subaccount_id: entry.subaccountId }),
    ...(entry.address === undefined ? {} : { ip_address: entry.address }),
  };
}
