/** Who is behind an event. */
import type { MarkKind } from "./components/mark.tsx";

interface Marks {
  readonly is_bot: boolean;
  readonly is_prefetched: boolean;
  readonly is_proxy: boolean;
}

/** Who did it, as far as Waypost can tell. The strongest word wins: what a bot did through a proxy, a bot did. */
export function whoDidIt({ is_bot, is_prefetched, is_proxy }: Marks): {
  readonly word: string;
  readonly kind: MarkKind;
} {
  if (is_bot) return { word: "Bot", kind: "off" };
  if (is_prefetched) return { word: "Prefetch", kind: "off" };
  if (is_proxy) return { word: "Image proxy", kind: "off" };
  return { word: "Person", kind: "good" };
}
