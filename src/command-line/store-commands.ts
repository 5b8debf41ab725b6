/** Commands that work on the local data directory or database, whether a server runs or not. */
import type { Command } from "commander";

import { jsonOption } from "./json-option.ts";
import { configOf, withSettings } from "./settings-options.ts";

/** What only the operator may do to a tracking domain. */
export function addOperatorDomainCommands(domains: Command): void {
  for (const [name, description] of [
    ["block", "stop a tracking domain: no new links, and its sent links answer 403"],
    ["unblock", "undo block"],
    ["release", "let another (sub)account create a deleted domain"],
  ] as const) {
    withSettings(domains.command(`${name} <domain>`).description(`${description} (local)`))
      .addOption(jsonOption())
      .action(async (domain: string, options: { json?: true }, command) =>
        (await import("../commands/domains.ts")).changeDomain(
          name,
          domain,
          configOf(command).config,
          options,
        ),
      );
  }
}

export function addKeyringCommands(program: Command): void {
  const keyring = program.command("keyring").description("the keys that seal links (local)");
  withSettings(
    keyring.command("rotate").description("add a key for new links; every older one is kept for ever"),
  )
    .option("--active-in <seconds>", "when new links use it: every edge must have it by then", "300")
    .addOption(jsonOption())
    .action(async (options: { activeIn: string; json?: true }, command) =>
      (await import("../commands/keyring.ts")).rotateKeys(
        options.activeIn,
        configOf(command).config,
        options,
      ),
    );
  withSettings(keyring.command("list").description("list the keys, without their secrets"))
    .addOption(jsonOption())
    .action(async (options: { json?: true }, command) =>
      (await import("../commands/keyring.ts")).listKeys(configOf(command).config, options),
    );
  withSettings(
    keyring.command("export").description("print the key ring, sealed with the secret, for the wrap library"),
  ).action(async (_options, command) =>
    (await import("../commands/keyring.ts")).exportKeys(configOf(command).config),
  );
}
