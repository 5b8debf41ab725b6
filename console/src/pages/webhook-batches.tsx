/** The last batches: those that arrived, those that are tried again, and those that were given up. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { type Batch, startReplay, type Webhook, webhookQueries } from "../api/webhooks.ts";
import { Button } from "../components/button.tsx";
import { CopyButton } from "../components/copy.tsx";
import { explain, Failure } from "../components/failure.tsx";
import { Mark, type MarkKind } from "../components/mark.tsx";
import { Loading } from "../components/page.tsx";
import { type Column, Table } from "../components/table.tsx";
import { At } from "../components/time.tsx";
import { failureWord } from "../failure-words.ts";
import { formatNumber, timeZone } from "../format.ts";
import { useMay } from "../session-context.ts";

function stateOf({ state, attempts }: Batch): readonly [MarkKind, string] {
  switch (state) {
    case "failing":
      return ["wait", "Will be tried again"];
    case "dead":
      return ["bad", "Given up"];
    case "delivered":
      return ["good", attempts === 1 ? "Arrived" : "Arrived later"];
  }
}

export function Batches({ webhook }: { readonly webhook: Webhook }) {
  const batches = useQuery(webhookQueries.batches(webhook.id));
  const mayModify = useMay("webhooks/modify");
  if (batches.data === undefined)
    return batches.error === null ? (
      <Loading rows={2} what="batches" />
    ) : (
      <Failure
        what="The batches could not be loaded."
        error={batches.error}
        retry={() => void batches.refetch()}
      />
    );
  if (batches.data.length === 0) return <p className="text-soft">No batch has been sent yet.</p>;
  const action: Column<Batch> = {
    id: "again",
    head: <span className="sr-only">Action</span>,
    width: "w-44",
    place: "below-aside",
    cell: (batch) => batch.state === "dead" && <SendAgain webhook={webhook} batch={batch} />,
  };
  return (
    <Table
      label="Last batches"
      columns={mayModify ? [...COLUMNS, action] : COLUMNS}
      rows={batches.data}
      rowKey={({ batch_id }) => batch_id}
    />
  );
}

const COLUMNS: readonly Column<Batch>[] = [
  {
    id: "state",
    head: "State",
    width: "w-48",
    place: "title",
    cell: (batch) => {
      const [kind, word] = stateOf(batch);
      return <Mark kind={kind}>{word}</Mark>;
    },
  },
  {
    id: "answer",
    head: "Last answer",
    place: "below",
    cell: ({ response_code, failure_code }) => {
      if (response_code !== undefined) return `Status ${response_code}`;
      const words = failure_code === undefined ? "" : failureWord(failure_code);
      return <span title={words}>{words}</span>;
    },
  },
  {
    id: "events",
    head: "Events",
    width: "w-24",
    isNumber: true,
    cell: ({ events }) => events !== undefined && formatNumber(events),
  },
  {
    id: "attempts",
    head: "Attempts",
    width: "w-28",
    isNumber: true,
    cell: ({ attempts }) => formatNumber(attempts),
  },
  {
    id: "took",
    head: "Took",
    width: "w-24",
    isNumber: true,
    cell: ({ latency }) => `${formatNumber(latency)} ms`,
  },
  {
    id: "id",
    head: "Batch",
    width: "w-40",
    cell: ({ batch_id }) => (
      <span className="flex items-center gap-2" title={batch_id}>
        <code className="font-mono text-meta">{batch_id.slice(0, 8)}</code>
        <CopyButton text={batch_id} what="the batch id" />
      </span>
    ),
  },
  {
    id: "time",
    head: `Last attempt (${timeZone()})`,
    width: "w-48",
    place: "aside",
    cell: ({ ts }) => <At at={ts} inColumn />,
  },
];

function SendAgain({ webhook, batch }: { readonly webhook: Webhook; readonly batch: Batch }) {
  const queries = useQueryClient();
  const send = useMutation({
    mutationFn: () => startReplay(webhook, { batch_id: batch.batch_id }),
    onSuccess: () => queries.invalidateQueries({ queryKey: webhookQueries.all }),
  });
  return (
    <>
      <Button look="quiet" onClick={() => send.mutate()} busy={send.isPending ? "Sending …" : undefined}>
        Send it again
      </Button>
      {send.isError && (
        <span role="alert" className="block max-w-44 text-bad whitespace-normal max-sm:ml-auto">
          {explain(send.error)}
        </span>
      )}
    </>
  );
}
