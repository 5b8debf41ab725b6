/** Where the settings say that state and events are kept. */
import type { Config } from "./config.ts";
import type { StoreLocation } from "./store/open-store.ts";

export function storeLocation(config: Config): StoreLocation {
  return config.databaseUrl === undefined
    ? { kind: "sqlite", dir: config.dataDir }
    : { kind: "postgres", url: config.databaseUrl };
}
