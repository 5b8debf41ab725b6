/** Builds the console: `console/` to `dist/console/`, each file with its compressed forms beside it. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import type { InlineConfig } from "vite";

const PROJECT = resolve(import.meta.dirname, "..");
const SOURCES = join(PROJECT, "console");
const FOLDER = join(PROJECT, "dist/console");
const FRESH = join(PROJECT, "dist/console-new");
const FORMER = join(PROJECT, "dist/console-old");
/** Holds the {@link fingerprint} of what was built. */
const STAMP = ".built-from";
const COMPRESSIBLE = /\.(html|js|css|svg)$/;

/** Whether `dist/console/` is what the present sources make. */
export function isConsoleCurrent(): boolean {
  const stamp = join(FOLDER, STAMP);
  return existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint();
}

/** The former build stays whole until the new one is. Throws when a development dependency is missing. */
export async function buildConsole(): Promise<void> {
  const { build } = await import("vite");
  rmSync(FRESH, { recursive: true, force: true });
  await build({ ...(await consoleConfig()), build: { outDir: FRESH, ...BUILD } });
  for (const file of filesIn(FRESH).filter((name) => COMPRESSIBLE.test(name))) compress(join(FRESH, file));
  writeFileSync(join(FRESH, STAMP), fingerprint());
  rmSync(FORMER, { recursive: true, force: true });
  if (existsSync(FOLDER)) renameSync(FOLDER, FORMER);
  renameSync(FRESH, FOLDER);
  rmSync(FORMER, { recursive: true, force: true });
}

const BUILD = {
  emptyOutDir: true,
  manifest: true,
  license: true,
  target: "es2023",
  cssTarget: ["chrome123", "firefox120", "safari17.5"],
  modulePreload: { polyfill: false },
  // The policy of the page allows no data: URLs in styles, and there is nothing small to inline.
  assetsInlineLimit: 0,
  reportCompressedSize: false,
} satisfies InlineConfig["build"];

/** Of both the build and the development server. */
export async function consoleConfig(): Promise<InlineConfig> {
  const [{ default: react }, { default: tailwind }] = await Promise.all([
    import("@vitejs/plugin-react"),
    import("@tailwindcss/vite"),
  ]);
  return { configFile: false, root: SOURCES, logLevel: "warn", plugins: [react(), tailwind()] };
}

function fingerprint(): string {
  const hash = createHash("sha256");
  const own = ["package-lock.json", "scripts/console-build.ts"];
  const files = [...filesIn(SOURCES).map((name) => join("console", name)), ...own].sort();
  for (const file of files) {
    hash.update(`${file}\0`);
    hash.update(readFileSync(join(PROJECT, file)));
  }
  return hash.digest("hex");
}

function filesIn(folder: string): readonly string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => statSync(join(folder, name)).isFile());
}

function compress(file: string): void {
  const content = readFileSync(file);
  writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
  const best = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  writeFileSync(`${file}.br`, brotliCompressSync(content, { params: best }));
}
