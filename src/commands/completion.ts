/** `waypost completion bash|zsh|fish`: a script that completes commands and their options, made from the command line's own tree. */
import type { Command } from "commander";

import { AppError } from "../domain/errors.ts";

interface Node {
  /** `domains add`; `""` for the program itself. */
  readonly path: string;
  readonly words: readonly string[];
}

export function printCompletion(shell: string, program: Command): void {
  const nodes = nodesOf(program, "");
  switch (shell) {
    case "bash":
      return void process.stdout.write(bash(nodes));
    case "zsh":
      return void process.stdout.write(`autoload -U +X bashcompinit && bashcompinit\n${bash(nodes)}`);
    case "fish":
      return void process.stdout.write(fish(nodes));
    default:
      throw new AppError("invalid_parameters", "The shell must be bash, zsh or fish");
  }
}

function nodesOf(command: Command, path: string): readonly Node[] {
  const children = command.commands.filter((child) => !isHidden(command, child));
  const options = command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long]));
  const own = { path, words: [...children.map((child) => child.name()), ...options] };
  return [own, ...children.flatMap((child) => nodesOf(child, `${path} ${child.name()}`.trim()))];
}

function isHidden(parent: Command, child: Command): boolean {
  return !parent.createHelp().visibleCommands(parent).includes(child);
}

function bash(nodes: readonly Node[]): string {
  const cases = nodes.map(({ path, words }) => `    "${path}") words="${words.join(" ")}" ;;`);
  return `# Completion for waypost: source this file, or put it where your shell looks for completions.
_waypost() {
  local path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  while :; do
    case "$path" in
${cases.map((line) => `  ${line}`).join("\n")}
    esac
    [ -n "$words" ] && break
    case "$path" in *" "*) path="\${path% *}" ;; *) break ;; esac
  done
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _waypost waypost
`;
}

function fish(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ path, words }) => {
    const condition =
      path === ""
        ? "__fish_use_subcommand"
        : path
            .split(" ")
            .map((word) => `__fish_seen_subcommand_from ${word}`)
            .join("; and ");
    return words.map((word) =>
      word.startsWith("--")
        ? `complete -c waypost -n "${condition}" -l ${word.slice(2)}`
        : `complete -c waypost -f -n "${condition}" -a ${word}`,
    );
  });
  return `# Completion for waypost: save as ~/.config/fish/completions/waypost.fish\n${lines.join("\n")}\n`;
}
