/** How a command is told which server it talks to. */
import type { Command } from "commander";

import type { AddressOptions } from "../commands/server-address.ts";

/** `otherwise`: what the command works on when no server is named. */
export function withAddress(command: Command, otherwise = "the server of this machine"): Command {
  return command
    .option("--url <url>", `the server's API (default: WAYPOST_URL, a profile, or ${otherwise})`)
    .option(
      "--key <key>",
      "API key; better in WAYPOST_API_KEY or a profile, where no list of processes shows it",
    )
    .option("--profile <name>", "a profile's name: ~/.config/waypost/<name>.profile");
}

/** Without what else the command takes: a `--subaccount` may mean another thing. */
export function addressOf(command: Command): AddressOptions {
  const { url, key, profile } = command.opts<AddressOptions>();
  return Object.fromEntries(Object.entries({ url, key, profile }).filter(([, value]) => value !== undefined));
}
