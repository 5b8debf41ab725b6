/** The `waypost` command. Each subcommand lives in commands/; here is only how they are called. */
import { Command, Option } from "commander";

import {
  ConfigError,
  exportFlags,
  flagName,
  type LoadedConfig,
  loadConfig,
  SETTINGS,
  type SettingKey,
} from "./config.ts";
import { AppError } from "./domain/errors.ts";
import { packageVersion } from "./version.ts";

/** Exit codes: 0 done, 1 could not be done, 2 the call or the configuration is wrong. */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const program = new Command("waypost")
  .description("Self-hosted tracking domains and engagement tracking for email")
  .version(packageVersion(), "-v, --version")
  .showHelpAfterError()
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE));

withSettings(program.command("serve").description("run Waypost: API, edge and background work")).action(
  async (_options, command) => {
    const sources = sourcesOf(command);
    exportFlags(sources.file, sources.flags);
    await (await import("./commands/serve.ts")).serve(loadConfig(sources));
  },
);
withSettings(program.command("control", { hidden: true })).action(async (_options, command) =>
  (await import("./commands/control.ts")).control(configOf(command).config),
);
withSettings(program.command("edge", { hidden: true })).action(async (_options, command) =>
  (await import("./commands/edge.ts")).edge(configOf(command).config),
);
program
  .command("demo")
  .description("start a throwaway instance and follow one mail through it")
  .action(async () => (await import("./commands/demo.ts")).demo());
withSettings(
  program.command("check-config").description("check the configuration and say what would be done"),
).action(async (_options, command) =>
  (await import("./commands/check-config.ts")).checkConfig(configOf(command)),
);
withSettings(program.command("migrate").description("bring the database's schema up to date")).action(
  async (_options, command) => (await import("./commands/migrate.ts")).migrate(configOf(command).config),
);

withSettings(
  program
    .command("backup <folder>")
    .description("copy everything that a new machine needs into a new folder, while Waypost runs"),
)
  .option(
    "--without-secret",
    "leave the data directory's master secret out: the backup opens no link without it",
  )
  .action(async (folder: string, options: { withoutSecret?: true }, command) => {
    const { backup } = await import("./commands/backup.ts");
    const about = { version: packageVersion(), withSecret: !options.withoutSecret };
    await backup(folder, about, configOf(command).config);
  });
withSettings(
  program
    .command("restore <folder>")
    .description("make a backup the store, spool and secret of an empty data directory"),
).action(async (folder: string, _options, command) =>
  (await import("./commands/restore.ts")).restore(folder, configOf(command).config),
);

const domains = program.command("domains").description("tracking domains, as their operator");
for (const [name, description] of [
  ["block", "stop a tracking domain: no new links, and its sent links answer 403"],
  ["unblock", "undo block"],
  ["release", "let another (sub)account create a deleted domain"],
] as const) {
  withSettings(domains.command(`${name} <domain>`).description(description)).action(
    async (domain: string, _options, command) =>
      (await import("./commands/domains.ts")).changeDomain(name, domain, configOf(command).config),
  );
}

const keyring = program.command("keyring").description("the keys that seal links");
withSettings(
  keyring.command("rotate").description("add a key for new links; every older one is kept for ever"),
)
  .option("--active-in <seconds>", "when new links use it: every edge must have it by then", "300")
  .action(async (options: { activeIn: string }, command) =>
    (await import("./commands/keyring.ts")).rotateKeys(options.activeIn, configOf(command).config),
  );
withSettings(keyring.command("list").description("list the keys, without their secrets")).action(
  async (_options, command) => (await import("./commands/keyring.ts")).listKeys(configOf(command).config),
);
withSettings(
  keyring.command("export").description("print the key ring, sealed with the secret, for the wrap library"),
).action(async (_options, command) =>
  (await import("./commands/keyring.ts")).exportKeys(configOf(command).config),
);

const keys = program.command("keys").description("API keys, in the local data directory or database");
withSettings(keys.command("create").description("make a key and print it, once"))
  .requiredOption("--label <text>", "what the key is for")
  .option("--grants <list>", "grants, separated by commas (default: all that the key may have)")
  .option("--subaccount <id>", "the subaccount it belongs to")
  .option("--valid-ips <list>", "addresses and CIDRs it may be used from, separated by commas")
  .action(async (options, command) =>
    (await import("./commands/keys.ts")).createKey(options, configOf(command).config),
  );
withSettings(keys.command("list").description("list keys")).action(async (_options, command) =>
  (await import("./commands/keys.ts")).listKeys(configOf(command).config),
);
withSettings(keys.command("revoke <id>").description("revoke a key")).action(
  async (id: string, _options, command) =>
    (await import("./commands/keys.ts")).revokeKey(id, configOf(command).config),
);

const subaccounts = program
  .command("subaccounts")
  .description("subaccounts, in the local data directory or database");
withSettings(subaccounts.command("create <name>").description("create a subaccount")).action(
  async (name: string, _options, command) =>
    (await import("./commands/subaccounts.ts")).createSubaccount(name, configOf(command).config),
);
withSettings(subaccounts.command("list").description("list subaccounts")).action(async (_options, command) =>
  (await import("./commands/subaccounts.ts")).listSubaccounts(configOf(command).config),
);
withSettings(
  subaccounts.command("set-status <id> <status>").description("active, suspended or terminated"),
).action(async (id: string, status: string, _options, command) =>
  (await import("./commands/subaccounts.ts")).setSubaccountStatus(id, status, configOf(command).config),
);

try {
  await program.parseAsync();
} catch (error) {
  // Not by exitCode: a child that failed to start still has a channel to its supervisor, which keeps it alive.
  process.exit(tellFailure(error));
}

function withSettings(command: Command): Command {
  command.option("--config <file>", "file of WAYPOST_X=value lines");
  for (const key of Object.keys(SETTINGS) as SettingKey[]) {
    const { description, default: fallback } = SETTINGS[key];
    command.addOption(new Option(`${flagName(key)} <value>`, `${description} (default: ${fallback})`));
  }
  return command;
}

function configOf(command: Command): LoadedConfig {
  return loadConfig(sourcesOf(command));
}

function sourcesOf(command: Command): {
  file: string | undefined;
  flags: Partial<Record<SettingKey, string>>;
} {
  const { config: file, ...flags } = command.opts<
    { config?: string } & Partial<Record<SettingKey, string>>
  >();
  return { file, flags: Object.fromEntries(Object.entries(flags).filter(([name]) => name in SETTINGS)) };
}

function tellFailure(error: unknown): number {
  if (error instanceof ConfigError) {
    for (const problem of error.problems) console.error(problem);
    return EXIT_USAGE;
  }
  if (error instanceof AppError) console.error(error.message);
  else console.error(error);
  return EXIT_FAILED;
}
