/**
 * Raw messages (RFC 5322, MIME): wrapped by byte offsets, so that everything but the changed lines of the text parts
 * goes out byte for byte as it came, header order, folding, line endings, preamble and epilogue included.
 */
import { MessageWalker, type Segment } from "./mime-walker.ts";
import { type CompileOptions, type Recipient, resolveOptions } from "./options.ts";
import type { LinkReport, SkippedPart } from "./report.ts";
import { createInserter, type Inserter } from "./splice.ts";

export interface MessageOptions extends CompileOptions {
  /** Fields of the message's own header that are left out, such as `x-msys-api`. Default: none. */
  readonly dropFields?: readonly string[];
}

export interface CompiledMessage {
  readonly links: readonly LinkReport[];
  /** Parts that go out as they came although they are text, and why. */
  readonly skipped: readonly SkippedPart[];
  /** Whether a recipient who agreed to it gets a pixel. */
  readonly hasPixel: boolean;
  /** The message for one recipient. Never throws. */
  render(recipient: Recipient): Buffer;
}

/** Parses a message once, to be rendered for many. Keeps `raw`, which must not be changed. Never throws. */
export function compileMessage(raw: Buffer, options: MessageOptions): CompiledMessage {
  const walker = createWalker(options);
  const segments = [...walker.write(raw), ...walker.end()];
  const settings = resolveOptions(options);
  return {
    links: walker.links,
    skipped: walker.skipped,
    hasPixel: walker.hasPixel,
    render: (recipient) => Buffer.concat(renderAll(segments, createInserter(recipient, settings))),
  };
}

export interface MessageWrapper {
  /** The bytes that are ready after another chunk, which must not be changed afterwards. Any chunking gives the same message. */
  write(chunk: Buffer): Buffer[];
  /** The rest of the message. */
  end(): Buffer[];
  /** Complete after `end`. */
  readonly links: readonly LinkReport[];
  readonly skipped: readonly SkippedPart[];
  readonly hasPixel: boolean;
}

/** Wraps one message for one recipient as it comes, in memory that doesn't grow with its attachments. Never throws. */
export function createMessageWrapper(recipient: Recipient, options: MessageOptions): MessageWrapper {
  const walker = createWalker(options);
  const insert = createInserter(recipient, resolveOptions(options));
  return {
    links: walker.links,
    skipped: walker.skipped,
    get hasPixel() {
      return walker.hasPixel;
    },
    write: (chunk) => renderAll(walker.write(chunk), insert),
    end: () => renderAll(walker.end(), insert),
  };
}

function createWalker(options: MessageOptions): MessageWalker {
  const dropFields = (options.dropFields ?? []).map((name) => name.toLowerCase());
  return new MessageWalker({ settings: resolveOptions(options), dropFields });
}

function renderAll(segments: readonly Segment[], insert: Inserter): Buffer[] {
  return segments.flatMap((segment) => (Buffer.isBuffer(segment) ? [segment] : segment.render(insert)));
}
