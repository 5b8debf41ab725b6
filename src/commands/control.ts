/** The control process, as `serve` starts it. */
import { styleText } from "node:util";

import type { Config } from "../config.ts";
import { isEdgeStatsMessage } from "../edge/worker-messages.ts";
import { forgetFirstKey } from "../first-key.ts";
import { type Control, startControl } from "../main.ts";
import { EdgeStatsBook } from "../ops/edge-stats.ts";
import { createLogger, type Logger } from "../ops/logger.ts";
import { startHeartbeat } from "../supervised.ts";
import { awaitStore } from "./await-store.ts";

/** Runs until SIGTERM, or until the supervisor is gone. */
export async function control(config: Config): Promise<void> {
  const log = createLogger({ level: config.logLevel, terminal: process.stdout.isTTY, part: "control" });
  endOnFatalErrors(log);
  const heartbeat = startHeartbeat();
  const { promise: stopAsked, resolve: askToStop } = Promise.withResolvers<void>();
  process.on("SIGTERM", askToStop);
  process.on("disconnect", askToStop);
  // A terminal sends it to the whole process group; what to do about it is the supervisor's to say.
  process.on("SIGINT", () => undefined);
  process.on("SIGHUP", () => undefined);
  if (process.send !== undefined && !process.connected) askToStop();
  const stopping = new AbortController();
  void stopAsked.then(() => stopping.abort());
  const edgeStats = new EdgeStatsBook();
  process.on("message", (message) => {
    if (isEdgeStatsMessage(message)) edgeStats.report(message, performance.now());
  });
  await awaitStore({ config, log, edgeStats, stopping: stopping.signal });
  if (!stopping.signal.aborted) {
    const running = await startControl(config, log, edgeStats);
    announce(config, running, log);
    await stopAsked;
    await running.stop();
  }
  clearInterval(heartbeat);
  if (process.connected) process.disconnect();
}

function announce(config: Config, { apiAddress, opsAddress, firstKey }: Control, log: Logger): void {
  const at = ({ address, port }: { address: string; port: number }, scheme = "http") =>
    `${scheme}://${address.includes(":") ? `[${address}]` : address}:${port}`;
  const apiScheme = config.apiTlsCertFile === undefined ? "http" : "https";
  const api = apiAddress === undefined ? undefined : at(apiAddress, apiScheme);
  log.info({ api, ops: at(opsAddress) }, "control process is ready");
  if (firstKey === undefined) return;
  if (!process.stdout.isTTY) {
    log.info({ path: firstKey.path }, "the first API key is in this file");
    return;
  }
  process.stdout.write(`
${styleText("bold", "Waypost is running.")}
  Console ${api}/
  API     ${api}/api/v1
  Edge    http://${config.edgeHttpListen.host}:${config.edgeHttpListen.port}
  Health  ${at(opsAddress)}/healthz, /readyz, /metrics

Your first API key, shown only now:

  ${styleText("bold", firstKey.key)}

`);
  forgetFirstKey(firstKey);
}

/** A bug or a lost database connection nobody handled: the supervisor starts a fresh process, which is in a known state. */
function endOnFatalErrors(log: Logger): void {
  const end = (error: unknown): void => {
    log.error({ err: error }, "control process ends after an unexpected error");
    process.exit(1);
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
}
