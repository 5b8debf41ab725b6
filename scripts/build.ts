/** `npm run build`: src/ and console/ to dist/, for the published package. Node refuses to strip types inside node_modules. */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";

import { buildConsole } from "./console-build.ts";

rmSync("dist", { recursive: true, force: true });
const { status } = spawnSync(
  process.execPath,
  ["node_modules/typescript/bin/tsc", "--project", "tsconfig.build.json"],
  { stdio: "inherit" },
);
if (status === 0) await buildConsole();
process.exit(status ?? 1);
