/** Waypost's process tree with nothing in it but the edge: what the tests start, stop and kill. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { EdgeOptions } from "../../src/edge/worker.ts";
import { isEdgeStatsMessage } from "../../src/edge/worker-messages.ts";
import { runEdge } from "../../src/edge-process.ts";
import { startHeartbeat, tellSupervisor } from "../../src/supervised.ts";
import { type ChildCommand, type SupervisorTiming, startSupervisor } from "../../src/supervisor.ts";

export const TREE_PROGRAM = fileURLToPath(import.meta.url);

export interface TreeSettings {
  readonly dataDir: string;
  readonly edge: Omit<EdgeOptions, "log">;
  readonly edgeCount: number;
  readonly timing?: Partial<SupervisorTiming>;
  /** Gives the control process one more argument, of this length. */
  readonly controlArgumentBytes?: number;
}

type Role = "supervisor" | "control" | "edge";

export function treeArguments(role: Role, settings: TreeSettings): string[] {
  return [role, JSON.stringify(settings)];
}

function say(level: string, fields: object, message: string): void {
  process.stdout.write(`${JSON.stringify({ level, ...fields, message })}\n`);
}

async function main(role: Role, settings: TreeSettings): Promise<void> {
  const child = (childRole: Role): ChildCommand => ({
    file: TREE_PROGRAM,
    args: treeArguments(childRole, settings),
  });
  const { dataDir, edgeCount, timing = {} } = settings;
  switch (role) {
    case "supervisor": {
      const addresses = [settings.edge.listen];
      const control = child("control");
      const args = [...control.args, "x".repeat(settings.controlArgumentBytes ?? 0)];
      const parts = { control: { ...control, args }, edge: child("edge"), edgeCount };
      const supervisor = await startSupervisor({ dataDir, addresses, ...parts, log: say, timing });
      await supervisor.stopped;
      return;
    }
    case "control":
      process.on("SIGTERM", () => process.exit(0));
      process.on("disconnect", () => process.exit(0));
      process.on("message", (message) => {
        if (isEdgeStatsMessage(message))
          void writeFile(join(dataDir, "control-heard"), JSON.stringify(message));
      });
      tellSupervisor({ type: "ready" });
      startHeartbeat();
      return;
    case "edge": {
      const log = {
        info: () => undefined,
        warn: (fields: object, message: string) => say("warn", fields, message),
        error: (fields: object, message: string) => say("error", fields, message),
      };
      await runEdge({ ...settings.edge, log });
    }
  }
}

if (import.meta.main) {
  const [role, settings] = process.argv.slice(2);
  try {
    await main(role as Role, JSON.parse(settings ?? "") as TreeSettings);
  } catch (error) {
    say("fatal", {}, (error as Error).message);
    process.exitCode = 1;
  }
}
