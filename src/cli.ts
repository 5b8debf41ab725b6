/** The `waypost` command. What each command does is in commands/, how it is called in command-line/. */
import { inspect } from "node:util";

import { Command } from "commander";

import { HELP_LAYOUT } from "./command-line/help-layout.ts";
import { argumentOf } from "./command-line/offered-values.ts";
import {
  addCertificateCommands,
  addEventCommands,
  addImportCommands,
  addMessageCommands,
  addRemoteDomainCommands,
  addWebhookCommands,
} from "./command-line/remote-commands.ts";
import { addBackupCommands, addServerCommands, addSetupCommands } from "./command-line/server-commands.ts";
import { addKeyringCommands, addOperatorDomainCommands } from "./command-line/store-commands.ts";
import { addKeyCommands, addSubaccountCommands } from "./command-line/tenant-commands.ts";
import { complain, endWhenNobodyReads, plainLines } from "./commands/output.ts";
import { ConfigError } from "./config.ts";
import { AppError } from "./domain/errors.ts";
import { packageVersion } from "./version.ts";

/** Exit codes: 0 done, 1 could not be done, 2 the call or the configuration is wrong. */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const program = new Command("waypost")
  .description("Self-hosted tracking domains and engagement tracking for email")
  .version(packageVersion(), "-v, --version")
  // Not the help itself, after whose hundred lines nobody sees what was wrong.
  .showHelpAfterError("Add --help to see what there is.")
  .configureHelp(HELP_LAYOUT)
  .configureOutput({ writeErr: (text) => process.stderr.write(plainLines(text)) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE));

addServerCommands(program);
addSetupCommands(program);
addBackupCommands(program);
const domains = program.command("domains").description("tracking domains");
addRemoteDomainCommands(domains);
addOperatorDomainCommands(domains);
addMessageCommands(program);
addEventCommands(program);
addWebhookCommands(program);
addCertificateCommands(program);
addImportCommands(program);
addKeyringCommands(program);
addKeyCommands(program);
addSubaccountCommands(program);
program
  .command("completion")
  .addArgument(argumentOf("<shell>", "which one", ["bash", "zsh", "fish"]))
  .description("print a completion script for a shell")
  .action(async (shell: string) =>
    (await import("./commands/completion.ts")).printCompletion(shell, program),
  );

endWhenNobodyReads();
try {
  await program.parseAsync();
} catch (error) {
  // Not by exitCode: a child that failed to start still has a channel to its supervisor, which keeps it alive.
  process.exit(tellFailure(error));
}

function tellFailure(error: unknown): number {
  if (error instanceof ConfigError) {
    for (const problem of error.problems) complain(problem);
    return EXIT_USAGE;
  }
  complain(error instanceof AppError ? error.message : inspect(error));
  return EXIT_FAILED;
}
