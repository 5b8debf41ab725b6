/**
 * PostgreSQL's text cannot hold U+0000, which callers and recipients can send (JSON's \u0000, a link's %00). Both
 * databases store and look for the replacement character instead: a name with a NUL is found nowhere, and one event
 * with a NUL does not hold up the events behind it.
 */
export function storableText(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\ufffd") : text;
}
