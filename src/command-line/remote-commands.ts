/** Commands that talk to a running server: they take its URL and a key, not its settings. */
import { type Command, Option } from "commander";

import { CONTENT_TYPES } from "../commands/content-types.ts";
import { BOOLEAN_OPTIONS, LIST_OPTIONS, TIME_OPTIONS } from "../commands/event-options.ts";
import { EVENT_TYPES } from "../domain/event.ts";
import { OPERATIONAL_KINDS } from "../domain/operational-event.ts";
import { withAddress } from "./address-options.ts";
import { jsonOption } from "./json-option.ts";
import { optionOf } from "./offered-values.ts";

const WEBHOOK_EVENTS = [...EVENT_TYPES, ...OPERATIONAL_KINDS];

/** Adds how a server is named, and `--json`. */
function withRemote(command: Command): Command {
  return withServer(command).addOption(jsonOption());
}

function withServer(command: Command): Command {
  return withAddress(command).option("--subaccount <id>", "act for a subaccount");
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
  withRemote(
    domains
      .command("verify <domain>")
      .description(
        "check a tracking domain now; when that fails, new links stop using it until a check passes",
      ),
  ).action(async (domain: string, options) => (await commands()).verifyDomain(domain, options));
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
  withRemote(withFilters(withTimes(events.command("search").description("search for events, newest first"))))
    .option("--limit <count>", "how many (default: 50)")
    .action(async (options) => (await commands()).searchEvents(options));
  withRemote(
    withFilters(events.command("tail").description("show events as they happen, until interrupted")),
  ).action(async (options) => (await commands()).tailEvents(options));
  withServer(
    withFilters(
      withTimes(events.command("export").description("all events that match, as CSV or JSON lines")),
    ),
  )
    .addOption(new Option("--format <format>", "csv or ndjson").choices(["csv", "ndjson"]).default("csv"))
    .option("--output <file>", "a new file (default: standard output)")
    .action(async (options) => (await import("../commands/event-export.ts")).exportEvents(options));
}

function withTimes(command: Command): Command {
  for (const [name, description] of TIME_OPTIONS) command.option(`--${name} <time>`, description);
  return command;
}

function withFilters(command: Command): Command {
  for (const [name, description, values] of LIST_OPTIONS) {
    const flags = `--${name} <list>`;
    command.addOption(
      values === undefined ? new Option(flags, description) : optionOf(flags, description, values),
    );
  }
  for (const [name, description] of BOOLEAN_OPTIONS) {
    command.addOption(optionOf(`--${name} <value>`, description, ["true", "false"]));
  }
  return command;
}

export function addWebhookCommands(program: Command): void {
  const commands = () => import("../commands/remote-webhooks.ts");
  const webhooks = program.command("webhooks").description("where events are posted to");
  withRemote(webhooks.command("create <url>").description("create a webhook; its target is tried first"))
    .option("--name <name>", "what it is called (default: the URL)")
    .addOption(
      optionOf("--events <list>", "types, separated by commas (default: all that there are)", WEBHOOK_EVENTS),
    )
    .option("--operational", "tell of the installation, not of recipients")
    .option("--secrets <file>", "what the target asks for, as JSON; - for standard input (docs/webhooks.md)")
    .action(async (target: string, options) => (await commands()).createWebhook(target, options));
  withRemote(webhooks.command("list").description("list webhooks")).action(async (options) =>
    (await commands()).listWebhooks(options),
  );
  withRemote(webhooks.command("update <id>").description("change a webhook; a new target is tried first"))
    .option("--name <name>", "what it is called")
    .option("--target <url>", "where it posts to")
    .addOption(optionOf("--events <list>", "types, separated by commas", WEBHOOK_EVENTS))
    .option("--secrets <file>", "what the target asks for, as JSON; - for standard input (docs/webhooks.md)")
    .addOption(new Option("--active <yes|no>", "whether it posts").choices(["yes", "no"]))
    .action(async (id: string, options) => (await commands()).updateWebhook(id, options));
  withRemote(webhooks.command("rm <id>").description("delete a webhook: nothing more is sent"))
    .option("-y, --yes", "don't ask for its id")
    .action(async (id: string, options) => (await commands()).removeWebhook(id, options));
  for (const [name, description, run] of [
    ["show", "show a webhook", "showWebhook"],
    ["test", "send the test request again", "testWebhook"],
    ["replays", "list what was and is sent again", "listReplays"],
  ] as const) {
    withRemote(webhooks.command(`${name} <id>`).description(description)).action(
      async (id: string, options) => (await commands())[run](id, options),
    );
  }
  addBatchCommands(webhooks);
}

function addBatchCommands(webhooks: Command): void {
  const commands = () => import("../commands/remote-webhooks.ts");
  withRemote(webhooks.command("batches <id>").description("what failed in the last 24 hours"))
    .addOption(new Option("--dead", "only what was given up, in the last 30 days").conflicts("delivered"))
    .option("--delivered", "instead the last 20 batches that arrived")
    .action(async (id: string, options) => (await commands()).listBatches(id, options));
  withRemote(webhooks.command("replay <id>").description("send events again"))
    .option("--from <time>", "those from this time on: 2026-11-21T21:00:00Z, or a time ago like 24h")
    .option("--event <id>", "those from this event on")
    .option("--batch <id>", "a batch that was given up")
    .action(async (id: string, options) => (await commands()).replayWebhook(id, options));
  withRemote(webhooks.command("rotate-secret <id>").description("make a new signing secret"))
    .option("--overlap <hours>", "how long the old one signs too (default: 24)")
    .action(async (id: string, options) => (await commands()).rotateSecret(id, options));
}

export function addMessageCommands(program: Command): void {
  const commands = () => import("../commands/remote-messages.ts");
  withRemote(
    program
      .command("wrap")
      .description("wrap HTML or a whole message from standard input to standard output"),
  )
    .option("--to <address>", "the recipient")
    .addOption(optionOf("--type <type>", "what comes in (default: what it looks like)", CONTENT_TYPES))
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

export function addCertificateCommands(program: Command): void {
  const commands = () => import("../commands/remote-certificates.ts");
  const certs = program.command("certs").description("certificates of tracking domains");
  withRemote(
    certs.command("list").description("list certificates, those without or with the nearest end first"),
  ).action(async (options) => (await commands()).listCertificates(options));
  withRemote(
    certs.command("renew <domain>").description("have a certificate replaced now, whatever its age"),
  ).action(async (domain: string, options) => (await commands()).renewCertificate(domain, options));
}

export function addImportCommands(program: Command): void {
  // Not for one subaccount: each domain is made for the one that it has there.
  withAddress(
    program
      .command("import")
      .description("bring what another service has")
      .command("sparkpost")
      .description("create a SparkPost account's tracking domains here; can be run again"),
  )
    .option("--file <file>", "the JSON of GET /api/v1/tracking-domains, instead of asking SparkPost")
    .option("--sparkpost-url <url>", "for accounts in the EU: https://api.eu.sparkpost.com")
    .option("--dry-run", "only say what would be created")
    .addOption(jsonOption())
    .action(async (options) => (await import("../commands/import-sparkpost.ts")).importSparkpost(options));
}
