/** Commands that run a server, or look after the machine that it is on: they take the server's settings. */
import type { Command } from "commander";

import { exportFlags, loadConfig } from "../config.ts";
import { packageVersion } from "../version.ts";
import { jsonOption } from "./json-option.ts";
import { configOf, sourcesOf, withSettings } from "./settings-options.ts";

export function addServerCommands(program: Command): void {
  withSettings(program.command("serve").description("run Waypost: API, edge and background work")).action(
    async (_options, command) => {
      const sources = sourcesOf(command);
      exportFlags(sources.file, sources.flags);
      await (await import("../commands/serve.ts")).serve(loadConfig(sources));
    },
  );
  withSettings(program.command("control", { hidden: true })).action(async (_options, command) =>
    (await import("../commands/control.ts")).control(configOf(command).config),
  );
  withSettings(program.command("edge", { hidden: true })).action(async (_options, command) =>
    (await import("../commands/edge.ts")).edge(configOf(command).config),
  );
  program
    .command("demo")
    .description("start a throwaway instance and follow one mail through it")
    .action(async () => (await import("../commands/demo.ts")).demo());
  withSettings(program.command("migrate").description("bring the database's schema up to date"))
    .addOption(jsonOption())
    .action(async (options: { json?: true }, command) =>
      (await import("../commands/migrate.ts")).migrate(configOf(command).config, options),
    );
}

/** From the first configuration file to the check of an installation that runs. */
export function addSetupCommands(program: Command): void {
  withSettings(
    program
      .command("init [file]")
      .description("ask what an installation needs, and write a commented configuration file"),
  )
    .option("-y, --yes", "ask nothing: defaults, and the settings given as flags")
    .action(async (file: string | undefined, options: { yes?: true }, command) =>
      (await import("../commands/init.ts")).init(file ?? "waypost.conf", options, sourcesOf(command).flags),
    );
  withSettings(
    program.command("check-config").description("check the configuration and say what would be done"),
  )
    .addOption(jsonOption())
    .action(async (options: { json?: true }, command) =>
      (await import("../commands/check-config.ts")).checkConfig(configOf(command), options),
    );
  withSettings(
    program.command("doctor").description("look at an installation, and say what to do about what is wrong"),
  )
    .addOption(jsonOption())
    .action(async (options: { json?: true }, command) =>
      (await import("../commands/doctor.ts")).doctor(configOf(command), options),
    );
}

interface BackupFlags {
  readonly withoutSecret?: true;
  readonly spoolOnly?: true;
  readonly json?: true;
}

export function addBackupCommands(program: Command): void {
  withSettings(
    program
      .command("backup <folder>")
      .description("copy everything that a new machine needs into a new folder, while Waypost runs"),
  )
    .option(
      "--without-secret",
      "leave the data directory's master secret out: the backup opens no link without it",
    )
    .option(
      "--spool-only",
      "this machine's spool alone, the events that are not in the store yet: for machines whose database is backed up elsewhere",
    )
    .addOption(jsonOption())
    .action(async (folder: string, options: BackupFlags, command) => {
      const { backup } = await import("../commands/backup.ts");
      const about = {
        version: packageVersion(),
        withSecret: !options.withoutSecret,
        spoolOnly: options.spoolOnly === true,
        json: options.json === true,
      };
      await backup(folder, about, configOf(command).config);
    });
  withSettings(
    program
      .command("restore <folder>")
      .description("make a backup the store, spool and secret of an empty data directory"),
  )
    .addOption(jsonOption())
    .action(async (folder: string, options: { json?: true }, command) =>
      (await import("../commands/restore.ts")).restore(folder, configOf(command).config, options),
    );
}
