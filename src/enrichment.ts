/** What ingest does to events between spool and store, with the files that an operator supplies for it. */
import type { Config } from "./config.ts";
import { AppError } from "./domain/errors.ts";
import { type ClassificationContext, createContext } from "./events/classification.ts";
import { MAX_CLASSIFICATION_FILE_BYTES, parseClassificationFile } from "./events/classification-file.ts";
import { createClassificationStep } from "./events/classification-step.ts";
import { createClassifier } from "./events/classifier.ts";
import type { EventStore } from "./events/event-store.ts";
import { createFactsStep } from "./events/facts-step.ts";
import { type FollowedFileLog, followFile, readFileAs } from "./events/followed-file.ts";
import {
  createGeoStep,
  LOCATE_NOTHING,
  type Locate,
  MAX_GEO_FILE_BYTES,
  openGeoDatabase,
} from "./events/geo.ts";
import type { EnrichmentStep } from "./events/ingest.ts";
import type { MessageStore } from "./events/message-store.ts";
import type { PrivacyRules } from "./events/privacy-rules.ts";
import { createPrivacyStep } from "./events/privacy-step.ts";

export interface Enrichment {
  readonly steps: readonly EnrichmentStep[];
  /** To be called when events that went through the steps may not have been stored. */
  readonly startOver: () => void;
  stop(): Promise<void>;
}

type Files = Pick<Config, "classificationFile" | "geoipFile">;

export interface EnrichmentParts {
  readonly config: Files & Pick<Config, "enrichmentDays" | "truncateIps">;
  readonly store: {
    readonly events: Pick<EventStore, "search" | "erase">;
    readonly messages: Pick<MessageStore, "find">;
  };
  readonly privacy: PrivacyRules;
  readonly log: FollowedFileLog;
}

const CLASSIFICATION_FILE = {
  variable: "WAYPOST_CLASSIFICATION_FILE",
  maxBytes: MAX_CLASSIFICATION_FILE_BYTES,
  parse: (content: Buffer): ClassificationContext =>
    createContext(parseClassificationFile(content.toString())),
} as const;
const GEO_FILE = {
  variable: "WAYPOST_GEOIP_FILE",
  maxBytes: MAX_GEO_FILE_BYTES,
  parse: openGeoDatabase,
} as const;

/** Without a file that can be used, what comes with Waypost is used alone: events never wait for an operator's file. */
export async function openEnrichment({
  config,
  store,
  privacy: rules,
  log,
}: EnrichmentParts): Promise<Enrichment> {
  const context = await follow(config.classificationFile, CLASSIFICATION_FILE, createContext(NO_ROWS), log);
  const locate = await follow<Locate>(config.geoipFile, GEO_FILE, LOCATE_NOTHING, log);
  const classifier = createClassifier({ context: context.current });
  const { events } = store;
  const classification = createClassificationStep({ classifier, events });
  return {
    steps: [
      createFactsStep({ messages: store.messages, days: config.enrichmentDays }),
      createGeoStep(locate.current),
      classification.step,
      createPrivacyStep({ rules, events, truncateIps: config.truncateIps === "true" }),
    ],
    startOver: classification.startOver,
    stop: async () => {
      context.stop();
      locate.stop();
    },
  };
}

/** Throws `invalid_format`, with the setting's name, for a file that cannot be used. */
export async function checkEnrichmentFiles(files: Files): Promise<void> {
  await check(files.classificationFile, CLASSIFICATION_FILE);
  await check(files.geoipFile, GEO_FILE);
}

const NO_ROWS = { networks: [], userAgents: [] };

interface FileKind<Value> {
  readonly variable: string;
  readonly maxBytes: number;
  readonly parse: (content: Buffer) => Value;
}

async function follow<Value>(
  path: string | undefined,
  kind: FileKind<Value>,
  fallback: Value,
  log: FollowedFileLog,
): Promise<{ current: () => Value; stop: () => void }> {
  if (path === undefined) return { current: () => fallback, stop: () => undefined };
  return followFile({ path, maxBytes: kind.maxBytes, parse: kind.parse, fallback, log });
}

async function check<Value>(path: string | undefined, kind: FileKind<Value>): Promise<void> {
  if (path === undefined) return;
  try {
    await readFileAs(path, kind);
  } catch (error) {
    const problem = error instanceof Error ? error.message : error;
    throw new AppError("invalid_format", `${kind.variable}: ${problem}`, { cause: error });
  }
}
