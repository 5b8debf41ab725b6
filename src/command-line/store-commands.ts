/** Commands that work on the local data directory or database, whether a server runs or not. */
import type { Command } from "commander";

import { configOf, withSettings } from "./settings-options.ts";

/** What only the operator may do to a tracking domain. */
export function addOperatorDomainCommands(domains: Command): void {
  for (const [name, description] of [
    ["block", "stop a tracking domain: no new links, and its sent links answer 403"],
    ["unblock", "undo block"],
    ["release", "let another (sub)account create a deleted domain"],
  ] as const) {
    withSettings(domains.command(`${name} <domain>`).description(`${description} (local)`)).action(
      async (domain: string, _options, command) =>
        (await import("../commands/domains.ts")).changeDomain(name, domain, configOf(command).config),
    );
  }
}

export function addKeyringCommands(program: Command): void {
  const keyring = program.command("keyring").description("the keys that seal links (local)");
  withSettings(
    keyring.command("rotate").description("add a key for new links; every older one is kept for ever"),
  )
    .option("--active-in <seconds>", "when new links use it: every edge must have it by then", "300")
    .action(async (options: { activeIn: string }, command) =>
      (await import("../commands/keyring.ts")).rotateKeys(options.activeIn, configOf(command).config),
    );
  withSettings(keyring.command("list").description("list the keys, without their secrets")).action(
    async (_options, command) => (await import("../commands/keyring.ts")).listKeys(configOf(command).config),
  );
  withSettings(
    keyring.command("export").description("print the key ring, sealed with the secret, for the wrap library"),
  ).action(async (_options, command) =>
    (await import("../commands/keyring.ts")).exportKeys(configOf(command).config),
  );
}

export function addKeyCommands(program: Command): void {
  const keys = program.command("keys").description("API keys (local)");
  withSettings(keys.command("create").description("make a key and print it, once"))
    .requiredOption("--label <text>", "what the key is for")
    .option("--grants <list>", "grants, separated by commas (default: all that the key may have)")
    .option("--subaccount <id>", "the subaccount it belongs to")
    .option("--valid-ips <list>", "addresses and CIDRs it may be used from, separated by commas")
    .action(async (options, command) =>
      (await import("../commands/keys.ts")).createKey(options, configOf(command).config),
    );
  withSettings(keys.command("list").description("list keys"))
    .option("--json", "print JSON, for programs")
    .action(async (options: { json?: true }, command) =>
      (await import("../commands/keys.ts")).listKeys(configOf(command).config, options),
    );
  withSettings(keys.command("revoke <id>").description("revoke a key")).action(
    async (id: string, _options, command) =>
      (await import("../commands/keys.ts")).revokeKey(id, configOf(command).config),
  );
}

export function addSubaccountCommands(program: Command): void {
  const subaccounts = program.command("subaccounts").description("subaccounts (local)");
  withSettings(subaccounts.command("create <name>").description("create a subaccount")).action(
    async (name: string, _options, command) =>
      (await import("../commands/subaccounts.ts")).createSubaccount(name, configOf(command).config),
  );
  withSettings(subaccounts.command("list").description("list subaccounts"))
    .option("--json", "print JSON, for programs")
    .action(async (options: { json?: true }, command) =>
      (await import("../commands/subaccounts.ts")).listSubaccounts(configOf(command).config, options),
    );
  withSettings(
    subaccounts.command("set-status <id> <status>").description("active, suspended or terminated"),
  ).action(async (id: string, status: string, _options, command) =>
    (await import("../commands/subaccounts.ts")).setSubaccountStatus(id, status, configOf(command).config),
  );
  withSettings(
    subaccounts
      .command("set-privacy <id> <mode>")
      .description("how much is kept of its recipients: full, pseudonymous, anonymous or off"),
  ).action(async (id: string, mode: string, _options, command) =>
    (await import("../commands/subaccounts.ts")).setSubaccountPrivacy(id, mode, configOf(command).config),
  );
}
