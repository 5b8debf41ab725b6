/** A long name or URL on one line, shortened in the middle so that both ends can be read. It copies whole. */
import { type ClipboardEvent, useLayoutEffect, useRef, useState } from "react";

const TAIL_CHARS = 14;

export function Middle({ text, tail = TAIL_CHARS }: { readonly text: string; readonly tail?: number }) {
  const box = useRef<HTMLSpanElement>(null);
  const [shown, setShown] = useState(text);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const fit = () => setShown(fitted(text, tail, element));
    fit();
    const observer = new ResizeObserver(fit);
    observer.observe(element);
    return () => observer.disconnect();
  }, [text, tail]);
  const isWhole = shown === text;
  const copyWhole = (event: ClipboardEvent) => {
    if (isWhole) return;
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  };
  return (
    // Its width is that of the whole text, which stands there unseen: it grows again when there is more room.
    <span
      ref={box}
      title={text}
      data-whole={text}
      onCopy={copyWhole}
      className="relative block min-w-0 max-w-full overflow-hidden whitespace-nowrap before:invisible before:block before:h-0 before:content-[attr(data-whole)]"
    >
      {isWhole ? (
        text
      ) : (
        <>
          <span aria-hidden="true">{shown}</span>
          <span className="sr-only">{text}</span>
        </>
      )}
    </span>
  );
}

const ruler = document.createElement("canvas").getContext("2d");

/** As much of the text as there is room for. */
function fitted(text: string, tail: number, element: HTMLElement): string {
  const { clientWidth, scrollWidth } = element;
  if (ruler === null || scrollWidth <= clientWidth) return text;
  ruler.font = getComputedStyle(element).font;
  const widthOf = (part: string) => ruler.measureText(part).width;
  // A canvas may measure a little otherwise than the page does.
  const room = (clientWidth - 1) * (widthOf(text) / scrollWidth);
  let [most, tooMany] = [1, text.length];
  while (tooMany - most > 1) {
    const half = Math.floor((most + tooMany) / 2);
    if (widthOf(withoutMiddle(text, half, tail)) <= room) most = half;
    else tooMany = half;
  }
  return withoutMiddle(text, most, tail);
}

/** Both ends, `kept` characters in all. */
function withoutMiddle(text: string, kept: number, tail: number): string {
  const end = Math.min(tail, Math.floor(kept / 2));
  return `${text.slice(0, kept - end)}…${text.slice(text.length - end)}`;
}
