/** `waypost migrate`: what `serve` does at its start, alone. */
import type { Config } from "../config.ts";
import { withStore } from "./with-store.ts";

export async function migrate(config: Config): Promise<void> {
  await withStore(config, async () => console.log("The schema is up to date."), {});
}
