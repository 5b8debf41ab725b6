/** Reads the metrics index while another thread writes it: for each question, as of the last commit. */
import type { DatabaseSync } from "node:sqlite";

import { answer, type IndexView, type MetricAnswer, type MetricQuestion } from "./answer.ts";
import { ColumnReader } from "./column-reader.ts";
import {
  findTexts,
  type IndexState,
  newState,
  openIndexDatabase,
  readDays,
  readState,
  textOf,
} from "./index-database.ts";

const TRIES = 3;

export class IndexReader {
  readonly #folder: string;
  readonly #db: DatabaseSync;

  /** The index must be there: its writer makes it. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#db = openIndexDatabase(folder, "read");
  }

  answer(question: MetricQuestion): MetricAnswer {
    for (let tries = 1; ; tries += 1) {
      const columns = new ColumnReader(this.#folder);
      try {
        return answer(question, this.#view(columns));
      } catch (error) {
        // A day that was dropped while it was read: what is asked for is what is left.
        if (tries === TRIES || !isMissing(error)) throw error;
      } finally {
        columns.close();
      }
    }
  }

  close(): void {
    this.#db.close();
  }

  #view(columns: ColumnReader): IndexView {
    this.#db.exec("begin");
    const state = readState(this.#db) ?? newState();
    const days = readDays(this.#db);
    this.#db.exec("commit");
    return {
      keptFromMs: state.keptFromMs,
      sentFromMs: sentFrom(state),
      events: days.filter(({ kind }) => kind === "events").map((day) => columns.dayOfEvents(day)),
      sent: days.filter(({ kind }) => kind === "sent").map((day) => columns.dayOfSent(day)),
      highest: (dimension) => state.highest[dimension],
      findTexts: (dimension, texts) => findTexts(this.#db, dimension, texts),
      textOf: (dimension, number) => textOf(this.#db, dimension, number),
    };
  }
}

/**
 * Every message is recorded before its first event comes. So whose first event is older than the first message that is
 * known was told of messages later than of events, or kept these longer, and the first days of messages are incomplete.
 */
function sentFrom({ firstEventMs, firstSentMs, keptFromMs }: IndexState): number {
  if (firstEventMs === undefined) return keptFromMs;
  if (firstSentMs === undefined) return Number.POSITIVE_INFINITY;
  return Math.floor(firstSentMs / 1000) <= Math.floor(firstEventMs / 1000) ? keptFromMs : firstSentMs;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
