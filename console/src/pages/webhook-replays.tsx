/** What is sent again, and how far it is. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { type Replay, startReplay, takeReplayBack, type Webhook, webhookQueries } from "../api/webhooks.ts";
import { Button } from "../components/button.tsx";
import { explain, Failure } from "../components/failure.tsx";
import { TextField } from "../components/field.tsx";
import { Mark, type MarkKind } from "../components/mark.tsx";
import { Ago } from "../components/time.tsx";
import { formatCount, timeZone } from "../format.ts";
import { useMay } from "../session-context.ts";

const STATES: Readonly<Record<Replay["status"], readonly [string, MarkKind]>> = {
  queued: ["Waits for its turn", "wait"],
  running: ["Sending", "wait"],
  retrying: ["Its receiver does not take it, trying again", "bad"],
  finished: ["Done", "good"],
};

export function Replays({ webhook }: { readonly webhook: Webhook }) {
  const replays = useQuery(webhookQueries.replays(webhook.id));
  const mayModify = useMay("webhooks/modify");
  return (
    <div className="grid max-w-prose gap-4">
      {mayModify && <Start webhook={webhook} />}
      {replays.data === undefined && replays.error !== null && (
        <Failure
          what="What was sent again could not be loaded."
          error={replays.error}
          retry={() => void replays.refetch()}
        />
      )}
      {replays.data?.length === 0 && <p className="text-soft">Nothing was sent again in the last week.</p>}
      <ul className="grid gap-3">
        {replays.data?.map((replay) => (
          <li key={replay.id} className="border-t border-line pt-3">
            <OneReplay webhook={webhook} replay={replay} mayModify={mayModify} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Start({ webhook }: { readonly webhook: Webhook }) {
  const [from, setFrom] = useState("");
  const queries = useQueryClient();
  const start = useMutation({
    mutationFn: () => startReplay(webhook, { from: new Date(from).toISOString() }),
    onSuccess: () => queries.invalidateQueries({ queryKey: webhookQueries.replays(webhook.id).queryKey }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    start.mutate();
  };
  return (
    <form onSubmit={submit} className="flex flex-wrap items-end gap-3">
      <TextField
        label={`From (${timeZone()})`}
        type="datetime-local"
        required
        value={from}
        onChange={(event) => setFrom(event.target.value)}
        problem={start.isError ? explain(start.error) : undefined}
      />
      <Button type="submit" busy={start.isPending ? "Starting …" : undefined}>
        Send again
      </Button>
    </form>
  );
}

function OneReplay({
  webhook,
  replay,
  mayModify,
}: {
  readonly webhook: Webhook;
  readonly replay: Replay;
  readonly mayModify: boolean;
}) {
  const queries = useQueryClient();
  const takeBack = useMutation({
    mutationFn: () => takeReplayBack(webhook, replay.id),
    onSettled: () => queries.invalidateQueries({ queryKey: webhookQueries.replays(webhook.id).queryKey }),
  });
  const [word, kind] = STATES[replay.status];
  const isOver = replay.status === "finished";
  return (
    <>
      <p className="flex flex-wrap items-center justify-between gap-x-4">
        <Mark kind={kind}>{word}</Mark>
        <span className="text-soft">
          Asked for <Ago at={replay.created_at} />
        </span>
      </p>
      {!isOver && (
        <progress
          aria-label="Looked through"
          max={100}
          value={replay.progress}
          className="mt-2 h-1.5 w-full accent-accent"
        />
      )}
      <p className="mt-1 text-soft">
        {formatCount(replay.sent_events, "event")} in {formatCount(replay.sent_batches, "batch", "batches")}
        {replay.dead_batches > 0 && `, ${formatCount(replay.dead_batches, "batch", "batches")} given up`}
      </p>
      {mayModify && !isOver && (
        <Button
          look="quiet"
          className="-ml-2"
          onClick={() => takeBack.mutate()}
          busy={takeBack.isPending ? "Stopping …" : undefined}
        >
          Take it back
        </Button>
      )}
      {takeBack.isError && (
        <p role="alert" className="mt-1 text-bad">
          {explain(takeBack.error)}
        </p>
      )}
    </>
  );
}
