/** Opens the store for one command, and closes it whatever happens. Commands work on what is there: none but `migrate` creates or changes a schema. */
import type { Config } from "../config.ts";
import { openStore, type Store, type StoreOptions } from "../store/open-store.ts";
import { storeLocation } from "../store-location.ts";

export async function withStore<T>(
  config: Config,
  use: (store: Store) => Promise<T>,
  options: StoreOptions = { existing: true },
): Promise<T> {
  const store = await openStore(storeLocation(config), options);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
