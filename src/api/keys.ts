/** `/api/v1/keys`: API keys. A key is shown once, when it is made. */
import { type Static, Type } from "typebox";

import { isAddressOrCidr } from "../domain/address-list.ts";
import { AppError } from "../domain/errors.ts";
import { GRANTS, type Grant, SUBACCOUNT_GRANTS } from "../domain/grants.ts";
import { MAX_SUBACCOUNT_ID, PRIMARY_ACCOUNT, type SubaccountId } from "../domain/subaccount.ts";
import { hashApiKey, newApiKey, shortApiKey } from "./api-key.ts";
import type { ApiKeyRecord } from "./authentication.ts";
import { oneOf } from "./openapi.ts";
import { requireSubaccount, type SubaccountReader, type Tenant } from "./principal.ts";
import { type Call, type Reply, type Route, results, route, routeWithBody } from "./route.ts";

export interface NewApiKey {
  readonly hash: string;
  readonly label: string;
  readonly shortKey: string;
  readonly grants: readonly Grant[];
  readonly validIps: readonly string[];
  readonly subaccountId: SubaccountId | undefined;
}

export interface ApiKeyStore {
  create(key: NewApiKey, nowMs: number): Promise<ApiKeyRecord>;
  list(): Promise<readonly ApiKeyRecord[]>;
  find(id: string): Promise<ApiKeyRecord | undefined>;
  remove(id: string): Promise<boolean>;
}

export interface KeyDeps {
  readonly apiKeys: ApiKeyStore;
  readonly subaccounts: SubaccountReader;
  readonly now: () => number;
}

/** What somebody asks for when they make a key. */
export interface KeyRequest {
  readonly label: string;
  readonly grants: readonly string[];
  readonly validIps: readonly string[];
  readonly subaccountId: SubaccountId | undefined;
}

const MAX_LABEL_LENGTH = 1024;

