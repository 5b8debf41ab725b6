/** What the tests of wrapping share: a key ring that never changes, a recipient, and a way to read what was wrapped. */

import type { MessageId } from "../../src/domain/message-id.ts";
import { type KeyRing, tokenKey } from "../../src/token/key-ring.ts";
import { type LinkToken, openLink } from "../../src/token/link-token.ts";
import type { CompileOptions, Recipient } from "../../src/wrap/options.ts";

const key = tokenKey(1, Buffer.alloc(32, 7));
export const RING: KeyRing = { current: key, keys: new Map([[1, key]]), probeKey: Buffer.alloc(32) };
export const ORIGIN = "http://click.acme.example";
export const OPTIONS: CompileOptions = { origin: ORIGIN, ring: RING };
export const RECIPIENT: Recipient = {
  messageId: "0123456789abcdef0123" as MessageId,
  rcptTo: "ada@example.com",
  subaccountId: 3,
  sentAtSeconds: 1_790_000_000,
};

/** A wrapped URL: origin, sublink, token. */
export const WRAPPED = /(https?:\/\/click\.acme\.example)\/e\/((?:[^\s"'<>/]+\/)*)([A-Za-z0-9_-]{40,})/g;

/** The token of a wrapped URL; `undefined` for any other text. */
export function tokenOf(url: string): LinkToken | undefined {
  if (!url.includes("://click.acme.example/e/")) return undefined;
  const opened = openLink(url.slice(url.lastIndexOf("/") + 1), RING);
  return opened.ok ? opened.token : undefined;
}

/** The text with every wrapped URL replaced by what its token says, to be read by people. */
export function legible(text: string): string {
  return text.replace(WRAPPED, (url, _origin, sublink: string) => {
    const token = tokenOf(url);
    if (token === undefined) return url;
    const parts: string[] = [token.type];
    if ("target" in token) parts.push(token.target);
    if ("linkName" in token) parts.push(`name=${token.linkName}`);
    if (sublink !== "") parts.push(`sublink=${sublink}`);
    return `⟦${parts.join(" ")}⟧`;
  });
}
