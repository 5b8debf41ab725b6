/** Batches that failed: when they are tried again, and those that were given up. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { type Batch, startReplay, type Webhook, webhookQueries } from "../api/webhooks.ts";
import { Button } from "../components/button.tsx";
import { explain, Failure } from "../components/failure.tsx";
import { Mark, type MarkKind } from "../components/mark.tsx";
import { Loading } from "../components/page.tsx";
import { type Column, Table } from "../components/table.tsx";
import { At } from "../components/time.tsx";
import { formatCount, formatNumber, timeZone } from "../format.ts";
import { useMay } from "../session-context.ts";

const STATES: Readonly<Record<Batch["state"], readonly [string, MarkKind]>> = {
  failing: ["Will be tried again", "wait"],
  delivered: ["Arrived later", "good"],
  dead: ["Given up", "bad"],
};

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
  if (batches.data.length === 0) return <p className="text-soft">No batch has failed.</p>;
  const action: Column<Batch> = {
    id: "again",
    head: <span className="sr-only">Action</span>,
    width: "w-36",
    place: "below-aside",
    cell: (batch) => batch.state === "dead" && <SendAgain webhook={webhook} batch={batch} />,
  };
  return (
    <Table
      label="Failed batches"
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
    cell: ({ state }) => {
      const [word, kind] = STATES[state];
      return <Mark kind={kind}>{word}</Mark>;
    },
  },
  {
    id: "answer",
    head: "Last answer",
    place: "below",
    cell: ({ response_code, failure_code }) =>
      response_code === undefined ? (failure_code ?? "") : `Status ${response_code}`,
  },
  {
    id: "attempts",
    head: "Attempts",
    width: "w-28",
    cell: ({ attempts }) => formatCount(attempts, "attempt"),
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
    width: "w-28",
    cell: ({ batch_id }) => <code className="font-mono text-meta">{batch_id.slice(0, 8)}</code>,
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
    <Button look="quiet" onClick={() => send.mutate()} busy={send.isPending ? "Sending …" : undefined}>
      {send.isError ? explain(send.error) : "Send it again"}
    </Button>
  );
}
