/** Programs that the tests need and npm doesn't have. Debian's package is installed when this is root on Debian. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface NeededProgram {
  /** For people: `PostgreSQL 14 or newer`. */
  readonly what: string;
  readonly debianPackage: string;
  /** Answers what the package asks while it is installed: a line for `debconf-set-selections`. */
  readonly debconf?: string;
  /** The environment variable that makes it unnecessary. */
  readonly insteadSet?: string;
  /** Where it is, when it is there. */
  search(): string | undefined;
}

/** Where the program is, after installing it where that is possible. Throws with what to install. */
export function findOrInstall(program: NeededProgram, say: (line: string) => void): string {
  const found = program.search();
  if (found !== undefined) return found;
  const { what, debianPackage, debconf, insteadSet } = program;
  if (process.getuid?.() !== 0 || spawnSync("apt-get", ["--version"]).status !== 0) {
    const orSet = insteadSet === undefined ? "" : `, or set ${insteadSet}`;
    throw new Error(`The tests need ${what}: install it (Debian: apt-get install ${debianPackage})${orSet}.`);
  }
  say(`No ${what} found for the tests: installing Debian's ${debianPackage} by apt-get.`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // None of a developer's own packages is removed: a mail server takes another one's place.
  const install = ["install", "--yes", "--no-remove", "--no-install-recommends", debianPackage];
  execFileSync("apt-get", ["--quiet", "update"], { stdio: ["ignore", "ignore", "inherit"], env });
  try {
    execFileSync("apt-get", ["--quiet", "--simulate", ...install], {
      stdio: ["ignore", "ignore", "inherit"],
      env,
    });
  } catch {
    throw new Error(
      `The tests need ${what}, and Debian's ${debianPackage} would take another package's place here.`,
    );
  }
  if (debconf !== undefined) execFileSync("debconf-set-selections", { input: debconf });
  execFileSync("apt-get", ["--quiet", ...install], { stdio: ["ignore", "ignore", "inherit"], env });
  const installed = program.search();
  if (installed === undefined)
    throw new Error(`apt-get installed ${debianPackage}, but ${what} is not where Debian puts it.`);
  return installed;
}

/** The first folder of PATH, or of those given, that has all of these files. */
export function searchFolders(files: readonly string[], more: readonly string[] = []): string | undefined {
  const onPath = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...onPath, ...more].find((folder) => files.every((name) => existsSync(join(folder, name))));
}
