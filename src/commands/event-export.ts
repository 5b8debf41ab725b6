/** `waypost events export`: all events that match, from a running server, to a file or a program. */
import { existsSync, rmSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { constants } from "node:os";
import { pipeline } from "node:stream/promises";

import { AppError } from "../domain/errors.ts";
import { type EventOptions, filtersOf } from "./event-options.ts";
import { unbroken } from "./event-stream.ts";
import { createBar, megabytes, plain, write } from "./output.ts";
import { connect } from "./remote.ts";

interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

const EVENTS = "/api/v1/events/message";
const FORMATS = ["csv", "ndjson"];
const DAY_MS = 86_400_000;
const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;
/** As shells have it. */
const EXIT_CODE_OF_SIGNAL_0 = 128;
/** Both formats begin a line with the type, the id and the time. */
const TIME_OF_LINE = /^(?:\w+,\d+,|\{"type":"\w+","event_id":"\d+","timestamp":")(\d{4}-[\d:.T-]+Z)/gm;

/** CSV or a JSON object a line, whole or not at all, to a new file or to standard output. */
export async function exportEvents(options: EventOptions): Promise<void> {
  const { format = "csv", output } = options;
  if (typeof format !== "string" || !FORMATS.includes(format)) {
    throw new AppError("invalid_parameters", "--format must be csv or ndjson");
  }
  const query = filtersOf(options);
  const { body } = await connect(options).open("GET", `${EVENTS}.${format}`, { query });
  if (body === null) throw new AppError("unavailable", "the server sent nothing");
  // On a terminal the events themselves show how far it is.
  const isShown = process.stderr.isTTY && (output !== undefined || !process.stdout.isTTY);
  const chunks = isShown ? withBar(unbroken(body), rangeOf(query)) : unbroken(body);
  if (typeof output !== "string") {
    for await (const chunk of chunks) await write(chunk);
    return;
  }
  await writeNewFile(output, chunks);
  console.error(`The events are in ${plain(output)}`);
}

/** Under its name once it is whole: half an export looks like a whole one. What is there already is somebody's. */
async function writeNewFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  if (existsSync(path)) throw new AppError("invalid_parameters", `${path} is there already`);
  const part = `${path}.${process.pid}.part`;
  const removePart = (): void => rmSync(part, { force: true });
  const interrupted = (signal: NodeJS.Signals): void => {
    removePart();
    process.exit(EXIT_CODE_OF_SIGNAL_0 + constants.signals[signal]);
  };
  // Before the file is there: nobody else removes it.
  for (const signal of SIGNALS) process.once(signal, interrupted);
  try {
    const file = await open(part, "w", 0o600).catch((error: NodeJS.ErrnoException) => {
      throw new AppError("invalid_parameters", `${path} cannot be written: ${error.message}`);
    });
    try {
      await pipeline(chunks, file.createWriteStream());
      if (existsSync(path)) throw new AppError("invalid_parameters", `${path} is there already`);
      await rename(part, path);
    } catch (error) {
      removePart();
      if (error instanceof AppError) throw error;
      throw new AppError("unavailable", `${path} cannot be written: ${reasonOf(error)}`, { cause: error });
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupted);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Events come newest first, from the end of the range to its beginning: that is how far it is. */
async function* withBar(
  chunks: AsyncIterable<Uint8Array>,
  { fromMs, toMs }: TimeRange,
): AsyncGenerator<Uint8Array> {
  const bar = createBar();
  let bytes = 0;
  let share = Number.isNaN(toMs - fromMs) ? undefined : 0;
  const size = () => `${megabytes(bytes)} MB`;
  for await (const chunk of chunks) {
    yield chunk;
    bytes += chunk.length;
    if (!bar.isDue) continue;
    const time = Buffer.from(chunk).toString("latin1").matchAll(TIME_OF_LINE).toArray().at(-1)?.[1];
    if (share !== undefined && time !== undefined) share = (toMs - Date.parse(time)) / (toMs - fromMs);
    bar.show(share, size());
  }
  bar.show(1, size());
  bar.end();
}

/** As the server takes them when they are not given; not numbers when it alone can read them. */
function rangeOf(query: Readonly<Record<string, string>>): TimeRange {
  const { from, to } = query;
  const nowMs = Date.now();
  return {
    fromMs: from === undefined ? nowMs - DAY_MS : Date.parse(from),
    toMs: to === undefined ? nowMs : Date.parse(to),
  };
}
