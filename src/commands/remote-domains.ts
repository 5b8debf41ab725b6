/** `waypost domains add|list|show|verify|default|rm`: tracking domains of a running server. */
import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";

import { AppError } from "../domain/errors.ts";
import { confirmByName } from "./confirm.ts";
import { plain, printFacts, printJson, printTable } from "./output.ts";
import { connect, field, listOf, type Remote, type RemoteOptions } from "./remote.ts";

export interface OutputOptions extends RemoteOptions {
  readonly json?: true;
}

export interface AddDomainOptions extends OutputOptions {
  readonly secure?: true;
  readonly wait?: string;
}

export interface RemoveDomainOptions extends OutputOptions {
  readonly yes?: true;
}

const DOMAINS = "/api/v1/tracking-domains";
const WAIT_BETWEEN_MS = 5000;
const MAX_WAIT_SECONDS = 86_400;
/** A verification that has a certificate issued takes up to half a minute. */
const VERIFY_TIMEOUT_MS = 120_000;

/** Creates it and prints the DNS record. With `--wait` it also verifies it, again and again, until it is or the time is over. */
export async function addDomain(domain: string, options: AddDomainOptions): Promise<void> {
  const waitSeconds = options.wait === undefined ? 0 : parseWait(options.wait);
  const remote = connect(options);
  const body = { domain, ...(options.secure ? { secure: true } : {}) };
  const name = String(field(field(await remote.call("POST", DOMAINS, { body }), "results"), "domain"));
  const record = await dnsRecord(remote, name);
  if (options.json && waitSeconds === 0) return printJson({ domain: name, dns_record: record });
  if (!options.json) tellRecord(name, record);
  if (waitSeconds > 0) await waitUntilVerified(remote, name, { seconds: waitSeconds, json: options.json });
}

export async function listDomains(options: OutputOptions & { readonly default?: true }): Promise<void> {
  const query = options.default ? { default: "true" } : {};
  const domains = listOf(await connect(options).call("GET", DOMAINS, { query }));
  if (options.json) return printJson(domains);
  printTable(
    domains,
    [
      { title: "DOMAIN", value: (domain) => field(domain, "domain"), flexible: true },
      { title: "STATUS", value: statusInWords },
      { title: "HTTPS", value: httpsInWords },
      { title: "DEFAULT", value: (domain) => (field(domain, "default") === true ? "default" : "") },
      { title: "SUBACCOUNT", value: (domain) => field(domain, "subaccount_id") ?? "" },
    ],
    "No tracking domains yet. Add one with: waypost domains add click.example.com",
  );
}

export async function showDomain(domain: string, options: OutputOptions): Promise<void> {
  const remote = connect(options);
  const [found, checks] = await Promise.all([
    remote.call("GET", pathOf(domain)),
    remote.call("GET", `${pathOf(domain)}/checks`),
  ]);
  const [facts, evidence] = [field(found, "results"), field(checks, "results")];
  if (options.json) return printJson({ ...Object(facts), checks: field(evidence, "checks") });
  const record = field(evidence, "dns_record");
  printFacts([
    ["Domain", field(facts, "domain")],
    ["Status", statusInWords(facts)],
    ["HTTPS", httpsInWords(facts)],
    ["Default", field(facts, "default") === true ? "yes" : "no"],
    ["Subaccount", field(facts, "subaccount_id")],
    ["DNS record", record === undefined ? undefined : recordInWords(record)],
    ["Next check", field(evidence, "next_check_at")],
  ]);
  const past = field(evidence, "checks");
  if (Array.isArray(past) && past.length > 0) tellCheck(past[0]);
}

/** Exit code 1, with what was found and what to change, when it fails. */
export async function verifyDomain(domain: string, options: OutputOptions): Promise<void> {
  const remote = connect(options);
  try {
    const reply = await remote.call("POST", `${pathOf(domain)}/verify`, { timeoutMs: VERIFY_TIMEOUT_MS });
    const status = field(reply, "results");
    if (options.json) return printJson(status);
    console.log(`${plain(domain)}: ${statusInWords({ status })}`);
    if (field(status, "verified") !== true) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "not_found" || error.code === "unavailable")
      throw error;
    const evidence = field(await remote.call("GET", `${pathOf(domain)}/checks`), "results");
    const past = field(evidence, "checks");
    process.exitCode = 1;
    if (options.json) return printJson({ error: error.message, check: Array.isArray(past) ? past[0] : null });
    console.error(error.message);
    if (Array.isArray(past) && past.length > 0) tellCheck(past[0]);
  }
}

