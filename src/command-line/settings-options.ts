/** How a command takes the server's settings: as flags, from a file, from the environment. */
import { type Command, Option } from "commander";

import { flagName, type LoadedConfig, loadConfig, SETTINGS, type SettingKey } from "../config.ts";

export interface SettingSources {
  readonly file: string | undefined;
  readonly flags: Partial<Record<SettingKey, string>>;
}

export function withSettings(command: Command): Command {
  command.option("--config <file>", "file of WAYPOST_X=value lines");
  for (const key of Object.keys(SETTINGS) as SettingKey[]) {
    const { description, default: fallback } = SETTINGS[key];
    command.addOption(new Option(`${flagName(key)} <value>`, `${description} (default: ${fallback})`));
  }
  return command;
}

/** Throws `ConfigError` with all that is wrong. */
export function configOf(command: Command): LoadedConfig {
  return loadConfig(sourcesOf(command));
}

export function sourcesOf(command: Command): SettingSources {
  const { config: file, ...flags } = command.opts<
    { config?: string } & Partial<Record<SettingKey, string>>
  >();
  return { file, flags: Object.fromEntries(Object.entries(flags).filter(([name]) => name in SETTINGS)) };
}
