/** Event types, as a person calls them. */
const WORDS: Readonly<Record<string, string>> = {
  click: "Click",
  open: "Open",
  initial_open: "First open",
  amp_click: "Click in AMP",
  amp_open: "Open in AMP",
  amp_initial_open: "First open in AMP",
  link_unsubscribe: "Unsubscribe",
};

export function eventWord(type: string): string {
  return WORDS[type] ?? type;
}
