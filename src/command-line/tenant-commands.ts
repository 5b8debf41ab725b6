/** Commands about keys and subaccounts: they work on a server that is named, and else on this machine's store. */
import { Argument, type Command } from "commander";

import type { ChangeCommand } from "../commands/subaccounts.ts";
import { GRANTS } from "../domain/grants.ts";
import { PRIVACY_MODES } from "../domain/privacy.ts";
import { SUBACCOUNT_STATUSES } from "../domain/subaccount.ts";
import { addressOf, withAddress } from "./address-options.ts";
import { jsonOption } from "./json-option.ts";
import { argumentOf, optionOf } from "./offered-values.ts";
import { sourcesOf, withSettings } from "./settings-options.ts";

function withPlace(command: Command): Command {
  return withSettings(
    withAddress(command, "the store of this machine, which WAYPOST_CONFIG puts first").addOption(
      jsonOption(),
    ),
  );
}

async function placeOf(command: Command) {
  return (await import("../commands/place.ts")).placeOf(addressOf(command), sourcesOf(command));
}

export function addKeyCommands(program: Command): void {
  const commands = () => import("../commands/keys.ts");
  const keys = program.command("keys").description("API keys, of a server that is named or of this machine");
  withPlace(keys.command("create").description("make a key and print it, once"))
    .requiredOption("--label <text>", "what the key is for")
    .addOption(
      optionOf("--grants <list>", "grants, separated by commas (default: all that the key may have)", GRANTS),
    )
    .option("--subaccount <id>", "the subaccount it belongs to")
    .option("--valid-ips <list>", "addresses and CIDRs it may be used from, separated by commas")
    .action(async (options, command) => (await commands()).createKey(options, await placeOf(command)));
  withPlace(keys.command("list").description("list keys")).action(async (options, command) =>
    (await commands()).listKeys(options, await placeOf(command)),
  );
  withPlace(keys.command("revoke <id>").description("revoke a key")).action(
    async (id: string, options, command) => (await commands()).revokeKey(id, options, await placeOf(command)),
  );
}

export function addSubaccountCommands(program: Command): void {
  const commands = () => import("../commands/subaccounts.ts");
  const subaccounts = program
    .command("subaccounts")
    .description("subaccounts, of a server that is named or of this machine");
  withPlace(subaccounts.command("create <name>").description("create a subaccount"))
    .addOption(
      optionOf("--privacy <mode>", "how much is kept of its recipients (default: full)", PRIVACY_MODES),
    )
    .action(async (name: string, options, command) =>
      (await commands()).createSubaccount(name, options, await placeOf(command)),
    );
  withPlace(subaccounts.command("list").description("list subaccounts")).action(async (options, command) =>
    (await commands()).listSubaccounts(options, await placeOf(command)),
  );
  const change = (name: ChangeCommand, value: Argument, description: string) =>
    withPlace(subaccounts.command(name).argument("<id>").addArgument(value).description(description)).action(
      async (id: string, given: string, options: { json?: true }, command: Command) => {
        const { changeSubaccount } = await commands();
        await changeSubaccount(name, { id, value: given }, { ...options, place: await placeOf(command) });
      },
    );
  change("rename", new Argument("<name>"), "call a subaccount something else");
  change(
    "set-status",
    argumentOf("<status>", "its status from now on", SUBACCOUNT_STATUSES),
    "suspend, terminate or reactivate a subaccount",
  );
  change(
    "set-privacy",
    argumentOf("<mode>", "the most that is kept", PRIVACY_MODES),
    "say how much is kept of its recipients",
  );
}
