/** The completion script of bash. */
import type { CompletedCommand, Taken } from "./completion.ts";

/** `valued`: the options that take a value. */
export function bashScript(commands: readonly CompletedCommand[], valued: readonly string[]): string {
  const words = commands.map(
    ({ path, commands: children, options }) =>
      `      "${path}") words="${[...children, ...options].map(({ name }) => name).join(" ")}" ;;`,
  );
  return `# Completion for waypost: source this file, or put it where your shell looks for completions.
_waypost() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" at="" word words="" values="" before="" option="" is_value="" depth
  local -a given=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    # Here bash takes one word apart.
    case "$word" in [=:]) is_value=1; continue ;; esac
    if [ -n "$is_value" ]; then
      is_value="" option=""
      continue
    fi
    case "$word" in
      ${valued.join("|")}) is_value=1 option="$word" ;;
      -*) ;;
      *) given+=("$word") ;;
    esac
  done
  depth=\${#given[@]}
  while :; do
    at="\${given[*]:0:depth}"
    case "$at" in
${words.join("\n")}
      *) depth=$((depth - 1)); continue ;;
    esac
    break
  done
  case "$at $((\${#given[@]} - depth))" in
${commands.flatMap(argumentCases).join("\n")}
  esac
  case "$at $option" in
${commands.flatMap(optionCases).join("\n")}
  esac
  [ -n "$is_value" ] && words=""
  COMPREPLY=($(compgen -P "$before" -W "\${values:-$words}" -- "\${cur#"$before"}"))
}
complete -o default -F _waypost waypost
`;
}

function argumentCases({ path, arguments: taken }: CompletedCommand): readonly string[] {
  return taken.flatMap((takes, index) =>
    "values" in takes ? [`    "${path} ${index}") words="${takes.values.join(" ")} $words" ;;`] : [],
  );
}

function optionCases({ path, options }: CompletedCommand): readonly string[] {
  return options.flatMap(({ name, takes }) =>
    takes !== undefined && "values" in takes ? [`    "${path} ${name}") ${choose(takes)} ;;`] : [],
  );
}

function choose({ kind, values }: Extract<Taken, { readonly values: unknown }>): string {
  const offered = `values="${values.join(" ")}"`;
  // Of a list only what stands behind its last comma is completed.
  return kind === "list" ? `${offered} before="\${cur%"\${cur##*,}"}"` : offered;
}
