/**
 * The honeypot link: invisible in a message, so that whoever follows it is a machine that follows every link. Wrapping
 * puts it there, and classification knows it by its name and by where it leads: the edge's own `robots.txt`, which is
 * there on every tracking domain and harmless to fetch.
 */
export const HONEYPOT_LINK_NAME = "waypost:honeypot";
export const HONEYPOT_PATH = "/robots.txt";

export function isHoneypot(link: {
  readonly targetLinkName?: string;
  readonly targetLinkUrl?: string;
}): boolean {
  return link.targetLinkName === HONEYPOT_LINK_NAME && link.targetLinkUrl?.endsWith(HONEYPOT_PATH) === true;
}
