/** `waypost wrap` and `waypost token open`: what wrapping does to content, and what a tracked URL holds. */
import { isUtf8 } from "node:buffer";

import { AppError } from "../domain/errors.ts";
import { CONTENT_TYPES } from "./content-types.ts";
import { plain, printFacts, printJson, write } from "./output.ts";
import { connect, field, type Remote, type RemoteOptions } from "./remote.ts";
import { wordFor } from "./state-words.ts";
import { LINK_WORDS, PART_WORDS, UNTRACKED_WORDS } from "./wrap-words.ts";

export interface WrapCommandOptions extends RemoteOptions {
  readonly to?: string;
  readonly type?: string;
  readonly trackingDomain?: string;
  readonly sendingDomain?: string;
  readonly campaign?: string;
  readonly report?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

type ContentType = (typeof CONTENT_TYPES)[number];

const WRAP = "/api/v1/wrap";
const MAX_INPUT_BYTES = 64 * 1024 * 1024;
/** RFC 5322 section 3.6: a message begins with header fields. */
const LOOKS_LIKE_A_MESSAGE = /^(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+\r?\n/;

/** Standard input to standard output. The report goes to standard error, so that the output can be piped on. */
export async function wrapInput(options: WrapCommandOptions): Promise<void> {
  const input = await readInput();
  const type = parseType(options.type, input);
  // It would travel as JSON: other bytes would come back as other characters.
  const isText = isUtf8(input);
  if (!isText && (type !== "message" || options.json)) {
    throw new AppError(
      "invalid_utf8",
      "What came in is not UTF-8: only a whole message may be so, and without --json.",
    );
  }
  if (options.to === undefined && options.dryRun === undefined) {
    throw new AppError("missing_field", "--to ADDRESS says who the mail is for (or use --dry-run)");
  }
  const remote = connect(options);
  if (!isText) return wrapBytes(remote, input, options);
  const reply = await wrapped(remote, { input, type, options });
  const results = field(reply, "results");
  if (options.json) return printJson(results);
  const [message] = asList(field(results, "messages"));
  const content = field(field(message, "content"), type === "message" ? "email_rfc822" : type);
  if (typeof content === "string") process.stdout.write(content);
  if (options.report || options.dryRun) tellReport(results);
}

/** Shows what a tracked link or pixel holds. Records nothing. */
export async function openToken(
  url: string,
  options: RemoteOptions & { readonly json?: true },
): Promise<void> {
  const reply = await connect(options).call("POST", "/api/v1/links/open", { body: { url } });
  const link = field(reply, "results");
  if (options.json) return printJson(link);
  printFacts([
    ["Records", field(link, "type")],
    ["Leads to", field(link, "target_link_url")],
    ["Link name", field(link, "target_link_name")],
    ["Recipient", field(link, "rcpt_to")],
    ["Message", field(link, "message_id")],
    ["Wrapped", field(link, "injection_time")],
    ["Expires", field(link, "expires_at")],
    ["Subaccount", field(link, "subaccount_id")],
    [
      "Host",
      `${plain(field(link, "host"))}${field(link, "is_tracking_domain") === true ? "" : " (no tracking domain of yours)"}`,
    ],
  ]);
}

function wrapped(
  remote: Remote,
  { input, type, options }: { input: Buffer; type: ContentType; options: WrapCommandOptions },
): Promise<unknown> {
  const content = { [type === "message" ? "email_rfc822" : type]: input.toString() };
  const body = {
    content,
    recipients: [{ address: options.to ?? "somebody@example.com" }],
    ...(options.dryRun ? { dry_run: true } : {}),
    ...(options.trackingDomain === undefined ? {} : { tracking_domain: options.trackingDomain }),
    ...(options.sendingDomain === undefined ? {} : { sending_domain: options.sendingDomain }),
    ...(options.campaign === undefined ? {} : { campaign_id: options.campaign }),
  };
  return remote.call("POST", WRAP, { body });
}

/** A message of any bytes, as they are; what was done to it is asked for apart. */
async function wrapBytes(remote: Remote, input: Buffer, options: WrapCommandOptions): Promise<void> {
  const { to = "somebody@example.com", trackingDomain, sendingDomain, campaign } = options;
  const query = {
    rcpt_to: to,
    tracking_domain: trackingDomain,
    sending_domain: sendingDomain,
    campaign_id: campaign,
  };
  const sent = { body: input, contentType: "message/rfc822", query };
  if (!options.dryRun) {
    const response = await remote.open("POST", WRAP, sent);
    // Only once it is whole: half a message must not go out.
    await write(Buffer.from(await response.arrayBuffer()));
  }
  if (!options.report && !options.dryRun) return;
  const reply = await remote.call("POST", WRAP, { ...sent, query: { ...query, dry_run: "true" } });
  tellReport(field(reply, "results"));
}

function tellReport(results: unknown): void {
  const domain = field(results, "tracking_domain");
  console.error(
    domain === undefined
      ? plain(wordFor(field(results, "untracked_reason"), UNTRACKED_WORDS))
      : `Tracking domain: ${plain(domain)}`,
  );
  for (const link of asList(field(results, "links"))) {
    const mark = field(link, "tracked") === true ? "tracked  " : "untouched";
    const where = `${mark}  ${plain(field(link, "part"))}  ${plain(field(link, "url"))}`;
    console.error(`${where}${inBrackets(wordFor(field(link, "reason"), LINK_WORDS))}`);
  }
  for (const part of asList(field(results, "skipped"))) {
    const reason = wordFor(field(part, "reason"), PART_WORDS);
    console.error(`part left alone  ${plain(field(part, "content_type"))}${inBrackets(reason)}`);
  }
}

function inBrackets(reason: unknown): string {
  return reason === undefined ? "" : `  (${plain(reason)})`;
}

async function readInput(): Promise<Buffer> {
  if (process.stdin.isTTY)
    console.error("Reading HTML or a whole message from standard input; end with Ctrl-D.");
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_INPUT_BYTES) throw new AppError("body_too_large", "More than 64 MiB came in");
    chunks.push(chunk as Buffer);
  }
  if (bytes === 0) throw new AppError("missing_field", "Nothing came in on standard input");
  return Buffer.concat(chunks);
}

function parseType(text: string | undefined, input: Buffer): ContentType {
  if (text === undefined) {
    return LOOKS_LIKE_A_MESSAGE.test(input.toString("latin1", 0, 4096)) ? "message" : "html";
  }
  const type = CONTENT_TYPES.find((candidate) => candidate === text);
  if (type === undefined)
    throw new AppError("invalid_parameters", `--type must be one of ${CONTENT_TYPES.join(", ")}`);
  return type;
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
