/** `waypost domains add|list|show|verify|default|rm`: tracking domains of a running server. */
import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";

import { AppError } from "../domain/errors.ts";
import { isLocalhost } from "../domain/hostname.ts";
import { NO_CNAME_TARGET } from "../verification/findings.ts";
import { confirmByName } from "./confirm.ts";
import { DOMAINS, pathOf, tellingOwner } from "./named-domain.ts";
import { complain, plain, printFacts, printJson, printTable } from "./output.ts";
import { connect, field, listOf, type Remote, type RemoteOptions } from "./remote.ts";
import { certificateWord, domainWord } from "./state-words.ts";

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
  const remote = connect(options);
  const domains = listOf(await remote.call("GET", DOMAINS, { query }));
  if (options.json) return printJson(domains);
  const isAnySecure = domains.some((domain) => field(domain, "secure") === true);
  const isAnyInvalid = domains.some((domain) => field(field(domain, "status"), "cname_status") === "invalid");
  const [onHttp, elsewhere] = await Promise.all([
    isAnySecure ? namesWhere(remote, { https_works: "false" }) : NO_NAMES,
    isAnyInvalid ? namesWhere(remote, { points_elsewhere: "true" }) : NO_NAMES,
  ]);
  const status = (domain: unknown): string => {
    const name = field(domain, "domain");
    const about = { usesHttpForNow: onHttp.has(name), pointsElsewhere: elsewhere.has(name) };
    return domainWord(domain, { nowMs: Date.now(), ...about });
  };
  printTable(
    domains,
    [
      { title: "DOMAIN", value: (domain) => field(domain, "domain"), flexible: true },
      { title: "STATUS", value: status },
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
  const past = field(evidence, "checks");
  if (options.json) return printJson({ ...Object(facts), checks: past });
  const newestCheck: unknown = Array.isArray(past) ? past[0] : undefined;
  const usesHttpForNow = field(evidence, "https_works") === false;
  const pointsElsewhere = field(evidence, "points_elsewhere") === true;
  const record = field(evidence, "dns_record");
  printFacts([
    ["Domain", field(facts, "domain")],
    ["Status", domainWord(facts, { nowMs: Date.now(), usesHttpForNow, pointsElsewhere })],
    ["HTTPS", httpsInWords(facts)],
    ["Default", field(facts, "default") === true ? "yes" : "no"],
    ["Subaccount", field(facts, "subaccount_id")],
    ["DNS record", record === undefined ? undefined : recordInWords(record)],
    ["Next check", field(evidence, "next_check_at")],
  ]);
  if (newestCheck !== undefined) tellCheck(newestCheck);
}

/** Exit code 1, with what was found and what to change, when it fails. */
export async function verifyDomain(domain: string, options: OutputOptions): Promise<void> {
  const remote = connect(options);
  try {
    const reply = await remote
      .call("POST", `${pathOf(domain)}/verify`, { timeoutMs: VERIFY_TIMEOUT_MS })
      .catch(tellingOwner(domain, remote, options));
    const status = field(reply, "results");
    if (options.json) return printJson(status);
    console.log(`${plain(domain)}: ${verifiedInWords(status)}`);
    if (field(status, "verified") !== true) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof AppError) || isHopeless(error) || error.code === "unavailable") throw error;
    const evidence = field(await remote.call("GET", `${pathOf(domain)}/checks`), "results");
    const past = field(evidence, "checks");
    process.exitCode = 1;
    if (options.json) return printJson({ error: error.message, check: Array.isArray(past) ? past[0] : null });
    complain(error.message);
    if (Array.isArray(past) && past.length > 0) tellCheck(past[0]);
  }
}

export async function setDefaultDomain(
  domain: string,
  options: OutputOptions & { readonly unset?: true },
): Promise<void> {
  const body = { default: !options.unset };
  const remote = connect(options);
  await remote.call("PUT", pathOf(domain), { body }).catch(tellingOwner(domain, remote, options));
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
  await remote.call("DELETE", pathOf(domain)).catch(tellingOwner(domain, remote, options));
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
    const reply = await remote
      .call("POST", `${pathOf(domain)}/verify`, { timeoutMs: VERIFY_TIMEOUT_MS })
      .catch(hopefulFailure);
    const isLast = performance.now() + WAIT_BETWEEN_MS > giveUpMs;
    if (reply instanceof AppError) {
      if (isLast) throw reply;
      complain(`Not yet: ${reply.message}`);
    } else {
      const status = field(reply, "results");
      if (isLast || field(status, "verified") === true) return tellVerification(domain, status, json);
      complain(`Not yet: ${verifiedInWords(status)}`);
    }
    await sleep(WAIT_BETWEEN_MS);
  }
}

function tellVerification(domain: string, status: unknown, json: true | undefined): void {
  const isVerified = field(status, "verified") === true;
  if (!isVerified) process.exitCode = 1;
  if (json) printJson({ domain, status });
  else if (isVerified) console.log(styleText("green", `${plain(domain)} is verified.`));
  else complain(`${plain(domain)} is not verified: ${verifiedInWords(status)}`);
}

function hopefulFailure(error: unknown): AppError {
  if (error instanceof AppError && !isHopeless(error)) return error;
  throw error;
}

/** Another attempt would fail as well. */
function isHopeless({ code }: AppError): boolean {
  return code === "unauthorized" || code === "forbidden" || code === "not_found";
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
    console.log(
      isLocalhost(domain)
        ? "It needs no DNS record: names under localhost are this machine."
        : `${NO_CNAME_TARGET.found} ${NO_CNAME_TARGET.fix}`,
    );
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

function recordInWords(record: unknown): string {
  return `${plain(field(record, "type"))} ${plain(field(record, "name"))} → ${plain(field(record, "value"))}`;
}

/** What a verification answers is a domain's status alone. */
function verifiedInWords(status: unknown): string {
  return domainWord({ status }, { nowMs: Date.now() });
}

const NO_NAMES: ReadonlySet<unknown> = new Set();

/** What a domain's own reply does not say, a filter of the list does. */
async function namesWhere(
  remote: Remote,
  query: Readonly<Record<string, string>>,
): Promise<ReadonlySet<unknown>> {
  const reply = await remote.call("GET", DOMAINS, { query });
  return new Set(listOf(reply).map((domain) => field(domain, "domain")));
}

function httpsInWords(domain: unknown): string {
  if (field(domain, "secure") !== true) return "off";
  const expires = field(field(domain, "tls_certificate"), "expires_at");
  const word = certificateWord(domain);
  if (typeof expires === "string") return `${word ?? "on"}, until ${plain(expires).slice(0, 10)}`;
  return word ?? "on";
}
