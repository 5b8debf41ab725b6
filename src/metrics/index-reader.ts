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
      ...knownTimes(state),
      events: days.filter(({ kind }) => kind === "events").map((day) => columns.dayOfEvents(day)),
      sent: days.filter(({ kind }) => kind === "sent").map((day) => columns.dayOfSent(day)),
      highest: (dimension) => state.highest[dimension],
      findTexts: (dimension, texts) => findTexts(this.#db, dimension, texts),
      textOf: (dimension, number) => textOf(this.#db, dimension, number),
    };
  }
}

/** Who knows of a message knows of all events since: that there were none is known, too. */
function knownTimes({ firstEventMs, firstSentMs, keptFromMs }: IndexState) {
  const first = [firstEventMs, firstSentMs].filter((time) => time !== undefined);
  return {
    eventsFromMs: first.length === 0 ? undefined : Math.max(Math.min(...first), keptFromMs),
    sentFromMs: firstSentMs === undefined ? undefined : Math.max(firstSentMs, keptFromMs),
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
