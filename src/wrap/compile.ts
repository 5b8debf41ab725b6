/**
 * Link wrapping as a library: no server, no network, no clock. Content is parsed once and rendered per recipient.
 *
 *     import { compile } from "waypost/wrap";
 *     import { openSealedKeyRing } from "waypost/token";
 *
 *     const ring = openSealedKeyRing(readFileSync("key-ring", "utf8"), process.env.WAYPOST_SECRET);
 *     const newsletter = compile({ html, text }, { origin: "https://click.acme.com", ring });
 *     for (const link of newsletter.links) if (!link.tracked) console.log(link.url, link.reason);
 *     for (const { address } of recipients) {
 *       const content = newsletter.render({
 *         messageId: newMessageId(), rcptTo: address, subaccountId: 0, sentAtSeconds: Math.floor(Date.now() / 1000),
 *       });
 *       await send(address, content.html, content.text);
 *     }
 *
 * Promises: every byte outside a wrapped URL, an inserted pixel and a removed `data-msys-…` marker is the sender's; wrapping twice
 * equals wrapping once (but a link that opted out by a marker is only known by it: keep the markers then); no input makes it throw; time grows with the length of the input. What can't be wrapped safely
 * stays as it came, and `links` says why.
 */
import { scanHtml } from "./html.ts";
import { type CompileOptions, type Recipient, resolveOptions, type Settings } from "./options.ts";
import type { LinkReport, Part } from "./report.ts";
import { createInserter, hasPixelAmong, Template } from "./splice.ts";
import { scanText } from "./text.ts";

/** The parts of a message, named as in the API. Absent parts stay absent. */
export type Content = { readonly [P in Part]?: string };

export interface CompiledContent {
  /** Every link in the order html, text, amp_html, tracked or not. */
  readonly links: readonly LinkReport[];
  /** Whether a recipient who agreed to it gets a pixel. */
  readonly hasPixel: boolean;
  /** The content for one recipient. The same recipient gives the same text. Never throws. */
  render(recipient: Recipient): Content;
}

const PARTS = ["html", "text", "amp_html"] as const satisfies readonly Part[];

/** Finds what must change, once. See the head of this file. Never throws. */
export function compile(content: Content, options: CompileOptions): CompiledContent {
  const settings = resolveOptions(options);
  const compiled = PARTS.flatMap((part) => {
    const source = content[part];
    return source === undefined ? [] : [compilePart(part, source, settings)];
  });
  return {
    links: compiled.flatMap(({ links }) => links),
    hasPixel: compiled.some(({ hasPixel }) => hasPixel),
    render(recipient) {
      const insert = createInserter(recipient, settings);
      return Object.fromEntries(compiled.map(({ part, template }) => [part, template.render(insert)]));
    },
  };
}

function compilePart(part: Part, source: string, settings: Settings) {
  const scan = part === "text" ? scanText(source, {}, settings) : scanHtml(source, { part }, settings);
  const template = new Template(source, scan.edits);
  return { part, template, links: scan.links, hasPixel: hasPixelAmong(scan.edits) };
}
