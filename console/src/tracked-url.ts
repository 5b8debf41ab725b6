/** Which URLs of wrapped mail are tracked ones. Pure. */
import type { Wrapped } from "./api/messages.ts";

export type IsTracked = (url: string) => boolean;

/**
 * A tracked URL is on the tracking domain that the reply names. What the mail brought along is not, whatever it looks
 * like: the reply lists it as a link that stayed.
 */
export function trackedUrls({
  tracking_domain: domain,
  links,
}: Pick<Wrapped, "tracking_domain" | "links">): IsTracked {
  const stayed = new Set(links.filter(({ tracked }) => !tracked).map(({ url }) => url));
  return (url) =>
    domain !== undefined && !stayed.has(url.replaceAll("&amp;", "&")) && isOn(domain.toLowerCase(), url);
}

function isOn(domain: string, url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname, pathname } = new URL(url);
  return /^https?:$/.test(protocol) && hostname === domain && pathname.startsWith("/e/");
}
