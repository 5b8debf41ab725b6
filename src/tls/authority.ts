/** The link to the CA: one account for all machines, found or made when it is first needed, and again after it failed. */
import { type AcmeClientOptions, openAcmeClient } from "./acme-client.ts";
import type { CaLink, CertificateAuthority } from "./attempt.ts";
import { newKeyPem, readAccountKey } from "./jws.ts";

interface AccountKey {
  readonly sealedKey: string;
  readonly thumbprint: string;
}

export interface AccountStore {
  use(
    directory: string,
    make: () => AccountKey,
    nowMs: number,
  ): Promise<AccountKey & { readonly usedSinceMs: number }>;
  pause(directory: string, untilMs: number): Promise<void>;
  pausedUntil(directory: string): Promise<number>;
}

export interface AuthorityOptions
  extends Pick<AcmeClientOptions, "contactEmail" | "externalAccount" | "extraCa"> {
  readonly directory: string;
  readonly accounts: AccountStore;
  /** Both for the account's key alone: what seals it opens nothing else. */
  readonly sealKey: (keyPem: string) => string;
  readonly openKey: (sealedKey: string) => string | undefined;
  readonly nowMs: number;
}

/**
 * Makes the account's key unless a machine has before, so that edges can answer challenges from then on. The CA is not asked
 * for anything yet: Waypost starts while it is down.
 */
export async function linkAuthority(options: AuthorityOptions): Promise<CaLink> {
  const { directory, accounts, openKey, nowMs } = options;
  const make = () => newAccountKey(options.sealKey);
  const { sealedKey, usedSinceMs } = await accounts.use(directory, make, nowMs);
  const accountKeyPem = openKey(sealedKey);
  if (accountKeyPem === undefined) throw new Error("the ACME account's key was sealed with another secret");
  let link: Promise<CertificateAuthority> | undefined;
  return {
    directory,
    usedSinceMs,
    connect: () => {
      if (link !== undefined) return link;
      const opening = openAcmeClient({
        directoryUrl: directory,
        accountKeyPem,
        termsAgreed: true,
        contactEmail: options.contactEmail,
        externalAccount: options.externalAccount,
        extraCa: options.extraCa,
      });
      link = opening;
      opening.catch(() => {
        if (link === opening) link = undefined;
      });
      return opening;
    },
    disconnect: () => {
      link = undefined;
    },
    pause: (untilMs) => accounts.pause(directory, untilMs),
    pausedUntil: () => accounts.pausedUntil(directory),
  };
}

function newAccountKey(sealKey: (keyPem: string) => string): AccountKey {
  const keyPem = newKeyPem();
  return { sealedKey: sealKey(keyPem), thumbprint: readAccountKey(keyPem).thumbprint };
}
