/** Events as they come, by a connection that the server keeps open. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { ApiFailure, callToSee } from "../api/client.ts";
import { behind, type EventFilter, type RecipientEvent, streamPath } from "../api/events.ts";
import { SESSION_KEY } from "../api/session.ts";

type StreamState = "connecting" | "live" | "paused" | "lost" | "failing" | "full" | "refused";

interface Received {
  readonly state: StreamState;
  /** The newest first, and no more than a page can show. */
  readonly events: readonly RecipientEvent[];
  /** All that came, also those that are no longer shown. */
  readonly received: number;
}

export interface LiveEvents extends Received {
  /** Shows nothing new until it is resumed, which then shows what happened meanwhile. */
  pause(): void;
  resume(): void;
}

const SHOWN_AT_MOST = 200;
/** What comes in between is shown at once: a page that paints for every event of a mailing does nothing else. */
const PAINT_EVERY_MS = 250;
/** After so many failed attempts in a row, and so on with the last. */
const RETRY_AFTER_MS = [2000, 4000, 8000, 15_000, 30_000, 60_000] as const;
const NOTHING: Received = { state: "connecting", events: [], received: 0 };

/** Follows while `isOn`; begins anew when the filter changes. */
export function useLiveEvents(filter: EventFilter, isOn: boolean): LiveEvents {
  const [live, setLive] = useState<Received>(NOTHING);
  const stream = useRef<EventStream>(undefined);
  const queries = useQueryClient();
  const path = streamPath(filter);
  useEffect(() => {
    if (!isOn) return;
    setLive(NOTHING);
    const followed = new EventStream(path, {
      onState: (state) => {
        setLive((before) => ({ ...before, state }));
        // Why, a stream cannot tell: the session may have ended.
        if (state === "refused") void queries.invalidateQueries({ queryKey: SESSION_KEY });
      },
      onEvents: (fresh) =>
        setLive((before) => ({
          ...before,
          events: [...fresh, ...before.events].slice(0, SHOWN_AT_MOST),
          received: before.received + fresh.length,
        })),
    });
    stream.current = followed;
    return () => followed.close();
  }, [path, isOn, queries]);
  return { ...live, pause: () => stream.current?.pause(), resume: () => stream.current?.resume() };
}

interface Listener {
  readonly onState: (state: StreamState) => void;
  /** The newest first. */
  readonly onEvents: (events: readonly RecipientEvent[]) => void;
}

/**
 * A stream that can be paused. The server gives again what comes behind the last event's id, so that a pause holds no
 * connection and no memory, however long it is. Before a first event there is no id: until then a pause goes on listening.
 */
class EventStream {
  readonly #path: string;
  readonly #listener: Listener;
  readonly #painting: ReturnType<typeof setInterval>;
  #source: EventSource;
  #lastId = "";
  #isPaused = false;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #closing = new AbortController();
  #waiting: RecipientEvent[] = [];

  constructor(path: string, listener: Listener) {
    this.#path = path;
    this.#listener = listener;
    this.#painting = setInterval(() => this.#paint(), PAINT_EVERY_MS);
    this.#source = this.#open();
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#lastId !== "") this.#source.close();
    this.#listener.onState("paused");
  }

  resume(): void {
    this.#isPaused = false;
    clearTimeout(this.#retry);
    if (this.#source.readyState === EventSource.CLOSED) this.#source = this.#open();
    this.#listener.onState(this.#source.readyState === EventSource.OPEN ? "live" : "connecting");
  }

  close(): void {
    this.#closing.abort();
    clearTimeout(this.#retry);
    clearInterval(this.#painting);
    this.#source.close();
  }

  #open(): EventSource {
    const source = new EventSource(`/api/v1${behind(this.#path, this.#lastId)}`);
    source.onopen = () => {
      this.#failures = 0;
      this.#say("live");
    };
    // The browser tries again by itself, but never after an answer that is no stream.
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) void this.#findOut();
      else this.#say("lost");
    };
    source.onmessage = ({ data, lastEventId }) => {
      this.#waiting.push(JSON.parse(data as string) as RecipientEvent);
      this.#lastId = lastEventId;
      if (this.#isPaused) source.close();
    };
    return source;
  }

  /** What the answer was, the browser does not say: it is asked for once more. */
  async #findOut(): Promise<void> {
    const { signal } = this.#closing;
    const failure = await callToSee(behind(this.#path, this.#lastId), signal).catch(
      (error: unknown) => error,
    );
    const state = stateAfter(failure);
    if (signal.aborted) return;
    this.#say(state);
    if (state === "refused") return;
    const delayMs = RETRY_AFTER_MS[Math.min(this.#failures, RETRY_AFTER_MS.length - 1)];
    this.#failures += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      const isWanted = !this.#isPaused || this.#lastId === "";
      if (isWanted && this.#source.readyState === EventSource.CLOSED) this.#source = this.#open();
    }, delayMs);
  }

  #say(state: StreamState): void {
    if (!this.#isPaused) this.#listener.onState(state);
  }

  #paint(): void {
    if (this.#isPaused || this.#waiting.length === 0) return;
    const fresh = this.#waiting.reverse();
    this.#waiting = [];
    this.#listener.onEvents(fresh);
  }
}

/** What is refused for good stays refused; anything else may be over in a moment. */
function stateAfter(failure: unknown): "failing" | "full" | "refused" {
  const status = failure instanceof ApiFailure ? failure.status : 0;
  if (status === 429) return "full";
  return status >= 400 && status < 500 && status !== 408 ? "refused" : "failing";
}
