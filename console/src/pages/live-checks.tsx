/** Looks at a waiting domain again and again while somebody watches, and shows what each look saw. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";

import { ApiFailure } from "../api/client.ts";
import { domainQueries, verifyDomain } from "../api/domains.ts";
import { Button } from "../components/button.tsx";
import { Findings } from "../components/evidence.tsx";
import { explain } from "../components/failure.tsx";
import { Ago } from "../components/time.tsx";
import { useMay } from "../session-context.ts";

/** Quick at first, when a record was just created; later it is up to DNS. */
const FIRST_WAIT_SECONDS = 5;
const MAX_WAIT_SECONDS = 30;
const SECOND_MS = 1000;

export function LiveChecks({ domain, owner }: { readonly domain: string; readonly owner: number }) {
  const mayCheck = useMay("tracking_domains/manage");
  const checks = useQuery(domainQueries.checks(domain));
  const { check, seconds } = useRepeatedCheck(domain, owner, mayCheck);
  const newest = checks.data?.checks[0];
  return (
    <div>
      {newest !== undefined && (
        <p className="mb-3 text-soft">
          Seen <Ago at={newest.checked_at} />:
        </p>
      )}
      {/* What was found is announced when it changes; times and countdowns are not. */}
      <div role="status">
        {newest === undefined ? (
          <p className="text-soft">Nothing has been looked at yet.</p>
        ) : (
          <Findings findings={newest.findings} />
        )}
      </div>
      <div className="mt-4 flex flex-wrap items-center gap-3">
        {mayCheck && (
          <Button onClick={() => check.mutate()} busy={check.isPending ? "Looking …" : undefined}>
            Check now
          </Button>
        )}
        <p className="figures text-soft">{nextText(mayCheck, check.isPending, seconds)}</p>
      </div>
      {check.isError && !isVerdict(check.error) && <p className="mt-3 text-bad">{explain(check.error)}</p>}
      <p className="mt-3 text-soft">
        {newest !== undefined && checks.data?.next_check_at === undefined
          ? "Waypost has looked for two weeks and looks no more by itself: a check that somebody asks for begins anew."
          : "You may leave this page: Waypost goes on looking by itself, after 1, 5, 15 and 60 minutes and then hourly for two weeks."}
      </p>
    </div>
  );
}

function nextText(mayCheck: boolean, isLooking: boolean, seconds: number): string {
  if (!mayCheck) return "This key may not ask for a check.";
  return isLooking ? "Looking at DNS and asking the domain …" : `Looking again in ${seconds} s`;
}

/** A check that found the domain not ready is an answer, not a failure to look. */
function isVerdict(error: unknown): boolean {
  return error instanceof ApiFailure && error.code === "1404";
}

function useRepeatedCheck(domain: string, owner: number, isOn: boolean) {
  const queries = useQueryClient();
  const [wait, setWait] = useState(FIRST_WAIT_SECONDS);
  const [seconds, setSeconds] = useState(1);
  const check = useMutation({
    mutationFn: () => verifyDomain(domain, owner),
    onSettled: async () => {
      setSeconds(wait);
      setWait(Math.min(wait * 1.5, MAX_WAIT_SECONDS));
      await Promise.all([
        queries.invalidateQueries({ queryKey: domainQueries.checks(domain).queryKey }),
        queries.invalidateQueries({ queryKey: domainQueries.one(domain).queryKey }),
        queries.invalidateQueries({ queryKey: domainQueries.list().queryKey }),
      ]);
    },
  });
  const { mutate, isPending } = check;
  const tick = useCallback(() => {
    if (!document.hidden) setSeconds((left) => left - 1);
  }, []);
  const lookAtOnce = useCallback(() => {
    if (!document.hidden) setSeconds(0);
  }, []);
  useEffect(() => {
    if (!isOn || isPending) return;
    if (seconds <= 0) return mutate();
    const timer = setTimeout(tick, SECOND_MS);
    // A page in the background waits; it looks at once when it is seen again.
    document.addEventListener("visibilitychange", lookAtOnce);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", lookAtOnce);
    };
  }, [isOn, isPending, seconds, mutate, tick, lookAtOnce]);
  return { check, seconds: Math.max(1, Math.ceil(seconds)) };
}
