/** Numbers and times in words. Numbers have thousands separators, times their zone. */
const NUMBER = new Intl.NumberFormat("en-US");
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const ZONE = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "long" });

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export function formatNumber(value: number): string {
  return NUMBER.format(value);
}

/** `1 domain`, `2 domains`. */
export function formatCount(count: number, one: string, many = `${one}s`): string {
  return `${formatNumber(count)} ${count === 1 ? one : many}`;
}

/** `22 Nov 2026, 14:03:12 CET`. */
export function formatTime(time: Date): string {
  return `${DAY.format(time)}, ${TIME.format(time)} ${timeZone(time)}`;
}

/** Without the zone, for a column whose head has it. */
export function formatTimeInColumn(time: Date): string {
  return `${DAY.format(time)}, ${TIME.format(time)}`;
}

/** `CET`, `UTC`: of the reader's clock at that time. */
export function timeZone(time: Date = new Date()): string {
  return ZONE.formatToParts(time).find(({ type }) => type === "timeZoneName")?.value ?? "";
}

/** `Europe/Berlin (CET)`, or `UTC` alone. */
export function timeZoneInWords(): string {
  const { timeZone: name } = Intl.DateTimeFormat().resolvedOptions();
  return name === timeZone() ? name : `${name} (${timeZone()})`;
}

/** `3 minutes ago`, `in 9 days`. */
export function formatRelative(time: Date, now: Date): string {
  const ms = time.getTime() - now.getTime();
  const distance = Math.abs(ms);
  if (distance < 10 * SECOND_MS) return ms > 0 ? "in a moment" : "just now";
  if (distance < MINUTE_MS) return RELATIVE.format(Math.round(ms / SECOND_MS), "second");
  if (distance < HOUR_MS) return RELATIVE.format(Math.round(ms / MINUTE_MS), "minute");
  if (distance < 2 * DAY_MS) return RELATIVE.format(Math.round(ms / HOUR_MS), "hour");
  return RELATIVE.format(Math.round(ms / DAY_MS), "day");
}

const AXIS_DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const AXIS_TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

/** `22 Nov` where a day begins or a step is a day, `14:00` in between. Times and steps are seconds. */
export function formatAxisTime(seconds: number, step: number): string {
  const time = new Date(seconds * SECOND_MS);
  const isMidnight = time.getHours() === 0 && time.getMinutes() === 0;
  return (isMidnight || step * SECOND_MS >= DAY_MS ? AXIS_DAY : AXIS_TIME).format(time);
}

const PERCENT = new Intl.NumberFormat("en-US", { style: "percent", maximumFractionDigits: 1 });

/** `12.3%`. Nothing of nothing is no rate, nor is more than all: what was opened may have been sent before the time that is shown. */
export function formatRate(part: number, whole: number): string | undefined {
  return whole === 0 || part > whole ? undefined : PERCENT.format(part / whole);
}
