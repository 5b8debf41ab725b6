/**
 * Mail programs and apps by their user agents: people's, although hardly any of them looks like a browser. The first that matches is it.
 */
export interface MailProgram {
  readonly family: string;
  readonly pattern: RegExp;
}

export const MAIL_PROGRAMS: readonly MailProgram[] = [
  { family: "Thunderbird", pattern: /\bThunderbird\//i },
  { family: "Outlook iOS", pattern: /^Outlook-iOS\b/i },
  { family: "Outlook Android", pattern: /^Outlook-Android\b/i },
  { family: "Outlook", pattern: /\bMicrosoft Outlook\b|\bms-office\b|\bMSOffice\b/i },
  { family: "Samsung Email", pattern: /^SAMSUNG-Android email\b|\bSamsungEmail\//i },
  { family: "eM Client", pattern: /^eM ?Client\//i },
  { family: "Spark", pattern: /^Spark\/[\d.]+ \((?:Macintosh|iPhone|iPad|Android)/i },
  { family: "Yahoo Mail", pattern: /^YahooMobileMail\//i },
  { family: "Gmail", pattern: /\bcom\.google\.android\.gm\b/i },
  { family: "Naver Mail", pattern: /^NaverMailApp\b/i },
  { family: "Airmail", pattern: /\bAirmail\b/i },
  { family: "Mailspring", pattern: /\bMailspring\b/i },
  { family: "Mailbird", pattern: /\bMailbird\b/i },
  { family: "Postbox", pattern: /\bPostbox\//i },
  { family: "Evolution", pattern: /^Evolution\//i },
  { family: "KMail", pattern: /\bKMail\b/i },
  { family: "Zimbra", pattern: /\bZimbra Desktop\b/i },
  { family: "HCL Notes", pattern: /\bLotus-?Notes\b|\bHCL-?Notes\b/i },
  // Without `Version/… Safari/…` behind it, WebKit is an app's, and the app with remote images in it is the system's mail.
  {
    family: "Apple Mail",
    pattern:
      /^Mozilla\/5\.0 \((?:Macintosh|iPhone|iPad)[^)]*\) AppleWebKit\/[\d.]+ \(KHTML, like Gecko\)(?: Mobile\/\w+)?$/,
  },
];

/** What an app sends that opens a universal link (or an app link) without a browser: the libraries of the two systems. */
export const APP_PATTERN = /^okhttp\/|\bCFNetwork\/[\d.]+ Darwin\/|^Dalvik\/|\bAlamofire\//i;
