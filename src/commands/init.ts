/** `waypost init`: asks what an installation needs, and writes a commented configuration file. */
import { randomBytes } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { createInterface, type Interface } from "node:readline/promises";

import { ConfigError, loadConfig, SETTINGS, type SettingKey, variableName } from "../config.ts";
import { AppError } from "../domain/errors.ts";
import { settingLine } from "./setting-line.ts";

export interface InitOptions {
  /** Takes the defaults, and what flags say. */
  readonly yes?: true;
}

type Answers = Partial<Record<SettingKey, string>>;

interface Question {
  readonly key: SettingKey;
  readonly ask: string;
  readonly suggested: string;
}

const QUESTIONS: readonly Question[] = [
  { key: "dataDir", ask: "Where shall Waypost keep its data?", suggested: "/var/lib/waypost" },
  {
    key: "cnameTarget",
    ask: "Which name will customers point their CNAME at (it leads to this machine)?",
    suggested: "localhost",
  },
  {
    key: "edgeHttpListen",
    ask: "Where does the edge listen for http?",
    suggested: "0.0.0.0:80",
  },
  {
    key: "edgeHttpsListen",
    ask: "And for https (off: none, or a proxy in front does it)?",
    suggested: "0.0.0.0:443",
  },
  {
    key: "acmeTermsAgreed",
    ask: "Do you agree to the terms of Let's Encrypt (yes: certificates are ordered for secure domains)?",
    suggested: "no",
  },
  { key: "apiListen", ask: "Where do API and console listen?", suggested: "127.0.0.1:8080" },
  {
    key: "databaseUrl",
    ask: "PostgreSQL, as postgres://… (empty: SQLite in the data directory)?",
    suggested: "",
  },
];

/** Never overwrites a file: what is there may hold a secret that no link can be opened without. */
export async function init(path: string, options: InitOptions, given: Answers): Promise<void> {
  const answers = options.yes ? withDefaults(given) : await ask(given);
  // A shared database needs one secret on every machine: better made now than forgotten.
  const complete =
    answers.databaseUrl !== undefined && answers.secret === undefined
      ? { ...answers, secret: randomBytes(32).toString("hex") }
      : answers;
  writeOnce(path, render(complete));
  console.log(`\nWritten: ${path}`);
  console.log(
    `Look it through, then:\n  waypost check-config --config ${path}\n  waypost serve --config ${path}`,
  );
  if (complete.secret !== undefined) {
    console.log("It holds the master secret: keep a copy where a lost machine does not take it along.");
  }
}

function withDefaults(given: Answers): Answers {
  const suggested = QUESTIONS.filter(({ suggested: text }) => text !== "").map(
    ({ key, suggested: text }) => [key, text] as const,
  );
  return checked({ ...Object.fromEntries(suggested), ...given });
}

async function ask(given: Answers): Promise<Answers> {
  if (!process.stdin.isTTY) {
    throw new AppError(
      "invalid_parameters",
      "Nobody can be asked here: use --yes, and flags for what differs",
    );
  }
  // What is wrong with a flag would be wrong after every answer.
  let answers = checked(given);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    for (const question of QUESTIONS) {
      if (given[question.key] === undefined) answers = await askOne(terminal, question, answers);
    }
    return answers;
  } finally {
    terminal.close();
  }
}

/** Until the answer is one that the setting takes. */
async function askOne(terminal: Interface, question: Question, answers: Answers): Promise<Answers> {
  for (;;) {
    const hint = question.suggested === "" ? "" : ` [${question.suggested}]`;
    const typed = (await terminal.question(`${question.ask}${hint} `)).trim();
    const text = typed === "" ? question.suggested : typed;
    if (text === "") return answers;
    const next = { ...answers, [question.key]: text };
    const problem = problemWith(next);
    if (problem === undefined) return next;
    console.log(problem);
  }
}

/** Throws `invalid_parameters` for those that are not. */
function checked(answers: Answers): Answers {
  const problem = problemWith(answers);
  if (problem !== undefined) throw new AppError("invalid_parameters", problem);
  return answers;
}

/** What the server itself would say of these settings, and what a file cannot hold. */
function problemWith(answers: Answers): string | undefined {
  try {
    loadConfig({ environment: {}, flags: answers });
    render(answers);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join("\n");
    if (error instanceof AppError) return error.message;
    throw error;
  }
}

function render(answers: Answers): string {
  const keys = Object.keys(SETTINGS) as SettingKey[];
  const blocks = keys.map((key) => {
    const { description, default: fallback } = SETTINGS[key];
    const value = answers[key];
    const line = value === undefined ? `#${variableName(key)}=` : settingLine(variableName(key), value);
    return `# ${description.replaceAll("\n", " ")}\n# Default: ${fallback}\n${line}\n`;
  });
  return `# Waypost. All settings: docs/config.md. Lines that begin with # are comments.\n\n${blocks.join("\n")}`;
}

function writeOnce(path: string, text: string): void {
  let file: number;
  try {
    file = openSync(path, "wx", 0o600);
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === "EEXIST";
    throw new AppError(
      isThere ? "resource_conflict" : "unavailable",
      isThere
        ? `${path} is there already: name another file, or change it by hand`
        : `${path} cannot be written`,
      { cause: error },
    );
  }
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}
