/** An operational event as webhooks of its kind get it: SparkPost's frame, with a group of our own. */
import type { OperationalKind } from "../domain/operational-event.ts";
import { PRIMARY_ACCOUNT, type SubaccountId } from "../domain/subaccount.ts";

export interface OperationalRecord {
  readonly id: number;
  readonly kind: OperationalKind;
  readonly subaccountId: SubaccountId;
  readonly atMs: number;
  readonly fields: Readonly<Record<string, string | number>>;
}

/** Numbers and times are texts, as in all of a webhook's events. */
export function toOperationalEntry({ id, kind, subaccountId, atMs, fields }: OperationalRecord): object {
  return {
    msys: {
      operational_event: {
        type: kind,
        event_id: String(id),
        timestamp: String(Math.floor(atMs / 1000)),
        ...(subaccountId !== PRIMARY_ACCOUNT && { subaccount_id: String(subaccountId) }),
        ...Object.fromEntries(
          Object.entries(fields).map(([name, value]) => [toSnakeCase(name), String(value)]),
        ),
      },
    },
  };
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
