/** The bytes of every reply the edge gives. */
import type { Decision } from "./decide.ts";

/** Everything the edge answers, by which replies are counted. `not_ready`: no snapshot yet. `limited`: too many requests from one address. */
export type ReplyKind = Decision["reply"] | "not_ready" | "limited";

export interface Reply {
  readonly status: number;
  /** Names and values in turn, as `writeHead` takes them. Nothing checks them again: visible ASCII and single spaces only. */
  readonly headers: string[];
  readonly body?: Buffer | string;
}

const SERVER = ["Server", "waypost"] as const;
const ROBOTS = "User-Agent: *\nDisallow: /\n";
const NOT_FOUND = "Not Found\n";
// The bytes SparkPost's tracker sends: a transparent 1x1 GIF of 44 bytes.
const PIXEL = Buffer.from(
  "47494638396101000100800000ffffffffffff21f904010a0001002c00000000010001000002024c01003b00",
  "hex",
);

const PIXEL_REPLY: Reply = withBody(200, "image/gif", PIXEL, ["Cache-Control", "no-cache, max-age=0"]);
const ROBOTS_REPLY: Reply = withBody(200, "text/plain", ROBOTS);
const NOT_FOUND_REPLY: Reply = withBody(404, "text/plain", NOT_FOUND);
const BLOCKED_REPLY: Reply = withBody(403, "text/plain", "Forbidden\n");
const METHOD_REPLY: Reply = withBody(405, "text/plain", "Method Not Allowed\n", ["Allow", "GET, HEAD"]);

/** For an edge that has no snapshot yet. */
export const NOT_READY_REPLY: Reply = withBody(503, "text/plain", "Not ready\n", ["Retry-After", "1"]);

/** SparkPost's answer to too many clicks in a short time. */
export const LIMITED_REPLY: Reply = BLOCKED_REPLY;

export function replyTo(decision: Decision): Reply {
  switch (decision.reply) {
    case "redirect":
      return redirectTo(decision.location);
    case "pixel":
      return PIXEL_REPLY;
    case "probe":
    case "acme_challenge":
      return withBody(200, "text/plain", decision.answer, ["Cache-Control", "no-store"]);
    case "well_known":
      return withBody(200, "application/json", decision.content);
    case "robots":
      return ROBOTS_REPLY;
    case "not_found":
      return NOT_FOUND_REPLY;
    case "blocked":
      return BLOCKED_REPLY;
    case "method_not_allowed":
      return METHOD_REPLY;
  }
}

function redirectTo(location: string): Reply {
  return {
    status: 302,
    headers: [
      "Server",
      "waypost",
      "Content-Type",
      "text/plain",
      "Location",
      location,
      "X-Robots-Tag",
      "noindex",
      "Content-Length",
      "0",
    ],
  };
}

function withBody(
  status: number,
  contentType: string,
  body: Buffer | string,
  more: readonly string[] = [],
): Reply {
  const length = String(Buffer.byteLength(body));
  const headers = [...SERVER, "Content-Type", contentType, "Content-Length", length, ...more];
  return { status, headers, body };
}
