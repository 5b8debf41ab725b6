/** Reads server-sent events (HTML Living Standard, section 9.2.6), as far as servers use them: `id`, `data`, comments. */
import { AppError } from "../domain/errors.ts";

export interface ServerSentEvent {
  readonly id: string | undefined;
  /** Absent where only the place is told from which to go on. */
  readonly data: string | undefined;
}

const MAX_EVENT_CHARS = 4 * 1024 * 1024;

/** Ends with the stream. Throws `unavailable` when it breaks off. */
export async function* readEventStream(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of unbroken(body)) {
    rest += decoder.decode(chunk, { stream: true });
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    if (rest.length > MAX_EVENT_CHARS) throw new AppError("unavailable", "the server sent an endless event");
    for (const block of blocks) yield parseBlock(block);
  }
}

/** What is read, with a word that people understand when it breaks off. */
export async function* unbroken(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk;
  } catch (error) {
    throw new AppError("unavailable", "the connection to the server broke", { cause: error });
  }
}

function parseBlock(block: string): ServerSentEvent {
  const lines = block.split("\n");
  const valuesOf = (name: string): readonly string[] =>
    lines.flatMap((line) =>
      line.startsWith(`${name}:`) ? [line.slice(name.length + 1).replace(/^ /, "")] : [],
    );
  const data = valuesOf("data");
  return { id: valuesOf("id").at(-1), data: data.length === 0 ? undefined : data.join("\n") };
}
