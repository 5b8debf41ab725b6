/** Copies a text whole, and says that it did. */
import { useEffect, useState } from "react";

const SHOWN_MS = 2000;

export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = () =>
    writeClipboard(text).then(
      () => setState("copied"),
      () => setState("failed"),
    );
  return (
    <button
      type="button"
      onClick={copy}
      className="shrink-0 rounded-1 border border-edge bg-raised px-2 text-meta leading-6 text-ink hover:bg-hover"
    >
      <span aria-live="polite">{WORDS[state]}</span>
      <span className="sr-only"> {what}</span>
    </button>
  );
}

const WORDS = { idle: "Copy", copied: "Copied", failed: "Select and copy by hand" } as const;

/** Browsers offer the clipboard on secure pages alone; the old way works on all. */
async function writeClipboard(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.className = "fixed top-0 opacity-0";
  document.body.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  if (!isDone) throw new Error("the browser refused");
}
