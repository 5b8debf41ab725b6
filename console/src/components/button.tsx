/** Buttons and links that look like them. One primary action on a page at most. */
import type { ButtonHTMLAttributes, ReactNode } from "react";
import { Link } from "wouter";

type Look = "primary" | "plain" | "danger" | "quiet";

const SHAPE =
  "inline-flex items-center justify-center gap-2 min-h-9 px-3 rounded-1 border font-medium whitespace-nowrap select-none transition-colors duration-100 disabled:opacity-60 aria-disabled:opacity-60";
const LOOKS: Readonly<Record<Look, string>> = {
  primary: "bg-accent text-on-accent border-accent hover:brightness-110",
  plain: "bg-raised text-ink border-edge hover:bg-hover",
  danger: "bg-raised text-bad border-bad hover:bg-bad-tint",
  quiet: "border-transparent text-accent px-2 hover:bg-hover",
};

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly look?: Look;
  /** Says what is going on in the button's own place, and keeps it from being pressed again. */
  readonly busy?: string | undefined;
}

export function Button({ look = "plain", busy, children, className = "", ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={rest.disabled === true || busy !== undefined}
      className={`${SHAPE} ${LOOKS[look]} ${className}`}
    >
      {busy ?? children}
    </button>
  );
}

export function ButtonLink({
  href,
  look = "plain",
  children,
}: {
  readonly href: string;
  readonly look?: Look;
  readonly children: ReactNode;
}) {
  return (
    <Link href={href} className={`${SHAPE} ${LOOKS[look]}`}>
      {children}
    </Link>
  );
}