const KEY = Type.Object(
  {
    id: Type.String(),
    label: Type.String(),
    short_key: Type.String({ description: "The key's first four characters." }),
    grants: Type.Array(Type.String()),
    valid_ips: Type.Array(Type.String()),
    subaccount_id: Type.Optional(Type.Integer({ minimum: 1 })),
    created_at: Type.String({ format: "date-time" }),
    key: Type.Optional(Type.String({ description: "The key itself: only in the reply that creates it." })),
  },
  { additionalProperties: false },
);
export const VALID_IPS = Type.Array(Type.String({ maxLength: 50 }), {
  maxItems: 100,
  description: "Addresses and CIDRs from which the key can be used; any when absent or empty.",
});
const CREATE = Type.Object({
  label: Type.String({
    minLength: 1,
    maxLength: MAX_LABEL_LENGTH,
    description: "What people call the key.",
    example: "Mail server",
  }),
  grants: Type.Array(oneOf(GRANTS), {
    example: ["messages/wrap"],
    minItems: 1,
    maxItems: 100,
    description: `What the key may do: each call says which it needs. A subaccount's key can have ${SUBACCOUNT_GRANTS.map((grant) => `\`${grant}\``).join(", ")}.`,
  }),
  valid_ips: Type.Optional(VALID_IPS),
  subaccount_id: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MAX_SUBACCOUNT_ID,
      description: "Whose key it is, 0 for the primary account's. When absent, as `X-MSYS-SUBACCOUNT` says.",
    }),
  ),
});
const ID = { name: "id", description: "The key's id (not the key)" };

export function keyRoutes(deps: KeyDeps): readonly Route[] {
  const base = { tag: "API keys", grant: "keys/manage" } as const;
  const one = { ...base, url: "/api/v1/keys/:id", params: [ID], failures: [404] } as const;
  return [
    routeWithBody({
      ...base,
      method: "POST",
      url: "/api/v1/keys",
      summary: "Create an API key",
      description:
        "A key can grant only what its maker's key is granted. Its owner is the subaccount that `subaccount_id` or `X-MSYS-SUBACCOUNT` names, else the primary account.",
      body: CREATE,
      audited: ["label", "grants", "valid_ips"],
      replies: { 200: Type.Object({ results: KEY }) },
      handle: (call) => create(call, call.body, deps),
    }),
    route({
      ...base,
      method: "GET",
      url: "/api/v1/keys",
      summary: "List API keys",
      replies: { 200: Type.Object({ results: Type.Array(KEY) }) },
      handle: async ({ tenant }) => {
        const keys = await deps.apiKeys.list();
        return results(keys.filter((key) => isVisible(key, tenant)).map(keyToWire));
      },
    }),
    route({
      ...one,
      method: "GET",
      summary: "Retrieve an API key",
      replies: { 200: Type.Object({ results: KEY }) },
      handle: async (call) => results(keyToWire(await findKey(call, deps))),
    }),
    route({
      ...one,
      method: "DELETE",
      summary: "Revoke an API key",
      description:
        "Without `X-MSYS-SUBACCOUNT` anybody's, with it only one of that (sub)account, which must not be suspended then.",
      replies: { 204: undefined },
      handle: async (call) => {
        const { id, subaccountId = PRIMARY_ACCOUNT } = await findKey(call, deps);
        if (!(await deps.apiKeys.remove(id))) throw notFound(call);
        return { status: 204, audit: { owner: subaccountId } };
      },
    }),
  ];
}

/** Throws what {@link createApiKey} would throw for grants and addresses: for callers who make something else first. */
export function checkKeyRequest(
  request: Omit<KeyRequest, "subaccountId">,
  supported: readonly Grant[],
): readonly Grant[] {
  if (request.label === "" || request.label.length > MAX_LABEL_LENGTH) {
    throw new AppError("invalid_parameters", `The label must have 1 to ${MAX_LABEL_LENGTH} characters`);
  }
  const wrongAddress = request.validIps.find((entry) => !isAddressOrCidr(entry));
  if (wrongAddress !== undefined)
    throw new AppError("invalid_parameters", `Invalid valid_ips value '${wrongAddress}'`);
  return parseGrants(request.grants, supported);
}

/**
 * Makes a key and stores its hash. Throws `invalid_parameters` for a grant, address or subaccount that cannot be had, `forbidden` for a
 * subaccount that is suspended or terminated.
 * Returns the key itself too: nobody can read it again.
 */
export async function createApiKey(
  request: KeyRequest,
  deps: KeyDeps,
): Promise<{ readonly key: string; readonly record: ApiKeyRecord }> {
  const subaccountId = request.subaccountId === PRIMARY_ACCOUNT ? undefined : request.subaccountId;
  if (subaccountId !== undefined) await requireSubaccount(subaccountId, { ...deps, changes: true });
  const grants = checkKeyRequest(request, subaccountId === undefined ? GRANTS : SUBACCOUNT_GRANTS);
  const key = newApiKey();
  const record = await deps.apiKeys.create(
    {
      hash: hashApiKey(key),
      shortKey: shortApiKey(key),
      label: request.label,
      grants,
      validIps: request.validIps,
      subaccountId,
    },
    deps.now(),
  );
  return { key, record };
}

async function create(call: Call, body: Static<typeof CREATE>, deps: KeyDeps): Promise<Reply> {
  const beyond = body.grants.find((grant) => isGrant(grant) && !call.principal.grants.has(grant));
  if (beyond !== undefined) throw new AppError("forbidden", "the key does not have a grant it would give");
  const subaccountId = ownerOf(call, body.subaccount_id);
  const { key, record } = await createApiKey(
    {
      label: body.label,
      grants: body.grants,
      validIps: body.valid_ips ?? [],
      subaccountId,
    },
    deps,
  );
  return { ...results({ ...keyToWire(record), key }), audit: { created: record.id, owner: subaccountId } };
}

/** As the body or the header says, whichever is there. */
function ownerOf({ tenant: { read, write } }: Call, named: SubaccountId | undefined): SubaccountId {
  if (read === "all") return named ?? write;
  if (named !== undefined && named !== write) {
    throw new AppError(
      "invalid_parameters",
      `subaccount_id is ${named}, but the request acts for ${write}: X-MSYS-SUBACCOUNT must name the same`,
    );
  }
  return write;
}

async function findKey(call: Call, { apiKeys }: KeyDeps): Promise<ApiKeyRecord> {
  const found = await apiKeys.find(call.params["id"] ?? "");
  if (found === undefined || !isVisible(found, call.tenant)) throw notFound(call);
  return found;
}

function isVisible({ subaccountId = PRIMARY_ACCOUNT }: ApiKeyRecord, { read }: Tenant): boolean {
  return read === "all" || read === subaccountId;
}

function parseGrants(texts: readonly string[], supported: readonly Grant[]): readonly Grant[] {
  return [...new Set(texts)].map((text) => {
    const grant = supported.find((candidate) => candidate === text);
    if (grant === undefined) {
      throw new AppError(
        "invalid_parameters",
        `Invalid grants value '${text}'. Supported values are: ${supported.join(", ")}`,
      );
    }
    return grant;
  });
}

function isGrant(text: string): text is Grant {
  return GRANTS.some((grant) => grant === text);
}

export function keyToWire(record: ApiKeyRecord): object {
  return {
    id: record.id,
    label: record.label,
    short_key: record.shortKey,
    grants: record.grants,
    valid_ips: record.validIps,
    ...(record.subaccountId === undefined ? {} : { subaccount_id: record.subaccountId }),
    created_at: new Date(record.createdAtMs).toISOString(),
  };
}

function notFound(call: Call): AppError {
  return new AppError("not_found", `Resource not found: ${call.params["id"]}`);
}
