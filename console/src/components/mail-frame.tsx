/**
 * Mail as a reader sees it, in a frame that can do nothing: no script, no network, no form, no way out. The frame's own
 * document brings the policy for that; the mail is put into it. Tracked links are outlined, others dashed.
 */
import { useEffect, useRef } from "react";

import type { IsTracked } from "../tracked-url.ts";

const MARKS = `
<style>
  html { padding: 12px; }
  [data-link] { text-decoration: underline; outline: 2px dashed #a62b1f; outline-offset: 1px; }
  [data-link="tracked"] { outline: 2px solid #2454c6; }
  a[data-link]:not([style*="color"]) { color: #0000ee; }
  img { display: inline-block; min-width: 1px; background: #eef0f3; outline: 1px solid #d5d9de; }
</style>`;

/** What the policy does not stop: these may look up a name or open a connection without a request. */
const NEVER_SHOWN = "script, link, meta, base, iframe, frame, object, embed, portal";
/** What may load something, lead away or send something. */
const REACHING = new Set([
  ..."href xlink:href src srcset background poster data action formaction ping longdesc cite manifest".split(
    " ",
  ),
]);

/**
 * Parsed where nothing of it is loaded, by the frame's own parser, which minds the frame's policy and not the page's.
 * What could reach anybody is left out.
 */
function harmless(
  html: string,
  isTracked: IsTracked,
  { DOMParser: Parser }: Pick<typeof globalThis, "DOMParser">,
): string {
  const mail = new Parser().parseFromString(html, "text/html");
  for (const element of mail.querySelectorAll(NEVER_SHOWN)) element.remove();
  for (const element of mail.querySelectorAll("*")) {
    const target = element.matches("a, area") ? element.getAttribute("href") : null;
    for (const { name } of [...element.attributes]) {
      if (REACHING.has(name) || name.startsWith("on")) element.removeAttribute(name);
    }
    if (target === null) continue;
    element.setAttribute("data-link", isTracked(target) ? "tracked" : "other");
    element.setAttribute("title", target);
  }
  return mail.documentElement.innerHTML;
}

export function MailFrame({
  html,
  isTracked,
  title,
}: {
  readonly html: string;
  readonly isTracked: IsTracked;
  readonly title: string;
}) {
  const frame = useRef<HTMLIFrameElement>(null);
  useEffect(() => {
    const shown = frame.current;
    if (shown === null) return;
    const fill = () => {
      const window = shown.contentWindow as (Window & typeof globalThis) | null;
      if (window !== null)
        window.document.documentElement.innerHTML = harmless(html, isTracked, window) + MARKS;
    };
    if (shown.contentDocument?.readyState === "complete" && shown.contentDocument.title === "Mail") fill();
    shown.addEventListener("load", fill);
    return () => shown.removeEventListener("load", fill);
  }, [html, isTracked]);
  return (
    <iframe
      ref={frame}
      title={title}
      src="/preview.html"
      sandbox="allow-same-origin"
      className="h-[480px] w-full rounded-2 border border-line bg-[#fff] [color-scheme:light]"
    />
  );
}
