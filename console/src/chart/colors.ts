/** The theme's colours for a canvas, which knows nothing of style sheets. */
import { useEffect, useState } from "react";

import { useTheme } from "../theme.ts";

const NAMES = ["accent", "second", "band", "line", "soft"] as const;
export type Colors = Readonly<Record<(typeof NAMES)[number], string>>;

/** New ones when the theme changes, by the reader or by the system. */
export function useColors(): Colors {
  const theme = useTheme();
  const [colors, setColors] = useState(readColors);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes what is read
  useEffect(() => {
    const read = () => setColors(readColors());
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", read);
    read();
    return () => system.removeEventListener("change", read);
  }, [theme]);
  return colors;
}

/** By way of an element: a variable's own text is not resolved. */
function readColors(): Colors {
  const probe = document.createElement("span");
  document.body.append(probe);
  const colors = NAMES.map((name) => {
    probe.style.color = `var(--color-${name})`;
    return [name, getComputedStyle(probe).color] as const;
  });
  probe.remove();
  return Object.fromEntries(colors) as Colors;
}
