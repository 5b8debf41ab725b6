/**
 * `waypost import sparkpost`: the tracking domains of a SparkPost account, created here, and the DNS changes to make. What is
 * here already is left as it is, so that it can be run again after an interruption, or when more domains have come.
 */
import { readFileSync } from "node:fs";

import { clientEnvironment } from "../config.ts";
import { AppError } from "../domain/errors.ts";
import { isLocalhost, parseHostname } from "../domain/hostname.ts";
import { type DnsRecord, NO_CNAME_TARGET, requiredDnsRecord } from "../verification/findings.ts";
import { createProgress, plain, printJson, printTable } from "./output.ts";
import { connect, field, listOf, type Remote } from "./remote.ts";
import type { OutputOptions } from "./remote-domains.ts";

export interface ImportOptions extends OutputOptions {
  readonly file?: string;
  readonly sparkpostUrl?: string;
  readonly dryRun?: true;
}

interface ForeignDomain {
  readonly domain: string;
  readonly secure: boolean;
  readonly isDefault: boolean;
  readonly subaccountId: number;
}

interface Foreign {
  readonly domains: readonly ForeignDomain[];
  readonly subaccounts: ReadonlyMap<number, string>;
}

type Outcome = "created" | "there already" | "would be created" | "failed";

interface Imported extends ForeignDomain {
  readonly outcome: Outcome;
  readonly problem?: string;
  readonly record?: unknown;
  /** Here. */
  readonly subaccount: number;
}

const SPARKPOST = "https://api.sparkpost.com";
const DOMAINS = "/api/v1/tracking-domains";
const SUBACCOUNTS = "/api/v1/subaccounts";
const SETTINGS = "/api/v1/settings";
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Exit code 1 when a domain could not be created. */
export async function importSparkpost(options: ImportOptions): Promise<void> {
  const remote = connect(options);
  const foreign = await readForeign(options);
  const subaccounts = await matchSubaccounts(remote, foreign, options.dryRun === true);
  const given = { subaccounts, targetWhenDry: options.dryRun ? await readTarget(remote) : undefined };
  const progress = createProgress("tracking domains", foreign.domains.length);
  const imported: Imported[] = [];
  for (const domain of foreign.domains) {
    imported.push(await importDomain(remote, domain, given));
    progress.step();
  }
  progress.end();
  if (imported.some(({ outcome }) => outcome === "failed")) process.exitCode = 1;
  if (options.json) return printJson(imported);
  tell(imported);
  if (given.targetWhenDry !== null && imported.some(isWithoutRecord))
    console.log(`${NO_CNAME_TARGET.found} ${NO_CNAME_TARGET.fix}`);
}

async function readForeign({ file, sparkpostUrl = SPARKPOST }: ImportOptions): Promise<Foreign> {
  if (file !== undefined) {
    const content = readJsonFile(file);
    return { domains: parseDomains(content), subaccounts: parseSubaccounts(field(content, "subaccounts")) };
  }
  const key = clientEnvironment().sparkpostKey;
  if (key === undefined) {
    throw new AppError(
      "invalid_parameters",
      "Set SPARKPOST_API_KEY to a key with the grant Tracking Domains: Read (and Subaccounts: Read), or use --file with the JSON of GET /api/v1/tracking-domains",
    );
  }
  const sparkpost = connect({ url: sparkpostUrl, key });
  const domains = parseDomains(await sparkpost.call("GET", DOMAINS));
  const hasSubaccounts = domains.some(({ subaccountId }) => subaccountId !== 0);
  const list = hasSubaccounts ? field(await sparkpost.call("GET", SUBACCOUNTS), "results") : [];
  return { domains, subaccounts: parseSubaccounts(list) };
}

function readJsonFile(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new AppError("invalid_parameters", `${path} cannot be read`);
  }
  if (text.length > MAX_FILE_BYTES) throw new AppError("body_too_large", `${path} is too large`);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new AppError("invalid_parameters", `${path} is not JSON`);
  }
}

function parseDomains(content: unknown): readonly ForeignDomain[] {
  const list = Array.isArray(content) ? content : listOf(content);
  if (list.length === 0) throw new AppError("not_found", "There are no tracking domains to import.");
  return list.map((entry) => {
    const [domain, subaccount] = [field(entry, "domain"), field(entry, "subaccount_id") ?? 0];
    if (typeof domain !== "string" || typeof subaccount !== "number") {
      throw new AppError("invalid_parameters", "That is not a list of SparkPost tracking domains");
    }
    const [secure, isDefault] = [field(entry, "secure") === true, field(entry, "default") === true];
    return { domain, secure, isDefault, subaccountId: subaccount };
  });
}

function parseSubaccounts(list: unknown): ReadonlyMap<number, string> {
  const entries = (Array.isArray(list) ? list : []).flatMap((entry): [number, string][] => {
    const [id, name] = [field(entry, "id"), field(entry, "name")];
    return typeof id === "number" && typeof name === "string" ? [[id, name]] : [];
  });
  return new Map(entries);
}

/** SparkPost's numbers to ours: by name, since numbers are given out anew here. Those that are missing are created. */
async function matchSubaccounts(
  remote: Remote,
  foreign: Foreign,
  dryRun: boolean,
): Promise<ReadonlyMap<number, number>> {
  const needed = new Set(foreign.domains.map(({ subaccountId }) => subaccountId).filter((id) => id !== 0));
  const matched = new Map<number, number>([[0, 0]]);
  if (needed.size === 0) return matched;
  const ours = new Map(
    listOf(await remote.call("GET", SUBACCOUNTS)).map((one) => [
      field(one, "name"),
      Number(field(one, "id")),
    ]),
  );
  for (const id of needed) {
    const name = foreign.subaccounts.get(id) ?? `SparkPost subaccount ${id}`;
    const found = ours.get(name);
    if (found !== undefined) matched.set(id, found);
    else if (!dryRun) matched.set(id, await createSubaccount(remote, name));
  }
  return matched;
}

