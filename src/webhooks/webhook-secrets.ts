/** A webhook's secrets between memory and the store. Bound to their webhook: the sealed text of one opens for no other. */
import { seal, unseal } from "../token/sealed.ts";
import type { WebhookSecrets } from "./webhook.ts";

export interface SecretBox {
  seal(webhookId: string, secrets: WebhookSecrets): string;
  /** Throws when it was sealed with another master secret, which the start of the process rules out. */
  open(webhookId: string, sealed: string): WebhookSecrets;
}

export function createSecretBox(masterSecret: string): SecretBox {
  return {
    seal: (webhookId, secrets) =>
      seal(Buffer.from(JSON.stringify(secrets)), masterSecret, purposeOf(webhookId)),
    open: (webhookId, sealed) => {
      const opened = unseal(sealed, masterSecret, purposeOf(webhookId));
      if (opened === undefined) throw new Error("a webhook's secrets do not open with the master secret");
      // Sealed by us, so it parses.
      return JSON.parse(opened.toString()) as WebhookSecrets;
    },
  };
}

function purposeOf(webhookId: string): string {
  return `webhook ${webhookId}`;
}
