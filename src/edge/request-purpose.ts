/**
 * What a request says it is for. Only what no person asked for says so: `Sec-Purpose` (Fetch standard, section 3.8;
 * `prefetch;prerender` is Chromium's), `Purpose` and `X-Moz` its forerunners in Chromium and Firefox, `X-Purpose`
 * Safari's, for thumbnails.
 */
import type { IncomingHttpHeaders } from "node:http";

import type { RequestPurpose } from "../domain/event.ts";

const PURPOSE_HEADERS = ["sec-purpose", "purpose", "x-purpose", "x-moz"] as const;

/** `undefined` for an ordinary request, and for a purpose that isn't known. */
export function requestPurpose(headers: IncomingHttpHeaders): RequestPurpose | undefined {
  for (const name of PURPOSE_HEADERS) {
    const value = headers[name];
    if (value !== undefined) return purposeOf(String(value).toLowerCase());
  }
  return undefined;
}

/** A structured field: an item with parameters (RFC 8941), of which one refines it. */
function purposeOf(value: string): RequestPurpose | undefined {
  const [item = "", ...parameters] = value.split(";", MAX_PARAMETERS).map((part) => part.trim());
  if (item === "preview") return "preview";
  if (item !== "prefetch") return undefined;
  return parameters.includes("prerender") ? "prerender" : "prefetch";
}

const MAX_PARAMETERS = 8;
