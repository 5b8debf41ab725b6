/** Events as they come, by a connection that the server keeps open. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { type EventFilter, type RecipientEvent, streamPath } from "../api/events.ts";
import { SESSION_KEY } from "../api/session.ts";

export interface LiveEvents {
  readonly state: "connecting" | "live" | "lost" | "refused";
  /** The newest first, and no more than a page can show. */
  readonly events: readonly RecipientEvent[];
  /** All that came, also those that are no longer shown. */
  readonly received: number;
}

const SHOWN_AT_MOST = 200;
/** What comes in between is shown at once: a page that paints for every event of a mailing does nothing else. */
const PAINT_EVERY_MS = 250;
const NOTHING: LiveEvents = { state: "connecting", events: [], received: 0 };

/** Follows while `isOn`; begins anew when the filter changes. */
export function useLiveEvents(filter: EventFilter, isOn: boolean): LiveEvents {
  const [live, setLive] = useState<LiveEvents>(NOTHING);
  const queries = useQueryClient();
  const path = streamPath(filter);
  useEffect(() => {
    if (!isOn) return;
    setLive(NOTHING);
    let waiting: RecipientEvent[] = [];
    const source = new EventSource(path);
    source.onopen = () => setLive((before) => ({ ...before, state: "live" }));
    // The browser tries again by itself, unless the server refused.
    source.onerror = () => {
      const isRefused = source.readyState === EventSource.CLOSED;
      setLive((before) => ({ ...before, state: isRefused ? "refused" : "lost" }));
      // Why, a stream cannot tell: the session may have ended.
      if (isRefused) void queries.invalidateQueries({ queryKey: SESSION_KEY });
    };
    source.onmessage = ({ data }) => {
      waiting.push(JSON.parse(data as string) as RecipientEvent);
    };
    const painting = setInterval(() => {
      if (waiting.length === 0) return;
      const fresh = waiting.reverse();
      waiting = [];
      setLive((before) => ({
        ...before,
        events: [...fresh, ...before.events].slice(0, SHOWN_AT_MOST),
        received: before.received + fresh.length,
      }));
    }, PAINT_EVERY_MS);
    return () => {
      clearInterval(painting);
      source.close();
    };
  }, [path, isOn, queries]);
  return live;
}
