/** `waypost domains …`: what only the operator may do. A running server notices within a second. */
import type { Config } from "../config.ts";
import { AppError } from "../domain/errors.ts";
import { canonicalHostname } from "../domain/hostname.ts";
import type { Store } from "../store/open-store.ts";
import { recordLocally } from "./local-audit.ts";
import { printJson } from "./output.ts";
import { withStore } from "./with-store.ts";

export type DomainChange = "block" | "unblock" | "release";

interface Change {
  readonly make: (store: Store, domain: string) => Promise<boolean>;
  readonly action: string;
  readonly done: string;
  readonly refused: string;
}

const CHANGES: Readonly<Record<DomainChange, Change>> = {
  block: {
    make: (store, domain) => store.trackingDomains.setBlocked(domain, true),
    action: "Block a tracking domain",
    done: "is blocked",
    refused: "is not a tracking domain here",
  },
  unblock: {
    make: (store, domain) => store.trackingDomains.setBlocked(domain, false),
    action: "Unblock a tracking domain",
    done: "is not blocked any more",
    refused: "is not a tracking domain here",
  },
  release: {
    make: (store, domain) => store.trackingDomains.release(domain),
    action: "Release a deleted tracking domain",
    done: "may be created by anybody; links already sent go on working",
    refused: "is not held: it was never deleted here, or is released already",
  },
};

export async function changeDomain(
  change: DomainChange,
  name: string,
  config: Config,
  { json }: { readonly json?: true },
): Promise<void> {
  const domain = canonicalHostname(name);
  const { make, action, done, refused } = CHANGES[change];
  await withStore(config, async (store) => {
    if (!(await make(store, domain))) throw new AppError("not_found", `${domain} ${refused}.`);
    if (json) printJson({ domain, done: change });
    else console.log(`${domain} ${done}.`);
    await recordLocally(store, {
      command: `waypost domains ${change}`,
      action,
      path: `/api/v1/tracking-domains/${domain}`,
      subaccountId: (await store.trackingDomains.find(domain, "all"))?.subaccountId,
    });
  });
}
