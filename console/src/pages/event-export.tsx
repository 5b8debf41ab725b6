/** Events as a file. That it can be had is seen first: a link alone would show the API's refusal in place of the console. */
import { useMutation } from "@tanstack/react-query";

import { callToSee } from "../api/client.ts";
import { type EventFilter, type EventRange, exportPath } from "../api/events.ts";
import { Button } from "../components/button.tsx";
import { Failure } from "../components/failure.tsx";

const FORMATS = [
  { format: "csv", name: "Export CSV" },
  { format: "ndjson", name: "Export JSON lines" },
] as const;

type Format = (typeof FORMATS)[number]["format"];

export interface EventExport {
  readonly begin: (format: Format) => void;
  /** The one that is being seen to. */
  readonly begun: Format | undefined;
  readonly error: unknown;
  readonly again: () => void;
}

export function useEventExport(filter: EventFilter, range: EventRange): EventExport {
  const { mutate, isPending, variables, error } = useMutation({
    mutationFn: async (format: Format) => {
      const path = exportPath(format, filter, range);
      await callToSee(path);
      save(`/api/v1${path}`);
    },
  });
  return {
    begin: mutate,
    begun: isPending ? variables : undefined,
    error,
    again: () => variables !== undefined && mutate(variables),
  };
}

/** The browser takes it as it comes: an export may be larger than memory. */
function save(url: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
}

export function ExportButtons({ begin, begun }: EventExport) {
  return FORMATS.map(({ format, name }) => (
    <Button
      key={format}
      disabled={begun !== undefined}
      busy={begun === format ? "Exporting …" : undefined}
      onClick={() => begin(format)}
    >
      {name}
    </Button>
  ));
}

export function ExportFailure({ error, again }: EventExport) {
  if (error === null) return null;
  return (
    <div className="mb-4">
      <Failure what="The events could not be exported." error={error} retry={again} />
    </div>
  );
}
