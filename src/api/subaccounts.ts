/** `/api/v1/subaccounts`: the installation's tenants, in SparkPost's shapes. */
import { type Static, Type } from "typebox";

import { AppError } from "../domain/errors.ts";
import { SUBACCOUNT_GRANTS } from "../domain/grants.ts";
import { PRIVACY_MODES, type PrivacyMode } from "../domain/privacy.ts";
import {
  MAX_SUBACCOUNT_ID,
  SUBACCOUNT_STATUSES,
  type Subaccount,
  type SubaccountChange,
  type SubaccountId,
} from "../domain/subaccount.ts";
import { checkKeyRequest, createApiKey, type KeyDeps, VALID_IPS } from "./keys.ts";
import { oneOf } from "./openapi.ts";
import { type Call, type Reply, type Route, results, route, routeWithBody } from "./route.ts";

export interface SubaccountStore {
  create(name: string, nowMs: number, privacy?: PrivacyMode): Promise<Subaccount>;
  find(id: SubaccountId): Promise<Subaccount | undefined>;
  list(): Promise<readonly Subaccount[]>;
  update(id: SubaccountId, change: SubaccountChange): Promise<boolean>;
}

export interface SubaccountDeps extends KeyDeps {
  readonly subaccounts: SubaccountStore;
  /** Told of every change, so that it is in force with the reply. */
  readonly privacy: { expire(): void };
}

const STATUS = Type.Enum([...SUBACCOUNT_STATUSES], {
  description: "A suspended or terminated one can be read, not changed.",
});
const PRIVACY = Type.Enum([...PRIVACY_MODES], {
  description:
    "How much is kept of what its recipients do, at most; the strictest of this, `WAYPOST_PRIVACY_MODE` and a recipient's own `privacy` wins.",
});
const SUBACCOUNT = Type.Object(
  { id: Type.Integer({ minimum: 1 }), name: Type.String(), status: STATUS, privacy: PRIVACY },
  { additionalProperties: false },
);
const NAME = Type.String({
  minLength: 1,
  maxLength: 1024,
  description: "What people call it.",
  example: "Acme",
});
const CREATE = Type.Object({
  name: NAME,
  privacy: Type.Optional(PRIVACY),
  key_label: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1024,
      description: "What people call the key; as the subaccount when absent.",
    }),
  ),
  key_grants: Type.Optional(
    Type.Array(oneOf(SUBACCOUNT_GRANTS), {
      minItems: 1,
      maxItems: 100,
      description: "When given, a key of the subaccount is made with these grants.",
    }),
  ),
  key_valid_ips: Type.Optional(VALID_IPS),
});
const CREATED = Type.Object(
  {
    subaccount_id: Type.Integer({ minimum: 1 }),
    key: Type.Optional(Type.String({ description: "The subaccount's key: shown only here." })),
    label: Type.Optional(Type.String()),
    short_key: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
const UPDATE = Type.Object({
  name: Type.Optional(NAME),
  status: Type.Optional(STATUS),
  privacy: Type.Optional(PRIVACY),
});

export function subaccountRoutes(deps: SubaccountDeps): readonly Route[] {
  const base = { tag: "Subaccounts", url: "/api/v1/subaccounts", ignoresSubaccount: true } as const;
  const one = {
    ...base,
    url: "/api/v1/subaccounts/:id",
    params: [{ name: "id", description: "Number of the subaccount", example: "1" }],
    failures: [404],
  } as const;
  return [
    routeWithBody({
      ...base,
      method: "POST",
      grant: "subaccounts/manage",
      summary: "Create a subaccount",
      body: CREATE,
      replies: { 200: Type.Object({ results: CREATED }) },
      audited: ["name", "privacy", "key_label", "key_grants", "key_valid_ips"],
      handle: (call) => create(call, call.body, deps),
    }),
    route({
      ...base,
      method: "GET",
      grant: "subaccounts/view",
      summary: "List subaccounts",
      replies: { 200: Type.Object({ results: Type.Array(SUBACCOUNT) }) },
      handle: async () => results(await deps.subaccounts.list()),
    }),
    route({
      ...one,
      method: "GET",
      grant: "subaccounts/view",
      summary: "Retrieve a subaccount",
      replies: { 200: Type.Object({ results: SUBACCOUNT }) },
      handle: (call) => get(call, deps),
    }),
    routeWithBody({
      ...one,
      method: "PUT",
      grant: "subaccounts/manage",
      summary: "Update a subaccount",
      description:
        "A suspended or terminated subaccount can be read, not changed. Its links go on working. A stricter `privacy` is applied to the later events of mail that was already sent, too.",
      body: UPDATE,
      replies: { 200: Type.Object({ results: Type.Object({ message: Type.String() }) }) },
      audited: ["name", "status", "privacy"],
      handle: async (call) => {
        if (!(await deps.subaccounts.update(idOf(call), call.body))) throw notFound(call);
        deps.privacy.expire();
        return results({ message: "Successfully updated subaccount information" });
      },
    }),
  ];
}

async function create(call: Call, body: Static<typeof CREATE>, deps: SubaccountDeps): Promise<Reply> {
  if (body.key_grants === undefined) {
    const { id } = await createOne(body, deps);
    return { ...results({ subaccount_id: id }), audit: { created: String(id) } };
  }
  if (!call.principal.grants.has("keys/manage"))
    throw new AppError("forbidden", "making a key needs keys/manage");
  const request = {
    label: body.key_label ?? body.name,
    grants: body.key_grants,
    validIps: body.key_valid_ips ?? [],
  };
  // Before the subaccount is there: a call that fails leaves nothing behind.
  checkKeyRequest(request, SUBACCOUNT_GRANTS);
  const { id } = await createOne(body, deps);
  const { key, record } = await createApiKey({ ...request, subaccountId: id }, deps);
  return {
    ...results({ subaccount_id: id, key, label: record.label, short_key: record.shortKey }),
    audit: { created: String(id), facts: { key_id: record.id } },
  };
}

async function createOne(
  { name, privacy }: Static<typeof CREATE>,
  deps: SubaccountDeps,
): Promise<Subaccount> {
  const created = await deps.subaccounts.create(name, deps.now(), privacy);
  deps.privacy.expire();
  return created;
}

async function get(call: Call, deps: SubaccountDeps): Promise<Reply> {
  const found = await deps.subaccounts.find(idOf(call));
  if (found === undefined) throw notFound(call);
  return results(found);
}

function idOf(call: Call): SubaccountId {
  const text = call.params["id"] ?? "";
  const id = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (id < 1 || id > MAX_SUBACCOUNT_ID) throw notFound(call);
  return id;
}

function notFound(call: Call): AppError {
  return new AppError("not_found", `Resource not found: ${call.params["id"]}`);
}
