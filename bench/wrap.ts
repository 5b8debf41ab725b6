/**
 * `npm run bench:wrap`: wrapping beside what users have today, in one run over the same input, the contenders
 * taking turns so that a busy machine is busy for all of them. Prints the medians.
 */
import { load } from "cheerio";
import { Tokenizer } from "htmlparser2";
import { type DefaultTreeAdapterTypes, parse, serialize } from "parse5";

import type { MessageId } from "../src/domain/message-id.ts";
import { createKeyRing } from "../src/token/key-ring.ts";
import { openLink, sealLink } from "../src/token/link-token.ts";
import { compile } from "../src/wrap/compile.ts";
import { createMessageWrapper } from "../src/wrap/mime.ts";
import type { Recipient } from "../src/wrap/options.ts";

const ROUNDS = 15;
const ROUND_MS = 60;
const ring = createKeyRing();
const options = { origin: "https://click.acme.example", ring };

function newsletter(bytes: number, links: number): string {
  const words = "Spring is here and so are the new arrivals, picked for you by our editors &amp; friends. ";
  const head = `<!doctype html><html><head><title>News</title><style>a{color:#06c;text-decoration:none}td{padding:8px}</style></head><body style="margin:0">\n<table role="presentation" width="600">\n`;
  const row = (i: number, text: string) =>
    `<tr><td style="font-family:Helvetica,Arial,sans-serif;font-size:14px;line-height:20px" class="c${i}"><p>${text}</p><a href="https://www.example.com/products/${i}?utm_source=news&amp;utm_medium=email&amp;id=${i * 7919}" style="color:#06c" target="_blank">Read more</a></td></tr>\n`;
  const foot = "</table></body></html>\n";
  const perRow = Math.floor((bytes - head.length - foot.length) / links) - row(100, "").length;
  const text = words
    .repeat(Math.ceil(perRow / words.length))
    .slice(0, Math.max(0, perRow))
    .replace(/&\w*$/, "");
  return head + Array.from({ length: links }, (_, i) => row(100 + i, text)).join("") + foot;
}

function recipient(i: number): Recipient {
  const messageId = i.toString(16).padStart(20, "0") as MessageId;
  return { messageId, rcptTo: `recipient${i}@example.net`, subaccountId: 7, sentAtSeconds: 1_790_000_000 };
}

let sequence = 0;

/** What every contender but ours does with a URL: the same token, so that only the rewriting differs. */
function wrapUrl(target: string): string {
  const facts = recipient(sequence);
  return `https://click.acme.example/e/${sealLink({ type: "click", target, ...facts }, ring)}`;
}

function nextWrapUrl(): (target: string) => string {
  sequence++;
  return wrapUrl;
}

const nothing = () => {};
const SILENT = {
  onattribdata: nothing,
  onattribentity: nothing,
  onattribend: nothing,
  onattribname: nothing,
  oncdata: nothing,
  onclosetag: nothing,
  oncomment: nothing,
  ondeclaration: nothing,
  onend: nothing,
  onopentagend: nothing,
  onopentagname: nothing,
  onprocessinginstruction: nothing,
  onselfclosingtag: nothing,
  ontext: nothing,
  ontextentity: nothing,
};

function tokenizeOnly(html: string): void {
  const tokenizer = new Tokenizer({ decodeEntities: false }, SILENT);
  tokenizer.write(html);
  tokenizer.end();
}

function withCheerio(html: string, url: (target: string) => string): string {
  const $ = load(html);
  $("a[href^=http]").each((_, element) => {
    $(element).attr("href", url($(element).attr("href") ?? ""));
  });
  return $.html();
}

type Node = DefaultTreeAdapterTypes.Node;

function withParse5(html: string, url: (target: string) => string): string {
  const document = parse(html);
  const stack: Node[] = [...document.childNodes];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if ("attrs" in node && node.tagName === "a") {
      for (const attr of node.attrs) if (attr.name === "href") attr.value = url(attr.value);
    }
    if ("childNodes" in node) stack.push(...node.childNodes);
  }
  return serialize(document);
}

function withRegex(html: string, url: (target: string) => string): string {
  return html.replace(
    /href="(https?:[^"]*)"/g,
    (_, target: string) => `href="${url(target.replaceAll("&amp;", "&"))}"`,
  );
}

const rates = new Map<string, number[]>();

