/** Times as people read them, exact in the title. */
import { useEffect, useState } from "react";

import { formatRelative, formatTime, formatTimeInColumn } from "../format.ts";

const TICK_MS = 10_000;

/** Of what has happened: `3 minutes ago`, kept current. It has, also by a clock that is behind, or that ticked before. */
export function Ago({ at }: { readonly at: string }) {
  const now = useNow(TICK_MS);
  return <Relative at={at} now={new Date(Math.max(now.getTime(), Date.parse(at)))} />;
}

/** Of what is to come: `in 3 minutes`, kept current. */
export function Due({ at }: { readonly at: string }) {
  const now = useNow(TICK_MS);
  return <Relative at={at} now={new Date(Math.min(now.getTime(), Date.parse(at) - 1))} />;
}

function Relative({ at, now }: { readonly at: string; readonly now: Date }) {
  const time = new Date(at);
  return (
    <time dateTime={at} title={formatTime(time)}>
      {formatRelative(time, now)}
    </time>
  );
}

/** `22 Nov 2026, 14:03:12 CET`; without the zone in a column whose head has it. */
export function At({ at, inColumn = false }: { readonly at: string; readonly inColumn?: boolean }) {
  const time = new Date(at);
  return (
    <time dateTime={at} title={at} className="figures whitespace-nowrap">
      {inColumn ? formatTimeInColumn(time) : formatTime(time)}
    </time>
  );
}

export function useNow(everyMs: number): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
