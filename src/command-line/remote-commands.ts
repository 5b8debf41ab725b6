/** Commands that talk to a running server: they take its URL and a key, not its settings. */
import type { Command } from "commander";

import { EVENT_FILTERS } from "../commands/remote-events.ts";

/** Adds how a server is named, and `--json`. */
function withRemote(command: Command): Command {
  return command
    .option(
      "--url <url>",
      "the server's API (default: WAYPOST_URL, a profile, or the server of this machine)",
    )
    .option(
      "--key <key>",
      "API key; better in WAYPOST_API_KEY or a profile, where no list of processes shows it",
    )
    .option("--profile <name>", "a profile's name: ~/.config/waypost/<name>.profile")
    .option("--subaccount <id>", "act for a subaccount")
    .option("--json", "print JSON, for programs");
}

export function addRemoteDomainCommands(domains: Command): void {
  const commands = () => import("../commands/remote-domains.ts");
  withRemote(domains.command("add <domain>").description("create a tracking domain and show its DNS record"))
    .option("--secure", "links use https")
    .option("--wait <seconds>", "verify it until it is verified, for so long")
    .action(async (domain: string, options) => (await commands()).addDomain(domain, options));
  withRemote(domains.command("list").description("list tracking domains"))
    .option("--default", "defaults only")
    .action(async (options) => (await commands()).listDomains(options));
  withRemote(
    domains.command("show <domain>").description("show a tracking domain and its last check"),
  ).action(async (domain: string, options) => (await commands()).showDomain(domain, options));
  withRemote(domains.command("verify <domain>").description("check a tracking domain now")).action(
    async (domain: string, options) => (await commands()).verifyDomain(domain, options),
  );
  withRemote(domains.command("default <domain>").description("make a tracking domain the default"))
    .option("--unset", "make it no longer the default")
    .action(async (domain: string, options) => (await commands()).setDefaultDomain(domain, options));
  withRemote(domains.command("rm <domain>").description("delete a tracking domain; sent links keep working"))
    .option("-y, --yes", "don't ask for its name")
    .action(async (domain: string, options) => (await commands()).removeDomain(domain, options));
}

export function addEventCommands(program: Command): void {
  const commands = () => import("../commands/remote-events.ts");
  const events = program.command("events").description("what recipients did");
  withFilters(events.command("search").description("search for events, newest first"))
    .option("--limit <count>", "how many (default: 50)")
    .action(async (options) => (await commands()).searchEvents(options));
}

function withFilters(command: Command): Command {
  for (const [name, description] of EVENT_FILTERS) command.option(`--${name} <value>`, description);
  return withRemote(command);
}

export function addMessageCommands(program: Command): void {
  const commands = () => import("../commands/remote-messages.ts");
  withRemote(
    program
      .command("wrap")
      .description("wrap HTML or a whole message from standard input to standard output"),
  )
    .option("--to <address>", "the recipient")
    .option("--type <type>", "html, text, amp_html or message (default: what it looks like)")
    .option("--tracking-domain <domain>", "instead of the one that would be selected")
    .option("--sending-domain <domain>", "the domain of the From: address")
    .option("--campaign <id>", "the campaign that events will name")
    .option("--report", "say on standard error what was wrapped, and why not")
    .option("--dry-run", "the report alone")
    .action(async (options) => (await commands()).wrapInput(options));
  withRemote(
    program
      .command("token")
      .description("tracked links")
      .command("open <url>")
      .description("show what a tracked URL holds"),
  ).action(async (url: string, options) => (await commands()).openToken(url, options));
}

export function addImportCommands(program: Command): void {
  withRemote(
    program
      .command("import")
      .description("bring what another service has")
      .command("sparkpost")
      .description("create a SparkPost account's tracking domains here; can be run again"),
  )
    .option("--file <file>", "the JSON of GET /api/v1/tracking-domains, instead of asking SparkPost")
    .option("--sparkpost-url <url>", "for accounts in the EU: https://api.eu.sparkpost.com")
    .option("--dry-run", "only say what would be created")
    .action(async (options) => (await import("../commands/import-sparkpost.ts")).importSparkpost(options));
}
