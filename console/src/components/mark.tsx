/** A state: a word, with a mark before it that differs in shape as well as in colour. */
import type { ReactNode } from "react";

export type MarkKind = "good" | "wait" | "bad" | "off";

const COLORS: Readonly<Record<MarkKind, string>> = {
  good: "text-good",
  wait: "text-wait",
  bad: "text-bad",
  off: "text-soft",
};

export function Mark({ kind, children }: { readonly kind: MarkKind; readonly children: ReactNode }) {
  return (
    <span className="inline-flex min-w-0 max-w-full items-start gap-2 align-top">
      <svg viewBox="0 0 12 12" aria-hidden="true" className={`mt-1 size-3 shrink-0 ${COLORS[kind]}`}>
        <Shape kind={kind} />
      </svg>
      <span className="min-w-0 overflow-hidden text-ellipsis">{children}</span>
    </span>
  );
}

function Shape({ kind }: { readonly kind: MarkKind }) {
  const stroke = { fill: "none", stroke: "currentColor", strokeWidth: 1.75, strokeLinecap: "round" } as const;
  switch (kind) {
    case "good":
      return <path {...stroke} strokeLinejoin="round" d="M1.5 6.5 4.5 9.5 10.5 2.5" />;
    case "wait":
      return (
        <>
          <circle {...stroke} cx="6" cy="6" r="5" strokeWidth={1.5} />
          <path {...stroke} strokeWidth={1.5} d="M6 3v3.2l2 1.3" />
        </>
      );
    case "bad":
      return <path {...stroke} d="M2 2 10 10M10 2 2 10" />;
    case "off":
      return <path {...stroke} d="M2 6h8" />;
  }
}
