/** Events in a person's words. */
const TYPES: Readonly<Record<string, string>> = {
  click: "Click",
  open: "Open",
  initial_open: "First open",
  amp_click: "Click in AMP",
  amp_open: "Open in AMP",
  amp_initial_open: "First open in AMP",
  link_unsubscribe: "Unsubscribe",
};

export const EVENT_TYPES: readonly string[] = Object.keys(TYPES);

export function eventWord(type: string): string {
  return TYPES[type] ?? type;
}

/** Why an event is marked as somebody else's than a person's, behind the API's codes. */
const REASONS: Readonly<Record<string, string>> = {
  prefetch_header: "The request says that it is a prefetch",
  no_user_agent: "The program does not name itself",
  early_open_without_user_agent: "Right after sending, by a program that does not name itself",
  gmail_prefetch: "Gmail loaded images before the mail was shown",
  unreleased_browser: "A browser that was never released",
  apple_mail_privacy: "Apple's Mail Privacy Protection",
  bare_user_agent: "A name that no browser has",
  gmail_image_proxy: "Gmail's image proxy",
  yahoo_mail_proxy: "Yahoo's image proxy",
  gmail_actions: "A button of Gmail",
  image_proxy: "An image proxy",
  cdn: "A CDN that hides who asks",
  office_discovery: "Office, before it opens a link",
  security_scanner: "A security scanner",
  link_preview: "A preview of a link in a chat or a social network",
  mail_program: "A mail program",
  app: "An app",
  automated_client: "A crawler or a script",
  unknown_program: "A program that is no browser",
  barracuda_network: "From Barracuda's network",
  proofpoint_network: "From Proofpoint's network",
  mimecast_network: "From Mimecast's network",
  microsoft_mail_network: "From Microsoft's mail scanners",
  honeypot: "With the link that nobody sees",
  click_burst: "Many links within a second",
  early_click_series: "Many links right after sending",
  early_unsubscribe: "Unsubscribed and clicked right after sending",
};

/** With its code behind it. Reasons of an operator's own are what they are called. */
export function reasonWord(reason: string): string {
  const word = REASONS[reason];
  return word === undefined ? reason : `${word} (${reason})`;
}
