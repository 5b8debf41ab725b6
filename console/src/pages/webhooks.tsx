/** All webhooks, and how they fare. */
import { useQuery } from "@tanstack/react-query";

import { useOwnerName } from "../api/subaccounts.ts";
import { timeOf, type Webhook, webhookQueries } from "../api/webhooks.ts";
import { ButtonLink } from "../components/button.tsx";
import { Failure, Note } from "../components/failure.tsx";
import { Mark } from "../components/mark.tsx";
import { Middle } from "../components/middle.tsx";
import { Loading, Page } from "../components/page.tsx";
import { SearchedTable } from "../components/searched-table.tsx";
import type { Column } from "../components/table.tsx";
import { Ago } from "../components/time.tsx";
import { useMay, useSession } from "../session-context.ts";
import { webhookState, whoseEvents } from "../webhook-state.ts";

export function Webhooks() {
  const mayModify = useMay("webhooks/modify");
  const webhooks = useQuery(webhookQueries.list());
  const columns = useColumns();
  return (
    <Page
      title="Webhooks"
      documentTitle="Webhooks"
      about="Waypost posts events to addresses of yours, in batches, and tries again for eight hours when nobody takes them."
      actions={
        mayModify && (
          <ButtonLink href="/webhooks/add" look="primary">
            Add a webhook
          </ButtonLink>
        )
      }
    >
      {webhooks.data === undefined ? (
        webhooks.error === null ? (
          <Loading rows={4} what="webhooks" />
        ) : (
          <Failure
            what="The webhooks could not be loaded."
            error={webhooks.error}
            retry={() => void webhooks.refetch()}
          />
        )
      ) : webhooks.data.length === 0 ? (
        <Note title="There is no webhook yet.">
          A webhook tells a program of yours what recipients do as soon as they do it
          {mayModify ? "." : ". This key may look at webhooks, not add them: that needs webhooks/modify."}
        </Note>
      ) : (
        <SearchedTable
          label="Webhooks"
          searchedBy="name or target"
          textsOf={({ name, target }) => [name, target]}
          columns={columns}
          rows={webhooks.data}
          rowKey={({ id }) => id}
          rowHref={({ id }) => `/webhooks/${id}`}
        />
      )}
    </Page>
  );
}

function useColumns(): readonly Column<Webhook>[] {
  const ownerName = useOwnerName();
  const isPrimary = useSession().subaccount_id === undefined;
  const owner: Column<Webhook> = {
    id: "owner",
    head: "Whose events",
    width: "w-48",
    cell: (webhook) => {
      const whose = whoseEvents(webhook, ownerName);
      return <span title={whose}>{whose}</span>;
    },
  };
  return [
    { id: "name", head: "Name", place: "title", cell: ({ name }) => name },
    {
      id: "target",
      head: "Target",
      place: "below",
      cell: ({ target }) => <Middle text={target} tail={20} />,
    },
    {
      id: "state",
      head: "State",
      width: "w-52",
      place: "aside",
      cell: (webhook) => {
        const { word, kind } = webhookState(webhook);
        return <Mark kind={kind}>{word}</Mark>;
      },
    },
    ...(isPrimary ? [owner] : []),
    {
      id: "last",
      head: "Last delivery",
      width: "w-36",
      place: "below-aside",
      cell: ({ last_successful }) =>
        last_successful === undefined ? "None" : <Ago at={timeOf(last_successful)} />,
    },
  ];
}
