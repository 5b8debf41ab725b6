/** `waypost keys …`: API keys, of a server that is named or in this machine's store. */
import type { KeyRequest } from "../api/keys.ts";
import { AppError } from "../domain/errors.ts";
import { GRANTS, SUBACCOUNT_GRANTS } from "../domain/grants.ts";
import { localKeys } from "./local-keys.ts";
import { plain, printJson, printTable } from "./output.ts";
import { type Place, tellServer } from "./place.ts";
import { field } from "./remote.ts";
import { remoteKeys } from "./remote-keys.ts";

/** What is answered is as the API has it: the hash is nobody's business. */
export interface Keys {
  /** `show` is given the key itself, as soon as it is made. */
  create(request: KeyRequest, show: (created: unknown) => void): Promise<void>;
  list(): Promise<readonly unknown[]>;
  revoke(id: string): Promise<void>;
}

export interface CreateKeyOptions {
  readonly label: string;
  readonly grants?: string;
  readonly subaccount?: string;
  readonly validIps?: string;
  readonly json?: true;
}

export async function createKey(options: CreateKeyOptions, place: Place): Promise<void> {
  await keysAt(place).create(requestOf(options), (created) => {
    tellServer(place);
    if (options.json) return printJson(created);
    console.error(
      `Key ${plain(field(created, "id"))} (${plain(field(created, "label"))}). It is shown only now:`,
    );
    console.log(plain(field(created, "key")));
  });
}

export async function listKeys({ json }: { readonly json?: true }, place: Place): Promise<void> {
  const keys = await keysAt(place).list();
  if (json) return printJson(keys);
  printTable(
    keys,
    [
      { title: "ID", value: (key) => field(key, "id") },
      { title: "KEY", value: (key) => `${plain(field(key, "short_key"))}…` },
      { title: "LABEL", value: (key) => field(key, "label"), flexible: true },
      { title: "SUBACCOUNT", value: (key) => field(key, "subaccount_id") ?? "" },
      { title: "USABLE FROM", value: (key) => joined(field(key, "valid_ips")), flexible: true },
      { title: "GRANTS", value: (key) => joined(field(key, "grants")), flexible: true },
    ],
    "No keys yet. Create one with: waypost keys create --label Newsletter",
  );
}

export async function revokeKey(id: string, { json }: { readonly json?: true }, place: Place): Promise<void> {
  await keysAt(place).revoke(id);
  tellServer(place);
  if (json) return printJson({ id, revoked: true });
  console.log(`Key ${plain(id)} is revoked.`);
}

function keysAt(place: Place): Keys {
  return "remote" in place ? remoteKeys(place.remote) : localKeys(place.config);
}

function requestOf({ label, grants, subaccount, validIps }: CreateKeyOptions): KeyRequest {
  // Not Number(""), which is 0: a script with an unset variable would get a key to every tenant.
  if (subaccount !== undefined && !/^\d{1,10}$/.test(subaccount)) {
    throw new AppError("invalid_parameters", "--subaccount must be the number of a subaccount");
  }
  const subaccountId = subaccount === undefined ? undefined : Number(subaccount);
  const all = subaccountId === undefined ? GRANTS : SUBACCOUNT_GRANTS;
  return { label, grants: listIn(grants) ?? all, validIps: listIn(validIps) ?? [], subaccountId };
}

function listIn(text: string | undefined): readonly string[] | undefined {
  return text?.split(",").map((entry) => entry.trim());
}

function joined(list: unknown): string {
  return Array.isArray(list) ? list.map(plain).join(",") : "";
}
