/** What of a change the people who run the installation are told, whoever is awake. */
import type { OperationalFields } from "../domain/operational-event.ts";
import type { VerificationChange } from "./change-log.ts";

type Problem = OperationalFields["domain_broken"]["problem"];

export interface DomainAlert {
  readonly kind: "domain_broken" | "domain_recovered";
  readonly problem: Problem;
}

/** A domain that works for the first time is said to recover too: whether it had broken only the record of events knows. */
export function domainAlerts({ from, to }: Pick<VerificationChange, "from" | "to">): readonly DomainAlert[] {
  const isReached = to.cnameStatus === "valid";
  return [
    ...turn("verification", from.cnameStatus === "valid", isReached),
    // Without verification there is no https either, and one word about it is enough.
    ...(isReached ? turn("https", from.httpsWorks, to.httpsWorks) : []),
  ];
}

function turn(problem: Problem, worked: boolean, works: boolean): readonly DomainAlert[] {
  if (worked === works) return [];
  return [{ kind: works ? "domain_recovered" : "domain_broken", problem }];
}
