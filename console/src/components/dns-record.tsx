/** The record to create, each part with its own way to copy it. Every provider calls these fields a little differently. */
import type { DnsRecord } from "../api/domains.ts";
import { CopyButton } from "./copy.tsx";

export function DnsRecordTable({ record }: { readonly record: DnsRecord }) {
  return (
    <dl className="divide-y divide-line border-y border-line">
      <Part name="Type" value={record.type} />
      <Part name="Name" value={record.name} alternative={record.short_name} />
      <Part name="Value" value={record.value} alternative={`${record.value}.`} />
    </dl>
  );
}

const WHY_OTHER: Readonly<Record<string, string>> = {
  Name: "If your provider adds the zone by itself, it wants only this:",
  Value: "If it adds the zone to values too, end the value with a dot:",
};

function Part({
  name,
  value,
  alternative,
}: {
  readonly name: string;
  readonly value: string;
  readonly alternative?: string;
}) {
  return (
    <div className="grid grid-cols-[56px_minmax(0,1fr)] gap-x-3 gap-y-1 py-2">
      <dt className="pt-0.5 text-soft">{name}</dt>
      <dd className="min-w-0">
        <Copyable value={value} what={name.toLowerCase()} />
        {alternative !== undefined && (
          <div className="mt-1 text-soft">
            {WHY_OTHER[name]}
            <Copyable value={alternative} what={`short ${name.toLowerCase()}`} />
          </div>
        )}
      </dd>
    </div>
  );
}

function Copyable({ value, what }: { readonly value: string; readonly what: string }) {
  return (
    <div className="flex min-w-0 items-start justify-between gap-3">
      <code className="min-w-0 pt-0.5 font-mono text-[13px] leading-5 break-all text-ink">{value}</code>
      <CopyButton text={value} what={what} />
    </div>
  );
}
