/** The event that the URL names, in its drawer: one of the list's, or one that is fetched because the list has it no longer. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { oneEventQuery, type RecipientEvent } from "../api/events.ts";
import { Drawer } from "../components/dialog.tsx";
import { Failure } from "../components/failure.tsx";
import { Loading } from "../components/page.tsx";
import type { UrlState } from "../url-state.ts";
import { EventDrawer } from "./event-drawer.tsx";

export function OpenEvent({
  rows,
  url,
}: {
  readonly rows: readonly RecipientEvent[];
  readonly url: UrlState;
}) {
  const id = url.get("event");
  const isThis = ({ event_id }: RecipientEvent) => event_id === id;
  const listed = rows.find(isThis);
  // What is being read stays, when newer events push it out of the list.
  const [held, setHeld] = useState(listed);
  if (listed !== undefined && listed.event_id !== held?.event_id) setHeld(listed);
  const known = listed ?? (held !== undefined && isThis(held) ? held : undefined);
  if (id === "") return null;
  const onClose = () => url.set({ event: undefined });
  return known === undefined ? (
    <Fetched key={id} id={id} url={url} onClose={onClose} />
  ) : (
    <EventDrawer key={id} event={known} url={url} onClose={onClose} />
  );
}

function Fetched({
  id,
  url,
  onClose,
}: {
  readonly id: string;
  readonly url: UrlState;
  readonly onClose: () => void;
}) {
  const event = useQuery(oneEventQuery(id));
  if (event.data) return <EventDrawer event={event.data} url={url} onClose={onClose} />;
  return (
    <Drawer title="Event" onClose={onClose}>
      {event.error !== null ? (
        <Failure
          what="The event could not be loaded."
          error={event.error}
          retry={() => void event.refetch()}
        />
      ) : event.data === null ? (
        <p role="status">
          There is no event {id}, or none that this key may see. Events are kept for a time only: it may have
          been there once.
        </p>
      ) : (
        <Loading rows={4} what="the event" />
      )}
    </Drawer>
  );
}
