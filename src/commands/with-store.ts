/** Opens the store for one command, and closes it whatever happens. */
import type { Config } from "../config.ts";
import { openStore, type Store } from "../store/open-store.ts";
import { storeLocation } from "../store-location.ts";

export async function withStore<T>(config: Config, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(storeLocation(config));
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
