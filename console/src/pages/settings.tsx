/** What the machine that answers runs with. Secrets only say whether they are set. */
import { queryOptions, useQuery } from "@tanstack/react-query";

import { callForResults } from "../api/client.ts";
import { Failure } from "../components/failure.tsx";
import { SearchField } from "../components/field.tsx";
import { Mark } from "../components/mark.tsx";
import { Loading, Page } from "../components/page.tsx";
import { useUrlState } from "../url-state.ts";

interface Setting {
  readonly name: string;
  readonly value: unknown;
  readonly default: string;
  readonly description: string;
  readonly secret: boolean;
}

interface ShownSettings {
  readonly version: string;
  readonly settings: readonly Setting[];
  readonly warnings: readonly string[];
}

const settingsQuery = queryOptions({
  queryKey: ["settings"],
  queryFn: ({ signal }) => callForResults<ShownSettings>("/settings", { signal }),
});

export function Settings() {
  const settings = useQuery(settingsQuery);
  return (
    <Page
      title="Settings"
      documentTitle="Settings"
      about="The configuration of the machine that answers here, as it runs. It is changed in its environment or file, and taken up by a restart."
    >
      {settings.data === undefined ? (
        settings.error === null ? (
          <Loading rows={8} what="settings" />
        ) : (
          <Failure
            what="The settings could not be loaded."
            error={settings.error}
            retry={() => void settings.refetch()}
          />
        )
      ) : (
        <Shown {...settings.data} />
      )}
    </Page>
  );
}

function Shown({ version, settings, warnings }: ShownSettings) {
  const url = useUrlState();
  const text = url.get("q").trim().toLowerCase();
  const found = settings.filter(({ name, description }) =>
    `${name} ${description}`.toLowerCase().includes(text),
  );
  return (
    <>
      {warnings.length > 0 && (
        <div className="mb-6 max-w-[860px] rounded-2 border border-wait bg-wait-tint px-4 py-3">
          <p className="mb-1 font-semibold">Valid, and yet most likely not meant</p>
          <ul className="grid gap-1">
            {warnings.map((warning) => (
              <li key={warning}>
                <Mark kind="wait">{warning}</Mark>
              </li>
            ))}
          </ul>
        </div>
      )}
      <search className="mb-4 flex">
        <SearchField label="Search settings" value={url.get("q")} onSearch={(q) => url.set({ q })} />
      </search>
      <dl className="divide-y divide-line border-y border-line">
        {found.map((setting) => (
          <div key={setting.name} className="gap-x-6 py-3 md:grid md:grid-cols-[340px_minmax(0,1fr)]">
            <dt className="min-w-0 font-mono text-meta leading-5 break-all">{setting.name}</dt>
            <dd className="min-w-0">
              <p className="break-words font-medium">{shownValue(setting)}</p>
              <p className="text-soft">{setting.description.replaceAll("`", "")}</p>
              <p className="text-meta text-soft">Default: {setting.default}</p>
            </dd>
          </div>
        ))}
      </dl>
      <p className="mt-4 text-soft">Waypost {version}</p>
    </>
  );
}

function shownValue({ value, secret }: Setting): string {
  if (secret) return value === true ? "set, and not shown" : "not set";
  if (value === null || value === undefined) return "not set";
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(", ");
  if (isAddress(value)) return `${value.host}:${value.port}`;
  const text = String(value);
  return text.startsWith("-----BEGIN") ? "set: certificates" : text;
}

function isAddress(value: unknown): value is { readonly host: string; readonly port: number } {
  return typeof value === "object" && value !== null && "host" in value && "port" in value;
}
