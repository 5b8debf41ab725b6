/** What is left of facts that messages share once the last of these messages is erased. */
import type { MessageFacts } from "../events/message-facts.ts";
import { keptFacts } from "../events/privacy.ts";

/**
 * Takes and gives them as they are stored. The row stays, as a process may remember it and let a later message share it: that message
 * then has what is left.
 */
export function impersonal(facts: string): string {
  // We wrote it.
  return JSON.stringify(keptFacts(JSON.parse(facts) as MessageFacts, "anonymous"));
}
