/** The oracle: a document's tree as parse5, which follows the HTML standard to the letter, builds it. */
import { type DefaultTreeAdapterTypes, parse } from "parse5";

import { ORIGIN, tokenOf } from "./support.ts";

/** No mail client runs scripts, so `<noscript>` is markup. */
const AS_MAIL = { scriptingEnabled: false };

/** As the URL standard strips it. */
function strip(value: string): string {
  return value.replace(/^[\0-\x20]+|[\0-\x20]+$/g, "").replace(/[\t\n\r]/g, "");
}

/** The tree that parse5 builds as text, links as their targets, the sender's markers left out. */
export function outline(html: string, seen?: string[]): string {
  const lines: string[] = [];
  const walk = (node: DefaultTreeAdapterTypes.Node, depth: number): void => {
    const indent = " ".repeat(depth);
    if ("attrs" in node) {
      const isLink = /^(a|area|v:.*)$/.test(node.tagName);
      const attrs = node.attrs
        .filter(({ name }) => !(isLink && name.startsWith("data-msys-")))
        .map(({ name, value }) => {
          if (!isLink || name !== "href") return `${name}=${JSON.stringify(value)}`;
          const token = tokenOf(value);
          const url = token !== undefined && "target" in token ? token.target : strip(value);
          if (token !== undefined) seen?.push(url);
          return `href=${JSON.stringify(url.toWellFormed())}`;
        });
      lines.push(`${indent}<${[node.tagName, ...attrs].join(" ")}>`);
    } else if (node.nodeName === "#comment" && "data" in node) {
      // Entities aren't decoded in a comment, so a conditional one is compared by its links' number elsewhere.
      lines.push(`${indent}<!--${node.data.startsWith("[if") ? "[if" : JSON.stringify(node.data)}-->`);
    } else if ("value" in node) {
      lines.push(`${indent}${JSON.stringify(node.value)}`);
    }
    if ("childNodes" in node) for (const child of node.childNodes) walk(child, depth + 1);
    if ("content" in node) walk(node.content, depth + 1);
  };
  walk(parse(html, AS_MAIL), 0);
  return lines.join("\n");
}

/** The types of the wrapped pixels that are `img` elements, in order; and whether one stands where it is no element. */
export function pixelsIn(html: string): { readonly types: readonly string[]; readonly misplaced: boolean } {
  const types: string[] = [];
  let misplaced = false;
  const walk = (node: DefaultTreeAdapterTypes.Node): void => {
    const source = "attrs" in node ? node.attrs.find(({ name }) => name === "src") : undefined;
    const type = tokenOf(source?.value ?? "")?.type;
    if (type !== undefined && "tagName" in node && node.tagName === "img") types.push(type);
    const text =
      "value" in node ? node.value : "data" in node && !node.data.startsWith("[if") ? node.data : "";
    if (text.includes(ORIGIN)) misplaced = true;
    if ("childNodes" in node) for (const child of node.childNodes) walk(child);
    if ("content" in node) walk(node.content);
  };
  walk(parse(html, AS_MAIL));
  return { types, misplaced };
}
