/** How those who deliver learn that somebody has changed a webhook: every change has a version, and the webhook carries it. */
import { sql } from "kysely";

import type { StateTransaction } from "./state-database.ts";

export const WEBHOOK_VERSION = sql<number>`(select version from webhook_version)`;

/** To be called before the rows that carry the version. */
export async function bumpWebhookVersion(transaction: StateTransaction): Promise<void> {
  await transaction
    .updateTable("webhook_version")
    .set(({ eb }) => ({ version: eb("version", "+", 1) }))
    .execute();
}
