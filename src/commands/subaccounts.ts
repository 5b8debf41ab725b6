/** `waypost subaccounts …`: subaccounts, of a server that is named or in this machine's store. */
import { AppError } from "../domain/errors.ts";
import { PRIVACY_MODES, type PrivacyMode } from "../domain/privacy.ts";
import { SUBACCOUNT_STATUSES, type SubaccountChange } from "../domain/subaccount.ts";
import { localSubaccounts } from "./local-subaccounts.ts";
import { plain, printJson, printTable } from "./output.ts";
import { type Place, tellServer } from "./place.ts";
import { field } from "./remote.ts";
import { remoteSubaccounts } from "./remote-subaccounts.ts";

export interface Subaccounts {
  /** Answers its number. */
  create(name: string, privacy: PrivacyMode | undefined): Promise<unknown>;
  list(): Promise<readonly unknown[]>;
  /** `command`: which one changes it, for the audit trail of this machine. */
  update(id: string, change: SubaccountChange, command: string): Promise<void>;
}

export interface JsonOption {
  readonly json?: true;
}

export async function createSubaccount(
  name: string,
  { privacy, json }: JsonOption & { readonly privacy?: string },
  place: Place,
): Promise<void> {
  const mode = privacy === undefined ? undefined : parsePrivacy(privacy);
  const id = await subaccountsAt(place).create(name, mode);
  tellServer(place);
  if (json) return printJson({ subaccount_id: id });
  console.log(`Subaccount ${plain(id)} (${plain(name)}) is created.`);
}

export async function listSubaccounts({ json }: JsonOption, place: Place): Promise<void> {
  const subaccounts = await subaccountsAt(place).list();
  if (json) return printJson(subaccounts);
  printTable(
    subaccounts,
    [
      { title: "ID", value: (subaccount) => field(subaccount, "id") },
      { title: "STATUS", value: (subaccount) => field(subaccount, "status") },
      { title: "NAME", value: (subaccount) => field(subaccount, "name"), flexible: true },
      { title: "PRIVACY", value: privacyInWords },
    ],
    "No subaccounts yet. Create one with: waypost subaccounts create Acme",
  );
}

/** What a command changes of a subaccount, and what it says then. */
const CHANGES = {
  rename: (name: string) => ({
    change: { name },
    done: (id: string) => `Subaccount ${id} is called ${name}.`,
  }),
  "set-status": (text: string) => {
    const status = parseStatus(text);
    return { change: { status }, done: (id: string) => `Subaccount ${id} is ${status}.` };
  },
  "set-privacy": (text: string) => {
    const privacy = parsePrivacy(text);
    const done = (id: string) => `Of the recipients of subaccount ${id} is kept: ${privacy}.`;
    return { change: { privacy }, done };
  },
} as const;

export type ChangeCommand = keyof typeof CHANGES;

export async function changeSubaccount(
  command: ChangeCommand,
  { id, value }: { readonly id: string; readonly value: string },
  { json, place }: JsonOption & { readonly place: Place },
): Promise<void> {
  const { change, done } = CHANGES[command](value);
  await subaccountsAt(place).update(id, change, command);
  tellServer(place);
  if (json) return printJson({ id: Number(id), ...change });
  console.log(plain(done(id)));
}

function subaccountsAt(place: Place): Subaccounts {
  return "remote" in place ? remoteSubaccounts(place.remote) : localSubaccounts(place.config);
}

function parseStatus(text: string): (typeof SUBACCOUNT_STATUSES)[number] {
  const status = SUBACCOUNT_STATUSES.find((candidate) => candidate === text);
  if (status !== undefined) return status;
  throw new AppError("invalid_parameters", `The status must be one of ${SUBACCOUNT_STATUSES.join(", ")}`);
}

function parsePrivacy(text: string): PrivacyMode {
  const mode = PRIVACY_MODES.find((candidate) => candidate === text);
  if (mode !== undefined) return mode;
  throw new AppError("invalid_parameters", `The mode must be one of ${PRIVACY_MODES.join(", ")}`);
}

function privacyInWords(subaccount: unknown): unknown {
  const mode = field(subaccount, "privacy");
  return mode === "full" ? "" : mode;
}