/** Runs a contender for one round and notes its runs per second. */
function measure(name: string, run: () => void): void {
  const start = performance.now();
  let runs = 0;
  while (performance.now() - start < ROUND_MS) {
    run();
    runs++;
  }
  const rate = (runs * 1000) / (performance.now() - start);
  rates.set(name, [...(rates.get(name) ?? []), rate]);
}

function median(name: string): number {
  const sorted = (rates.get(name) ?? []).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function benchDocument(label: string, html: string): void {
  const unchanged = (target: string) => target;
  const parsing: Record<string, () => void> = {
    "bare Tokenizer": () => tokenizeOnly(html),
    "waypost compile": () => void compile({ html }, options),
    "parse5 tree and serialise": () => void withParse5(html, unchanged),
    "cheerio rewrite": () => void withCheerio(html, unchanged),
    "regex replace": () => void withRegex(html, unchanged),
  };
  const compiled = compile({ html }, options);
  const rendering: Record<string, () => void> = {
    "waypost render": () => void compiled.render(recipient(++sequence)),
    "waypost compile and render": () => void compile({ html }, options).render(recipient(++sequence)),
    "parse5 per recipient": () => void withParse5(html, nextWrapUrl()),
    "cheerio per recipient": () => void withCheerio(html, nextWrapUrl()),
    "regex per recipient": () => void withRegex(html, nextWrapUrl()),
  };
  rates.clear();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries({ ...parsing, ...rendering })) measure(name, run);
  }
  const megabytes = Buffer.byteLength(html) / 1e6;
  const bare = median("bare Tokenizer");
  console.log(`\n${label}: ${Buffer.byteLength(html)} bytes, ${compiled.links.length} links`);
  for (const name of Object.keys(parsing)) {
    console.log(
      `  ${name.padEnd(28)} ${(median(name) * megabytes).toFixed(1).padStart(8)} MB/s  ${(median(name) / bare).toFixed(2)} of the bare Tokenizer`,
    );
  }
  for (const name of Object.keys(rendering))
    console.log(`  ${name.padEnd(28)} ${median(name).toFixed(0).padStart(8)} messages/s`);
}

function benchTokens(): void {
  const token = {
    type: "click",
    target: "https://www.example.com/products/123?utm_source=news",
    ...recipient(1),
  } as const;
  const sealed = sealLink(token, ring);
  rates.clear();
  for (let round = 0; round < ROUNDS; round++) {
    measure("seal", () => {
      for (let i = 0; i < 100; i++) sealLink(token, ring);
    });
    measure("open", () => {
      for (let i = 0; i < 100; i++) openLink(sealed, ring);
    });
  }
  console.log(
    `\ntoken of ${sealed.length} characters: seal ${(1e4 / median("seal")).toFixed(2)} µs, open ${(1e4 / median("open")).toFixed(2)} µs`,
  );
}

/** A raw message with one large attachment, in the chunks a socket gives. */
function* largeMessage(megabytes: number): Generator<Buffer> {
  const html = newsletter(20_000, 25).replaceAll("\n", "\r\n");
  yield Buffer.from(
    `Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: text/html\r\n\r\n${html}\r\n--B\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n`,
  );
  const line = `${"QUJD".repeat(19)}\r\n`;
  const linesPerChunk = Math.floor(65_536 / line.length);
  const chunks = Math.ceil((megabytes * 1024 * 1024) / (linesPerChunk * line.length));
  for (let i = 0; i < chunks; i++) yield Buffer.from(line.repeat(linesPerChunk));
  yield Buffer.from("--B--\r\n");
}

function benchLargeMessage(): void {
  const before = process.memoryUsage().rss;
  const start = performance.now();
  const wrapper = createMessageWrapper(recipient(1), options);
  let bytes = 0;
  let peak = before;
  const count = (pieces: readonly Buffer[]) => {
    for (const piece of pieces) bytes += piece.length;
  };
  for (const chunk of largeMessage(50)) {
    count(wrapper.write(chunk));
    peak = Math.max(peak, process.memoryUsage.rss());
  }
  count(wrapper.end());
  const seconds = (performance.now() - start) / 1000;
  const mebibytes = (value: number) => (value / 1024 / 1024).toFixed(0);
  console.log(
    `\nraw message of ${mebibytes(bytes)} MiB in chunks: ${(bytes / 1e6 / seconds).toFixed(0)} MB/s, RSS ${mebibytes(before)} MiB before, ${mebibytes(peak)} MiB at most`,
  );
}

// First, while the process is still small.
benchLargeMessage();
benchTokens();
benchDocument("newsletter", newsletter(20_000, 25));
benchDocument("long newsletter", newsletter(100_000, 200));
