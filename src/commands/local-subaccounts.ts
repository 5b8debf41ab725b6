/** The subaccounts in this machine's store. */
import type { Config } from "../config.ts";
import { AppError } from "../domain/errors.ts";
import { MAX_SUBACCOUNT_ID } from "../domain/subaccount.ts";
import { recordLocally } from "./local-audit.ts";
import type { Subaccounts } from "./subaccounts.ts";
import { withStore } from "./with-store.ts";

const SUBACCOUNTS = "/api/v1/subaccounts";
const MAX_NAME_LENGTH = 1024;

export function localSubaccounts(config: Config): Subaccounts {
  return {
    create: (name, privacy) => {
      checkName(name);
      return withStore(config, async (store) => {
        const { id } = await store.subaccounts.create(name, Date.now(), privacy);
        await recordLocally(store, {
          command: "waypost subaccounts create",
          action: "Create a subaccount",
          path: `${SUBACCOUNTS}/${id}`,
          fields: { name, ...(privacy && { privacy }) },
        });
        return id;
      });
    },

    list: () => withStore(config, ({ subaccounts }) => subaccounts.list()),

    update: (id, change, command) => {
      if (change.name !== undefined) checkName(change.name);
      return withStore(config, async (store) => {
        if (!isNumber(id) || !(await store.subaccounts.update(Number(id), change))) {
          throw new AppError("not_found", `There is no subaccount ${id}`);
        }
        await recordLocally(store, {
          command: `waypost subaccounts ${command}`,
          action: "Update a subaccount",
          path: `${SUBACCOUNTS}/${id}`,
          fields: change,
        });
      });
    },
  };
}

function checkName(name: string): void {
  if (name.trim() === "" || name.length > MAX_NAME_LENGTH) {
    throw new AppError("invalid_parameters", `The name must have 1 to ${MAX_NAME_LENGTH} characters`);
  }
}

function isNumber(id: string): boolean {
  return /^[1-9]\d{0,9}$/.test(id) && Number(id) <= MAX_SUBACCOUNT_ID;
}
