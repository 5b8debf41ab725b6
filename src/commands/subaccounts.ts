/** `waypost subaccounts …` */
import type { Config } from "../config.ts";
import { AppError } from "../domain/errors.ts";
import { PRIVACY_MODES } from "../domain/privacy.ts";
import { SUBACCOUNT_STATUSES } from "../domain/subaccount.ts";
import { plain, printJson, printTable } from "./output.ts";
import { withStore } from "./with-store.ts";

const MAX_NAME_LENGTH = 1024;

export async function createSubaccount(name: string, config: Config): Promise<void> {
  if (name.trim() === "" || name.length > MAX_NAME_LENGTH) {
    throw new AppError("invalid_parameters", `The name must have 1 to ${MAX_NAME_LENGTH} characters`);
  }
  await withStore(config, async (store) => {
    const { id } = await store.subaccounts.create(name, Date.now());
    console.log(`Subaccount ${id} (${plain(name)}) is created.`);
  });
}

export async function listSubaccounts(config: Config, { json }: { json?: true }): Promise<void> {
  const subaccounts = await withStore(config, (store) => store.subaccounts.list());
  if (json) return printJson(subaccounts);
  printTable(
    subaccounts,
    [
      { title: "ID", value: ({ id }) => id },
      { title: "STATUS", value: ({ status }) => status },
      { title: "NAME", value: ({ name }) => name, flexible: true },
      { title: "PRIVACY", value: ({ privacy }) => (privacy === "full" ? "" : privacy) },
    ],
    "No subaccounts yet. Create one with: waypost subaccounts create Acme",
  );
}

export async function setSubaccountStatus(id: string, status: string, config: Config): Promise<void> {
  const known = SUBACCOUNT_STATUSES.find((candidate) => candidate === status);
  if (known === undefined) {
    throw new AppError("invalid_parameters", `The status must be one of ${SUBACCOUNT_STATUSES.join(", ")}`);
  }
  await withStore(config, async (store) => {
    if (!(await store.subaccounts.update(Number(id), { status: known }))) {
      throw new AppError("not_found", `There is no subaccount ${id}`);
    }
    console.log(`Subaccount ${id} is ${known}.`);
  });
}

export async function setSubaccountPrivacy(id: string, mode: string, config: Config): Promise<void> {
  const known = PRIVACY_MODES.find((candidate) => candidate === mode);
  if (known === undefined) {
    throw new AppError("invalid_parameters", `The mode must be one of ${PRIVACY_MODES.join(", ")}`);
  }
  await withStore(config, async (store) => {
    if (!(await store.subaccounts.update(Number(id), { privacy: known }))) {
      throw new AppError("not_found", `There is no subaccount ${id}`);
    }
    console.log(`Of the recipients of subaccount ${id} is kept: ${known}.`);
  });
}