export async function setDefaultDomain(
  domain: string,
  options: OutputOptions & { readonly unset?: true },
): Promise<void> {
  const body = { default: !options.unset };
  await connect(options).call("PUT", pathOf(domain), { body });
  if (options.json) return printJson({ domain, ...body });
  console.log(
    options.unset
      ? `${plain(domain)} is not the default any more: mail without a tracking domain of its own goes out untracked, or with the account's default.`
      : `${plain(domain)} is the default: mail that names no tracking domain uses it.`,
  );
}

export async function removeDomain(domain: string, options: RemoveDomainOptions): Promise<void> {
  const remote = connect(options);
  if (!options.yes)
    await confirmByName(domain, "links that were already sent keep working; new mail does not use it.");
  await remote.call("DELETE", pathOf(domain));
  if (options.json) return printJson({ domain, deleted: true });
  console.log(`${plain(domain)} is deleted. Links that were already sent keep working.`);
}

async function waitUntilVerified(
  remote: Remote,
  domain: string,
  { seconds, json }: { readonly seconds: number; readonly json: true | undefined },
): Promise<void> {
  const giveUpMs = performance.now() + seconds * 1000;
  for (;;) {
    try {
      const reply = await remote.call("POST", `${pathOf(domain)}/verify`, { timeoutMs: VERIFY_TIMEOUT_MS });
      if (json) return printJson({ domain, status: field(reply, "results") });
      return console.log(styleText("green", `${domain} is verified.`));
    } catch (error) {
      if (!(error instanceof AppError) || performance.now() + WAIT_BETWEEN_MS > giveUpMs) throw error;
      console.error(`Not yet: ${error.message}`);
    }
    await sleep(WAIT_BETWEEN_MS);
  }
}

function parseWait(text: string): number {
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds >= 1 && seconds <= MAX_WAIT_SECONDS)) {
    throw new AppError("invalid_parameters", `--wait must be 1 to ${MAX_WAIT_SECONDS} seconds`);
  }
  return seconds;
}

async function dnsRecord(remote: Remote, domain: string): Promise<unknown> {
  return field(field(await remote.call("GET", `${pathOf(domain)}/checks`), "results"), "dns_record");
}

function tellRecord(domain: string, record: unknown): void {
  console.log(`${plain(domain)} is created.`);
  if (record === undefined) {
    console.log("It needs no DNS record: names under localhost are this machine.");
    return;
  }
  console.log("Create this DNS record where the domain's DNS is kept:\n");
  printFacts([
    ["Type", field(record, "type")],
    ["Name", field(record, "name")],
    ["Value", field(record, "value")],
  ]);
  console.log(`\nThen: waypost domains verify ${plain(domain)}`);
}

/** The newest check: each thing that was found, and what to change. */
function tellCheck(check: unknown): void {
  console.log(`\nLast check, ${plain(field(check, "checked_at"))}:`);
  const findings = field(check, "findings");
  for (const finding of Array.isArray(findings) ? findings : []) {
    const isGood = field(finding, "ok") === true;
    const mark = isGood ? styleText("green", "ok  ") : styleText("red", "fail");
    console.log(`  ${mark}  ${plain(field(finding, "found"))}`);
    for (const name of ["why", "fix"]) {
      const text = field(finding, name);
      if (text !== undefined) console.log(`        ${plain(text)}`);
    }
  }
}

function pathOf(domain: string): string {
  return `${DOMAINS}/${encodeURIComponent(domain)}`;
}

function recordInWords(record: unknown): string {
  return `${plain(field(record, "type"))} ${plain(field(record, "name"))} → ${plain(field(record, "value"))}`;
}

/** The words that the console uses too. */
function statusInWords(domain: unknown): string {
  const status = field(domain, "status");
  if (field(status, "compliance_status") === "blocked") return "Blocked";
  switch (field(status, "cname_status")) {
    case "valid":
      return "Verified";
    case "pending":
      return "Waiting for DNS";
    case "invalid":
      return "Points elsewhere";
    default:
      return "Not verified";
  }
}

function httpsInWords(domain: unknown): string {
  if (field(domain, "secure") !== true) return "off";
  const expires = field(field(domain, "tls_certificate"), "expires_at");
  const state = field(field(domain, "status"), "tls_status");
  if (typeof expires === "string") return `${plain(state ?? "valid")}, until ${plain(expires).slice(0, 10)}`;
  return state === undefined ? "on" : plain(state);
}
