/** Copies a text whole, and says that it did. */
import { type MouseEvent, useEffect, useState } from "react";

const SHOWN_MS = 2000;

export function CopyButton({
  text,
  what,
  saysWhat = false,
}: {
  readonly text: string;
  readonly what: string;
  /** For everybody, where it does not stand beside it; else for screen readers alone. */
  readonly saysWhat?: boolean;
}) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = ({ currentTarget }: MouseEvent<HTMLElement>) =>
    writeClipboard(text, currentTarget).then(
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
      <span className={saysWhat && state !== "failed" ? "" : "sr-only"}> {what}</span>
    </button>
  );
}

const WORDS = { idle: "Copy", copied: "Copied", failed: "Select and copy by hand" } as const;

/** Browsers offer the clipboard on secure pages alone; the old way works on all. */
async function writeClipboard(text: string, button: HTMLElement): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.className = "fixed top-0 opacity-0";
  // What is beside an open dialog cannot be selected.
  (button.closest("dialog") ?? document.body).append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  if (!isDone) throw new Error("the browser refused");
}
