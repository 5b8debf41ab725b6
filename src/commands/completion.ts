/** `waypost completion bash|zsh|fish`: a script that completes commands, options and their values, made from the command line's own tree. */
import type { Argument, Command, Option } from "commander";

import { AppError } from "../domain/errors.ts";
import { bashScript } from "./completion-bash.ts";
import { fishScript } from "./completion-fish.ts";
import { zshScript } from "./completion-zsh.ts";

/** What an option or an argument takes. */
export type Taken =
  | { readonly kind: "file" }
  | { readonly kind: "one" | "list"; readonly values: readonly string[] }
  | { readonly kind: "text" };

export interface CompletedOption {
  /** `--secure` */
  readonly name: string;
  readonly description: string;
  readonly takes: Taken | undefined;
}

export interface CompletedCommand {
  /** `domains add`; `""` for the program itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
  readonly arguments: readonly Taken[];
}

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
const MAX_DESCRIPTION = 80;

export function printCompletion(shell: string, program: Command): void {
  if (!isShell(shell)) throw new AppError("invalid_parameters", "The shell must be bash, zsh or fish");
  const commands = commandsOf(program, "");
  process.stdout.write(SCRIPTS[shell](commands, valued(commands)));
}

/** The options that take a value: the word after one is no argument. An option is the same in every command that has it. */
function valued(commands: readonly CompletedCommand[]): readonly string[] {
  const names = commands.flatMap(({ options }) =>
    options.flatMap(({ name, takes }) => (takes === undefined ? [] : [name])),
  );
  return [...new Set(names)];
}

function isShell(text: string): text is keyof typeof SCRIPTS {
  return Object.hasOwn(SCRIPTS, text);
}

function commandsOf(command: Command, path: string): readonly CompletedCommand[] {
  const visible = command.createHelp().visibleCommands(command);
  const children = command.commands.filter((child) => visible.includes(child));
  const own = {
    path,
    commands: children.map((child) => ({ name: child.name(), description: brief(child.description()) })),
    options: command.options.flatMap((option) => optionOf(option) ?? []),
    arguments: command.registeredArguments.map((argument) => takenBy(argument, argument.name())),
  };
  return [own, ...children.flatMap((child) => commandsOf(child, `${path} ${child.name()}`.trim()))];
}

function optionOf(option: Option): CompletedOption | undefined {
  const { long, flags, description } = option;
  if (!long) return undefined;
  const value = /<(.+)>/.exec(flags)?.[1];
  const takes = value === undefined ? undefined : takenBy(option, value);
  const isFile = takes?.kind === "text" && /-(?:file|dir)$/.test(long);
  return { name: long, description: brief(description), takes: isFile ? { kind: "file" } : takes };
}

function takenBy({ argChoices }: Option | Argument, name: string): Taken {
  if (argChoices !== undefined) return { kind: name === "list" ? "list" : "one", values: argChoices };
  return { kind: name === "file" || name === "folder" ? "file" : "text" };
}

/** One line beside the word that it is about: the first sentence, without the default. */
function brief(description: string): string {
  const [sentence = ""] = description.replace(/ \(default:.*$/, "").split(/(?<=[.;]) /);
  const text = sentence.replaceAll("`", "").replace(/[.;]$/, "");
  return text.length <= MAX_DESCRIPTION ? text : `${text.slice(0, MAX_DESCRIPTION - 1).trimEnd()}…`;
}
