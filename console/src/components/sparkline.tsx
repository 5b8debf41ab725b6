/** A small line of a few numbers, with their sum beside it. */
import { formatNumber } from "../format.ts";

const WIDTH = 56;
const HEIGHT = 16;

export function Sparkline({ values, what }: { readonly values: readonly number[]; readonly what: string }) {
  const total = values.reduce((sum, value) => sum + value, 0);
  const most = Math.max(...values, 1);
  const points = values.map((value, index) => {
    const x = (index / Math.max(values.length - 1, 1)) * (WIDTH - 2) + 1;
    const y = HEIGHT - 2 - (value / most) * (HEIGHT - 4);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <span className="inline-flex items-center gap-2 align-top" title={values.map(formatNumber).join(", ")}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" className="h-4 w-14 shrink-0 text-accent">
        <polyline fill="none" stroke="currentColor" strokeWidth="1.5" points={points.join(" ")} />
      </svg>
      <span className="figures">
        {formatNumber(total)}
        <span className="sr-only"> {what}</span>
      </span>
    </span>
  );
}
