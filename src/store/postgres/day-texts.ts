/**
 * The different subjects and senders of each day. To read them off the indexes of thirty partitions takes longer than the search they
 * are for, half of it to plan that; but nearly all days are over. So they are kept until something is stored into their day.
 */
import { sql } from "kysely";

import { EVENT_TABLES } from "../event-columns.ts";
import type { TextCondition } from "../event-conditions.ts";
import { within } from "../event-database.ts";
import { boundsOf, type EventDay } from "../event-day.ts";
import { distinctTexts, MAX_TEXTS } from "../event-texts.ts";
import type { RunSql } from "../read-after.ts";

interface DayTexts {
  /** Of the day when they were read, or earlier. */
  readonly lastPosition: number;
  /** `undefined`: more than {@link MAX_TEXTS}. */
  readonly texts: readonly string[] | undefined;
}

/** Of all days and columns. */
const CHARS_KEPT = 8 * 1024 * 1024;

export class TextsOfDays {
  readonly #run: RunSql;
  /** By day and column, the last used at the end. */
  readonly #kept = new Map<string, DayTexts>();
  #chars = 0;

  constructor(run: RunSql) {
    this.#run = run;
  }

  /** Those that the condition is true of. `undefined`: there are too many to say. */
  async matching(
    { column, matches }: TextCondition,
    days: { readonly first: EventDay; readonly last: EventDay },
  ): Promise<readonly string[] | undefined> {
    const found = new Set<string>();
    for (const day of await this.#daysBetween(days)) {
      const texts = await this.#ofDay(column, day);
      for (const text of texts ?? []) found.add(text);
      if (texts === undefined || found.size > MAX_TEXTS) return undefined;
    }
    if (found.size === 0) return [];
    const name = sql.ref(column);
    // With the column's own order, by which lower() leaves all but ASCII as it is.
    const rows = await this.#run(sql<{ text: string }>`
      select ${name} as text
      from (select given collate "C" as ${name} from unnest(${[...found]}::text[]) as given) as texts
      where ${matches}`);
    return rows.map(({ text }) => text);
  }

  #daysBetween({ first, last }: { readonly first: EventDay; readonly last: EventDay }) {
    return this.#run(sql<{ day: EventDay; last_position: number }>`
      select day, last_position from ${sql.table(EVENT_TABLES.days)} where day >= ${first} and day <= ${last}`);
  }

  async #ofDay(
    column: TextCondition["column"],
    { day, last_position: lastPosition }: { readonly day: EventDay; readonly last_position: number },
  ): Promise<readonly string[] | undefined> {
    const key = `${day} ${column}`;
    const kept = this.#kept.get(key);
    const texts = kept?.lastPosition === lastPosition ? kept.texts : await this.#read(column, day);
    this.#keep(key, { lastPosition, texts });
    return texts;
  }

  async #read(column: TextCondition["column"], day: EventDay): Promise<readonly string[] | undefined> {
    const { fromMs, toMs } = boundsOf(day);
    const texts = distinctTexts({ column, from: sql`events`, where: within(fromMs, toMs) });
    const rows = await this.#run(sql<{ [Column in TextCondition["column"]]: string }>`
      ${texts} limit ${MAX_TEXTS + 1}`);
    return rows.length > MAX_TEXTS ? undefined : rows.map((row) => row[column]);
  }

  #keep(key: string, day: DayTexts): void {
    this.#chars += charsOf(day) - charsOf(this.#kept.get(key));
    this.#kept.delete(key);
    this.#kept.set(key, day);
    for (const [oldest, { texts }] of this.#kept) {
      if (this.#chars <= CHARS_KEPT) return;
      this.#kept.delete(oldest);
      this.#chars -= charsOf({ texts });
    }
  }
}

function charsOf(day: Pick<DayTexts, "texts"> | undefined): number {
  return day?.texts?.reduce((sum, { length }) => sum + length, 0) ?? 0;
}
