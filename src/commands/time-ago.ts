/** Times as people type them. */
const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `24h` is that long ago, as the API writes times; anything else is the server's to read. */
export function parseTime(text: string, nowMs: number): string {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) return text;
  return new Date(nowMs - Number(count) * UNITS[unit as keyof typeof UNITS]).toISOString();
}
