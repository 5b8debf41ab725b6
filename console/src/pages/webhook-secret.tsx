/** A webhook's secret, and its end. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";

import { deleteWebhook, rotateSecret, type Webhook, webhookQueries } from "../api/webhooks.ts";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { explain } from "../components/failure.tsx";
import { At } from "../components/time.tsx";
import { SecretOnce } from "./add-webhook.tsx";

const OVERLAP_HOURS = 24;

export function SigningSecret({ webhook }: { readonly webhook: Webhook }) {
  const rotate = useMutation({ mutationFn: () => rotateSecret(webhook, OVERLAP_HOURS) });
  const made = rotate.data?.results;
  return (
    <div className="max-w-prose">
      {made === undefined ? (
        <>
          <p>
            Every batch carries a signature as Standard Webhooks describes it. With a new secret, batches are
            signed with both for {OVERLAP_HOURS} hours, so that the receiver can be changed meanwhile.
          </p>
          <div className="mt-3">
            <Button onClick={() => rotate.mutate()} busy={rotate.isPending ? "Making …" : undefined}>
              Make a new secret
            </Button>
          </div>
        </>
      ) : (
        <div role="status">
          <SecretOnce secret={made.signing_secret} />
          {made.previous_valid_until !== undefined && (
            <p>
              The former one signs too until <At at={made.previous_valid_until} />.
            </p>
          )}
        </div>
      )}
      {rotate.isError && (
        <p role="alert" className="mt-2 text-bad">
          {explain(rotate.error)}
        </p>
      )}
    </div>
  );
}

export function DeleteWebhook({ webhook }: { readonly webhook: Webhook }) {
  const [isAsking, setIsAsking] = useState(false);
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => deleteWebhook(webhook),
    onSuccess: async () => {
      navigate("/webhooks");
      queries.removeQueries({ queryKey: webhookQueries.one(webhook.id).queryKey });
      await queries.invalidateQueries({ queryKey: webhookQueries.list().queryKey });
    },
  });
  return (
    <div>
      <p className="max-w-prose">Nothing more is sent, also nothing of what waits for another attempt.</p>
      <div className="mt-3">
        <Button look="danger" onClick={() => setIsAsking(true)}>
          Delete this webhook …
        </Button>
      </div>
      {isAsking && (
        <Dialog title={`Delete ${webhook.name}?`} onClose={() => setIsAsking(false)}>
          <p>
            Its receiver gets nothing from here any more, and what waits for it is dropped. The events
            themselves stay, and another webhook can be sent them again.
          </p>
          {remove.isError && (
            <p role="alert" className="mt-3 text-bad">
              {explain(remove.error)}
            </p>
          )}
          <div className="mt-5 flex flex-wrap justify-end gap-2">
            <Button onClick={() => setIsAsking(false)}>Keep it</Button>
            <Button
              look="danger"
              onClick={() => remove.mutate()}
              busy={remove.isPending ? "Deleting …" : undefined}
            >
              Delete the webhook
            </Button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
