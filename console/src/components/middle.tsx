/** A long name or URL on one line, shortened in the middle so that both ends can be read. It copies whole. */
import type { ClipboardEvent } from "react";

const TAIL_CHARS = 14;

export function Middle({ text, tail = TAIL_CHARS }: { readonly text: string; readonly tail?: number }) {
  if (text.length <= tail * 2) return <span title={text}>{text}</span>;
  const copyWhole = (event: ClipboardEvent) => {
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  };
  return (
    <span className="flex min-w-0 max-w-full" title={text} onCopy={copyWhole}>
      <span className="min-w-0 truncate" aria-hidden="true">
        {text.slice(0, -tail)}
      </span>
      <span className="shrink-0 whitespace-pre" aria-hidden="true">
        {text.slice(-tail)}
      </span>
      <span className="sr-only">{text}</span>
    </span>
  );
}
