/** What the store's suites need to know of a database. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";

import type { Kysely } from "kysely";

import { type Hostname, parseHostname } from "../../src/domain/hostname.ts";
import type { SubaccountId } from "../../src/domain/subaccount.ts";
import type { ColumnTypes } from "../../src/store/migrate.ts";
import { openStore, type Store, type StoreLocation } from "../../src/store/open-store.ts";

export interface Ground {
  /** An empty place for a store, gone after the test. */
  createLocation(t: TestContext): Promise<StoreLocation>;
  /** The state's database, to look at and to migrate by hand. */
  connect(t: TestContext, location: StoreLocation): Promise<{ db: Kysely<unknown>; types: ColumnTypes }>;
}

export const NOW_MS = Date.UTC(2026, 10, 22, 12);

/** An open store on an empty database. */
export async function createStore(t: TestContext, ground: Ground): Promise<Store> {
  return reopen(t, await ground.createLocation(t));
}

/** As another process would open it. */
export async function reopen(t: TestContext, location: StoreLocation): Promise<Store> {
  const store = await openStore(location);
  t.after(() => store.close());
  return store;
}

export function host(name: string): Hostname {
  return parseHostname(name);
}

export async function createDomain(
  store: Store,
  name: string,
  subaccountId: SubaccountId = 0,
): Promise<Hostname> {
  const domain = host(name);
  const created = { domain, subaccountId, secure: false, complianceStatus: "valid" } as const;
  assert.equal(await store.trackingDomains.create(created, NOW_MS), "created");
  return domain;
}

export async function createVerifiedDomain(
  store: Store,
  name: string,
  subaccountId: SubaccountId = 0,
): Promise<Hostname> {
  const domain = await createDomain(store, name, subaccountId);
  const state = await store.verification.recordCheck(domain, passedCheck(domain), (current) => ({
    ...current,
    cnameStatus: "valid",
  }));
  assert.equal(state?.cnameStatus, "valid");
  return domain;
}

export function passedCheck(domain: string, checkedAtMs: number = NOW_MS) {
  return {
    checkedAtMs,
    trigger: "asked",
    scheme: "http",
    result: { cnameStatus: "valid", complianceStatus: "valid" },
    failure: undefined,
    evidence: {
      dns: {
        cnameChain: [domain, "edge.example.net"],
        cnameOutcome: "found",
        cnameMatches: true,
        addresses: ["203.0.113.7"],
        addressOutcome: "found",
        targetAddresses: ["203.0.113.7"],
        addressesMatch: true,
      },
      probe: {
        endpoint: `http://${domain}:80`,
        address: "203.0.113.7",
        outcome: { kind: "answered", hostSeen: domain },
        tookMs: 12,
      },
      looksProxied: false,
    },
  } as const;
}

/** Runs a program of this folder in a process of its own, killed at the end of the test if it is still there. */
export function startProgram(t: TestContext, file: string, location: StoreLocation): ChildProcess {
  const program = spawn(process.execPath, [`${import.meta.dirname}/${file}`, JSON.stringify(location)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(async () => {
    if (program.exitCode !== null || program.signalCode !== null) return;
    program.kill("SIGKILL");
    await once(program, "exit");
  });
  return program;
}
