/** `waypost migrate`: what `serve` does at its start, alone. */
import type { Config } from "../config.ts";
import { printJson } from "./output.ts";
import { withStore } from "./with-store.ts";

export async function migrate(config: Config, { json }: { readonly json?: true }): Promise<void> {
  await withStore(config, async () => undefined, {});
  if (json) return printJson({ schema: "current" });
  console.log("The schema is up to date.");
}
