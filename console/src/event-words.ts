/** Events in a person's words. */
const TYPES: Readonly<Record<string, string>> = {
  click: "Click",
  open: "Open",
  initial_open: "First open",
  amp_click: "Click in AMP",
  amp_open: "Open in AMP",
  amp_initial_open: "First open in AMP",
  link_unsubscribe: "Unsubscribe",
};

export const EVENT_TYPES: readonly string[] = Object.keys(TYPES);

export function eventWord(type: string): string {
  return TYPES[type] ?? type;
}
