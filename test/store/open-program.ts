/** Opens the store as a starting process does, and says so. Its argument: a store location as JSON. */
import { openStore, type StoreLocation } from "../../src/store/open-store.ts";

const store = await openStore(JSON.parse(process.argv[2] ?? "") as StoreLocation);
const { sealedKeyRing } = await store.installation.readOrCreate(
  () => ({ sealedKeyRing: `ring of ${process.pid}` }),
  Date.now(),
);
const first = await store.apiKeys.createFirst(
  { hash: `${process.pid}`, label: "", shortKey: "", grants: [], subaccountId: undefined, validIps: [] },
  Date.now(),
);
await store.close();
process.stdout.write(JSON.stringify({ sealedKeyRing, gotFirstKey: first !== undefined }));