async function createSubaccount(remote: Remote, name: string): Promise<number> {
  const created = field(await remote.call("POST", SUBACCOUNTS, { body: { name } }), "results");
  return Number(field(created, "subaccount_id"));
}

/** What a DNS record must hold, for those that a dry run does not create; `null` where the key may not see it. */
async function readTarget(remote: Remote): Promise<string | null> {
  try {
    const settings = field(field(await remote.call("GET", SETTINGS), "results"), "settings");
    const target = (Array.isArray(settings) ? settings : []).find(
      (one) => field(one, "name") === "WAYPOST_CNAME_TARGET",
    );
    const value = field(target, "value");
    return typeof value === "string" ? value : null;
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "unavailable") throw error;
    return null;
  }
}

interface Given {
  readonly subaccounts: ReadonlyMap<number, number>;
  /** `undefined`: it is no dry run. */
  readonly targetWhenDry: string | null | undefined;
}

async function importDomain(
  remote: Remote,
  foreign: ForeignDomain,
  { subaccounts, targetWhenDry }: Given,
): Promise<Imported> {
  // `undefined`: it would be created first.
  const subaccount = subaccounts.get(foreign.subaccountId);
  const imported = { ...foreign, subaccount: subaccount ?? 0 };
  const path = `${DOMAINS}/${encodeURIComponent(foreign.domain)}`;
  const there = await remote.call("GET", path).catch(noneWhenMissing);
  const isThere = there !== undefined;
  if (isThere && ownerOf(there) !== subaccount) {
    return { ...imported, outcome: "failed", problem: `is ${ownerInWords(ownerOf(there))} here` };
  }
  if (!isThere && targetWhenDry !== undefined) {
    const problem = nameProblem(foreign.domain);
    if (problem !== undefined) return { ...imported, outcome: "failed", problem };
    return { ...imported, outcome: "would be created", record: recordFor(foreign.domain, targetWhenDry) };
  }
  try {
    if (!isThere) {
      const as = connectAs(remote, imported.subaccount);
      await as("POST", DOMAINS, { domain: foreign.domain, secure: foreign.secure });
    }
    const checks = field(await remote.call("GET", `${path}/checks`), "results");
    const outcome = isThere ? "there already" : "created";
    return { ...imported, outcome, record: field(checks, "dns_record") };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "unavailable") throw error;
    return { ...imported, outcome: "failed", problem: error.message };
  }
}

/** What can be known of it without the server. */
function nameProblem(domain: string): string | undefined {
  try {
    parseHostname(domain);
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error.message;
    throw error;
  }
}

function noneWhenMissing(error: unknown): undefined {
  if (error instanceof AppError && error.code === "not_found") return undefined;
  throw error;
}

function ownerOf(found: unknown): number {
  return Number(field(field(found, "results"), "subaccount_id") ?? 0);
}

function ownerInWords(subaccount: number): string {
  return subaccount === 0 ? "the primary account's" : `subaccount ${subaccount}'s`;
}

function recordFor(domain: string, target: string | null): DnsRecord | undefined {
  return target === null ? undefined : requiredDnsRecord(domain, target);
}

function connectAs(
  remote: Remote,
  subaccount: number,
): (method: string, path: string, body: object) => Promise<unknown> {
  const headers = { "x-msys-subaccount": String(subaccount) };
  return (method, path, body) => remote.call(method, path, { body, headers });
}

function isWithoutRecord({ domain, outcome, record }: Imported): boolean {
  return outcome !== "failed" && record === undefined && !isLocalhost(domain);
}

function tell(imported: readonly Imported[]): void {
  printTable(
    imported,
    [
      { title: "DOMAIN", value: ({ domain }) => domain, flexible: true },
      { title: "SUBACCOUNT", value: ({ subaccount }) => (subaccount === 0 ? "" : subaccount) },
      { title: "OUTCOME", value: ({ outcome }) => outcome },
    ],
    "Nothing to import.",
  );
  // Whole, on a narrow terminal too: why is what has to be mended.
  const failed = imported.filter(({ problem }) => problem !== undefined);
  if (failed.length > 0) console.log();
  for (const { domain, problem } of failed) console.log(`${plain(domain)}: ${plain(problem)}`);
  const changes = imported.filter(({ record }) => record !== undefined);
  if (changes.length > 0) tellChanges(changes);
  for (const { domain, subaccount } of imported.filter(({ isDefault }) => isDefault)) {
    const owner = subaccount === 0 ? "" : ` --subaccount ${subaccount}`;
    console.log(`Once it is verified: waypost domains default ${plain(domain)}${owner}`);
  }
}

function tellChanges(changes: readonly Imported[]): void {
  console.log("\nDNS changes to make, each when you are ready to move that domain:\n");
  printTable(
    changes,
    [
      // Whole, on a narrow terminal too: it is typed in elsewhere.
      { title: "NAME", value: ({ domain }) => domain },
      { title: "TYPE", value: ({ record }) => field(record, "type") },
      { title: "NEW VALUE", value: ({ record }) => field(record, "value") },
    ],
    "",
  );
  console.log(
    "\nLinks that SparkPost wrapped stop working for a domain once its record points here: move it when",
  );
  console.log("they are old enough. Waypost verifies each domain by itself within minutes of the change.\n");
}
