/** `waypost doctor`: looks at an installation as somebody who was called to it would, and says what to do about what is wrong. */
import { existsSync, statfsSync, statSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { styleText } from "node:util";

import type { Config, ListenAddress, LoadedConfig } from "../config.ts";
import { configWarnings } from "../config-warnings.ts";
import { isLocalhost } from "../domain/hostname.ts";
import { SECRET_FILE } from "./backup.ts";
import { resolveCnameTarget } from "./cname-target.ts";
import { inUrl, reachable } from "./local-address.ts";
import { plainLines, printJson } from "./output.ts";
import { withStore } from "./with-store.ts";

type Verdict = "ok" | "warning" | "problem";

interface Finding {
  readonly area: string;
  readonly verdict: Verdict;
  readonly found: string;
  readonly fix?: string;
}

const MARKS = {
  ok: styleText("green", "ok      "),
  warning: styleText("yellow", "warning "),
  problem: styleText("red", "problem "),
} as const satisfies Record<Verdict, string>;
const TIMEOUT_MS = 3000;
const GIGABYTE = 1024 ** 3;
const LOW_DISK_GB = 2;
const OTHERS_MAY_READ = 0o077;

/** Changes nothing. Exit code 1 when there is a problem; warnings alone are 0. */
export async function doctor({ config, warnings }: LoadedConfig, { json }: { json?: true }): Promise<void> {
  const findings = [
    ...[...warnings, ...configWarnings(config)].map((warning) =>
      finding("configuration", "warning", warning),
    ),
    ...lookAtDisk(config),
    await lookAtStore(config),
    ...(await lookAtListeners(config)),
    ...(await lookAtReadiness(config)),
    await lookAtTarget(config),
  ];
  if (findings.some(({ verdict }) => verdict === "problem")) process.exitCode = 1;
  if (json) return printJson(findings);
  for (const { area, verdict, found, fix } of findings) {
    console.log(`${MARKS[verdict]} ${area}: ${plainLines(found)}`);
    if (fix !== undefined) console.log(`           ${plainLines(fix)}`);
  }
}

function finding(area: string, verdict: Verdict, found: string, fix?: string): Finding {
  return { area, verdict, found, ...(fix === undefined ? {} : { fix }) };
}

function lookAtDisk({ dataDir }: Config): readonly Finding[] {
  if (!existsSync(dataDir)) {
    const fix = "It is made by the first start. Is WAYPOST_DATA_DIR right?";
    return [finding("data directory", "warning", `${dataDir} is not there`, fix)];
  }
  const { bavail, bsize } = statfsSync(dataDir);
  const freeGb = (bavail * bsize) / GIGABYTE;
  const found = `${freeGb.toFixed(1)} GB are free in ${dataDir}`;
  const room =
    freeGb < LOW_DISK_GB
      ? finding("disk", "problem", found, "Make room: a full disk loses events, though links go on working.")
      : finding("disk", "ok", found);
  return [room, ...lookAtSecret(dataDir)];
}

function lookAtSecret(dataDir: string): readonly Finding[] {
  const path = join(dataDir, SECRET_FILE);
  const secret = statSync(path, { throwIfNoEntry: false });
  if (secret === undefined) return [];
  return (secret.mode & OTHERS_MAY_READ) === 0
    ? [finding("master secret", "ok", "only its owner can read it")]
    : [finding("master secret", "problem", `${path} can be read by others`, `chmod 600 ${path}`)];
}

async function lookAtStore(config: Config): Promise<Finding> {
  const name = config.databaseUrl === undefined ? "SQLite" : "PostgreSQL";
  try {
    const record = await withStore(config, ({ installation }) => installation.read());
    return record === undefined
      ? finding("store", "warning", `${name} answers and is empty`, "The first start fills it.")
      : finding(
          "store",
          "ok",
          `${name} answers, made ${new Date(record.createdAtMs).toISOString().slice(0, 10)}`,
        );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return finding("store", "problem", `${name}: ${reason}`, "The edge goes on without it; events wait.");
  }
}

async function lookAtListeners(config: Config): Promise<readonly Finding[]> {
  const { roles, apiListen, edgeHttpListen, edgeHttpsListen, opsListen } = config;
  const listeners: readonly (readonly [string, ListenAddress | undefined])[] = [
    ["API", roles.includes("api") ? apiListen : undefined],
    ["edge, http", roles.includes("edge") ? edgeHttpListen : undefined],
    ["edge, https", roles.includes("edge") ? edgeHttpsListen : undefined],
    ["operations", opsListen],
  ];
  return Promise.all(
    listeners.flatMap(([area, address]) => (address === undefined ? [] : [lookAtListener(area, address)])),
  );
}

async function lookAtListener(area: string, { host, port }: ListenAddress): Promise<Finding> {
  const answers = await accepts(reachable(host), port);
  return answers
    ? finding(area, "ok", `something listens on ${host}:${port}`)
    : finding(
        area,
        "problem",
        `nothing listens on ${host}:${port}`,
        "Is `waypost serve` running, with these settings?",
      );
}

async function lookAtReadiness({ opsListen }: Config): Promise<readonly Finding[]> {
  const url = `http://${inUrl(reachable(opsListen.host))}:${opsListen.port}/readyz`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (response.ok) return [finding("readiness", "ok", "the server says that it is ready")];
    const reasons = (await response.text()).trim().split("\n").slice(0, 20);
    return reasons.map((reason) => finding("readiness", "problem", reason));
  } catch {
    // Said by the listener's own finding.
    return [];
  }
}

async function lookAtTarget(config: Config): Promise<Finding> {
  const { cnameTarget } = config;
  if (isLocalhost(cnameTarget)) {
    const fix = "Set WAYPOST_CNAME_TARGET to the name that customers point their CNAME at.";
    return finding("CNAME target", "warning", "it is localhost: only this machine can use links", fix);
  }
  try {
    const addresses = await resolveCnameTarget(config);
    return finding("CNAME target", "ok", `${cnameTarget} is ${addresses.join(", ")}`);
  } catch {
    const fix = "Create an A or AAAA record for it that leads to the edge.";
    return finding("CNAME target", "problem", `${cnameTarget} does not resolve`, fix);
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port, timeout: TIMEOUT_MS });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}
