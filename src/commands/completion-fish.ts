/** The completion script of fish. */
import type { CompletedCommand, Taken } from "./completion.ts";

/** `valued`: the options that take a value. */
const conditions = (
  valued: readonly string[],
): string => `function __waypost_words # without options and their values
    set -l is_value
    for word in (commandline -opc)[2..]
        if set -q is_value[1]
            set -e is_value[1]
            continue
        end
        switch $word
            case ${valued.join(" ")}
                set is_value 1
            case '-*'
            case '*'
                printf '%s\\n' $word
        end
    end
end
function __waypost_at # all that stands before the cursor
    set -l words (__waypost_words)
    test "$words" = "$argv"
end
function __waypost_in # what it begins with
    set -l words (__waypost_words)
    string match --quiet --regex -- "^$argv( |\\$)" "$words"
end
function __waypost_after # so many words after a command
    set -l words (__waypost_words)
    set -l depth (math (count $argv) - 1)
    test (count $words) -eq (math $depth + $argv[1])
    and test "$words[1..$depth]" = "$argv[2..]"
end
complete -c waypost -f`;

export function fishScript(commands: readonly CompletedCommand[], valued: readonly string[]): string {
  const lines = commands.flatMap((command) => [
    ...command.commands.map(
      ({ name, description }) => `${when("at", command.path)} -a ${name} -d ${quoted(description)}`,
    ),
    ...command.options.map(({ name, description, takes }) =>
      `${when("in", command.path)} -l ${name.slice(2)} -d ${quoted(description)} ${parameter(takes)}`.trimEnd(),
    ),
    ...command.arguments.flatMap((takes, index) => argument(command.path, takes, index)),
  ]);
  return `# Completion for waypost: save as ~/.config/fish/completions/waypost.fish\n${conditions(valued)}\n${lines.join("\n")}\n`;
}

function when(condition: "at" | "in" | "after", path: string): string {
  return `complete -c waypost -n '${`__waypost_${condition} ${path}`.trimEnd()}'`;
}

function parameter(takes: Taken | undefined): string {
  switch (takes?.kind) {
    case undefined:
      return "";
    case "file":
      return "-r -F";
    case "text":
      return "-x";
    case "one":
      return `-x -a '${takes.values.join(" ")}'`;
    case "list":
      return `-x -a '(__fish_complete_list , "printf %s\\\\n ${takes.values.join(" ")}")'`;
  }
}

function argument(path: string, takes: Taken, index: number): readonly string[] {
  const condition = index === 0 ? when("at", path) : when("after", `${index} ${path}`);
  if (takes.kind === "file") return [`${condition} -F`];
  return "values" in takes ? [`${condition} -a '${takes.values.join(" ")}'`] : [];
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
