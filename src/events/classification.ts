/**
 * Labels one event by what it shows itself: request, user agent and network. What the clicks on its message show
 * together is for `classifier.ts` to find. Nothing is dropped: whoever counts decides what counts.
 */
import type { EngagementEvent } from "../domain/event.ts";
import {
  kindOf,
  type Mark,
  NETWORK_RULES,
  REQUEST_RULES,
  type RequestKind,
  type Rule,
  USER_AGENT_RULES,
} from "./classification-rules.ts";
import { NetworkTable } from "./network-table.ts";
import { type Classification, UNCLASSIFIED } from "./recorded-event.ts";
import { remembered } from "./remembered.ts";

/** What is found about an event: a row of the table, or of an operator's own. */
export type Finding = Pick<Rule, "reason" | "marks">;

/** An operator's row about user agents: texts, in any case, of which one is part of the user agent. */
export interface ListedUserAgents extends Omit<Rule, "why"> {
  readonly contains: readonly string[];
}

/** An operator's row about networks: addresses and CIDRs. */
export interface ListedNetworks extends Omit<Rule, "why"> {
  readonly networks: readonly string[];
}

/** Asked before the table's own rows. */
export interface OperatorRules {
  readonly userAgents: readonly ListedUserAgents[];
  readonly networks: readonly ListedNetworks[];
}

/** For a request of each kind; `undefined`: nothing is known. */
type PerKind = { readonly [Kind in RequestKind]: Finding | undefined };

/** The rules in the form in which they are asked for each event. */
export interface ClassificationContext {
  readonly ofUserAgent: (userAgent: string) => PerKind;
  readonly ofAddress: (address: string, kind: RequestKind) => Finding | undefined;
}

const USER_AGENTS_REMEMBERED = 10_000;

export function createContext(operator: OperatorRules): ClassificationContext {
  const rules: readonly AskedUserAgentRule[] = [...operator.userAgents.map(asked), ...USER_AGENT_RULES];
  const operators = tablesOf(operator.networks);
  const own = tablesOf(NETWORK_RULES);
  return {
    ofUserAgent: remembered(USER_AGENTS_REMEMBERED, (userAgent) => {
      const lowerCase = userAgent.toLowerCase();
      const first = (kind: RequestKind) =>
        rules.find((rule) => appliesTo(rule, kind) && rule.matches(userAgent, lowerCase));
      return { opens: first("opens"), clicks: first("clicks") };
    }),
    // Not remembered: there are more addresses than user agents, and looking in the tables takes as long.
    ofAddress: (address, kind) => operators[kind].find(address) ?? own[kind].find(address),
  };
}

/** Reasons stand in the order of the table. Never throws, whatever the event holds. */
export function classify(event: EngagementEvent, context: ClassificationContext): Classification {
  const kind = kindOf(event.type);
  const findings: Finding[] = [];
  for (const rule of REQUEST_RULES) if (appliesTo(rule, kind) && rule.matches(event)) findings.push(rule);
  const { userAgent, ipAddress } = event;
  if (userAgent !== undefined && userAgent !== "") add(findings, context.ofUserAgent(userAgent)[kind]);
  if (ipAddress !== undefined) add(findings, context.ofAddress(ipAddress, kind));
  return joined(UNCLASSIFIED, findings);
}

/** A classification and what was found beyond it. None of it is lost, and no reason stands there twice. */
export function joined(classification: Classification, findings: readonly Finding[]): Classification {
  if (findings.length === 0) return classification;
  const has = (mark: Mark) => findings.some(({ marks }) => marks.includes(mark));
  return {
    isPrefetched: classification.isPrefetched || has("prefetched"),
    isProxy: classification.isProxy || has("proxy"),
    isBot: classification.isBot || has("bot"),
    reasons: [...new Set([...classification.reasons, ...findings.map(({ reason }) => reason)])],
  };
}

interface AskedUserAgentRule extends Finding {
  readonly on?: RequestKind;
  readonly matches: (userAgent: string, lowerCase: string) => boolean;
}

function asked({ contains, ...rule }: ListedUserAgents): AskedUserAgentRule {
  const texts = contains.map((text) => text.toLowerCase());
  return { ...rule, matches: (_, lowerCase) => texts.some((text) => lowerCase.includes(text)) };
}

function tablesOf(rules: readonly ListedNetworks[]) {
  return { opens: tableOf(rules, "opens"), clicks: tableOf(rules, "clicks") };
}

function tableOf(rules: readonly ListedNetworks[], kind: RequestKind): NetworkTable<Finding> {
  const table = new NetworkTable<Finding>();
  for (const rule of rules) {
    if (appliesTo(rule, kind)) for (const network of rule.networks) table.add(network, rule);
  }
  return table;
}

function appliesTo({ on }: { readonly on?: RequestKind }, kind: RequestKind): boolean {
  return on === undefined || on === kind;
}

/** A row without marks says that it is a person. */
function add(findings: Finding[], finding: Finding | undefined): void {
  if (finding !== undefined && finding.marks.length > 0) findings.push(finding);
}
