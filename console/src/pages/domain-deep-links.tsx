/** The two files by which apps claim a domain's links, edited as the JSON that they are. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { type DeepLinkFiles, domainQueries, saveDeepLinks, type TrackingDomain } from "../api/domains.ts";
import { Button } from "../components/button.tsx";
import { explain, Failure } from "../components/failure.tsx";
import { TextArea } from "../components/field.tsx";
import { Loading } from "../components/page.tsx";
import { useMay } from "../session-context.ts";

export function DeepLinks({ domain }: { readonly domain: TrackingDomain }) {
  const files = useQuery(domainQueries.deepLinks(domain.domain));
  if (files.data !== undefined) return <Editor key={domain.domain} domain={domain} files={files.data} />;
  if (files.error === null) return <Loading rows={2} what="the files" />;
  return (
    <Failure what="The files could not be loaded." error={files.error} retry={() => void files.refetch()} />
  );
}

const EXAMPLES = {
  apple:
    '{"applinks": {"details": [{"appIDs": ["ABCDE12345.com.example.app"], "components": [{"/": "/e/app/*"}]}]}}',
  android:
    '[{"relation": ["delegate_permission/common.handle_all_urls"], "target": {"namespace": "android_app", "package_name": "com.example.app", "sha256_cert_fingerprints": ["…"]}}]',
};

/** Both files as they stand in their fields. */
interface Texts {
  readonly apple: string;
  readonly android: string;
}

/** Shows the files as they are until somebody types: from then on what was typed stays, whatever is loaded meanwhile. */
function Editor({ domain, files }: { readonly domain: TrackingDomain; readonly files: DeepLinkFiles }) {
  const mayManage = useMay("tracking_domains/manage");
  const [draft, setDraft] = useState<Texts>();
  const texts = draft ?? {
    apple: pretty(files.apple_app_site_association),
    android: pretty(files.assetlinks),
  };
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: ({ apple, android }: Texts) =>
      saveDeepLinks(domain, {
        apple_app_site_association: parse(apple).value,
        assetlinks: parse(android).value,
      }),
    onSuccess: async (_reply, saved) => {
      await queries.invalidateQueries({ queryKey: domainQueries.deepLinks(domain.domain).queryKey });
      // What was typed while the files were saved is a new draft.
      setDraft((current) => (current === saved ? undefined : current));
    },
  });
  const problems = [parse(texts.apple).problem, parse(texts.android).problem];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(texts);
  };
  return (
    <form onSubmit={submit}>
      <div className="grid gap-4 md:grid-cols-2">
        <FileField
          label="iOS: apple-app-site-association"
          value={texts.apple}
          onChange={(apple) => setDraft({ ...texts, apple })}
          problem={problems[0]}
          example={EXAMPLES.apple}
          readOnly={!mayManage}
        />
        <FileField
          label="Android: assetlinks.json"
          value={texts.android}
          onChange={(android) => setDraft({ ...texts, android })}
          problem={problems[1]}
          example={EXAMPLES.android}
          readOnly={!mayManage}
        />
      </div>
      {mayManage && (
        <div className="mt-3 flex flex-wrap items-center gap-3">
          <Button
            type="submit"
            disabled={problems.some((problem) => problem !== undefined)}
            busy={save.isPending ? "Saving …" : undefined}
          >
            Save the files
          </Button>
          <span role="status" className={save.isError ? "text-bad" : "text-soft"}>
            {save.isSuccess && draft === undefined && "Saved. The edge serves them within a second."}
            {save.isError && explain(save.error)}
          </span>
        </div>
      )}
    </form>
  );
}

function FileField({
  label,
  value,
  onChange,
  problem,
  example,
  readOnly,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
  readonly problem: string | undefined;
  readonly example: string;
  readonly readOnly: boolean;
}) {
  return (
    <TextArea
      label={label}
      rows={8}
      readOnly={readOnly}
      placeholder={example}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      problem={problem}
      help={value.trim() === "" ? "Empty: the file is not there." : undefined}
    />
  );
}

function pretty(content: unknown): string {
  return content === undefined ? "" : JSON.stringify(content, null, 2);
}

/** Nothing at all removes the file. */
function parse(text: string): { readonly value: unknown; readonly problem?: string } {
  if (text.trim() === "") return { value: null };
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return {
      value: null,
      problem: `That is not JSON: ${error instanceof Error ? error.message : "it cannot be read"}.`,
    };
  }
}
