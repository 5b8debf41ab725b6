/** The completion script of zsh. */
import type { CompletedCommand, Taken } from "./completion.ts";

export function zshScript(commands: readonly CompletedCommand[]): string {
  const known = commands.map(({ path }) => quoted(path));
  return `#compdef waypost
# Completion for waypost: source this file, or save it as _waypost in a folder of $fpath.
_waypost() {
  local at="" next
  local -a commands known=(${known.join(" ")})
  while (( CURRENT > 2 )); do
    next="\${at:+$at }\${words[2]}"
    (( \${known[(Ie)$next]} )) || break
    at=$next
    shift words
    (( CURRENT-- ))
  done
  case $at in
${commands.map(caseOf).join("\n")}
  esac
}
if [[ $funcstack[1] == _waypost ]]; then
  _waypost "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _waypost waypost
fi
`;
}

function caseOf(command: CompletedCommand): string {
  const { path, commands, options } = command;
  if (commands.length === 0) {
    const specs = [...options.map(optionSpec), ...command.arguments.map(argumentSpec)];
    return `    ${quoted(path)})\n      _arguments ${specs.map(quoted).join(" \\\n        ")} ;;`;
  }
  const entries = [...commands, ...options].map(({ name, description }) => quoted(`${name}:${description}`));
  const array = `commands=(\n        ${entries.join("\n        ")})`;
  return `    ${quoted(path)})\n      ${array}\n      (( CURRENT == 2 )) && _describe command commands ;;`;
}

function optionSpec({ name, description, takes }: CompletedCommand["options"][number]): string {
  // Brackets would end what is explained.
  const explained = `[${description.replaceAll("[", "(").replaceAll("]", ")")}]`;
  return takes === undefined ? `${name}${explained}` : `${name}=${explained}:value:${action(takes)}`;
}

function argumentSpec(takes: Taken, index: number): string {
  return `${index + 1}:value:${action(takes)}`;
}

function action(takes: Taken): string {
  switch (takes.kind) {
    case "file":
      return "_files";
    case "text":
      return " ";
    case "one":
      return `(${takes.values.join(" ")})`;
    case "list":
      return `_values -s , value ${takes.values.join(" ")}`;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
