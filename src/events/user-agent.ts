/**
 * `user_agent_parsed` of an event: names in the words of ua-parser's lists, which SparkPost's own follow ("Other" for
 * what is not known). Browsers and systems are bowser's to know; mail programs and proxies, which say that they are
 * browsers, are our tables'.
 */
import bowser from "bowser";

import { USER_AGENT_RULES } from "./classification-rules.ts";
import { APP_PATTERN, MAIL_PROGRAMS } from "./mail-programs.ts";
import { remembered } from "./remembered.ts";

export interface ParsedUserAgent {
  readonly agent_family: string;
  readonly device_brand: string;
  readonly device_family: string;
  readonly os_family: string;
  readonly os_version: string;
  readonly is_mobile: boolean;
  readonly is_proxy: boolean;
  readonly is_prefetched: boolean;
}

/** As long as what the edge records. */
const MAX_CHARS = 1024;
const REMEMBERED = 10_000;
const UNKNOWN = "Other";

const parse = remembered(REMEMBERED, parseAnew);

/** Never throws: anything may stand there. Known ones are remembered. */
export function parseUserAgent(userAgent: string): ParsedUserAgent {
  return parse(userAgent.length > MAX_CHARS ? userAgent.slice(0, MAX_CHARS) : userAgent);
}

function parseAnew(userAgent: string): ParsedUserAgent {
  const rule = USER_AGENT_RULES.find(({ on, matches }) => on !== "clicks" && matches(userAgent));
  const marks = {
    is_proxy: rule?.marks.includes("proxy") ?? false,
    is_prefetched: rule?.marks.includes("prefetched") ?? false,
  };
  // What a proxy says of a browser or a system is not the recipient's.
  if (rule?.family !== undefined) return { ...NOTHING_KNOWN, agent_family: rule.family, ...marks };
  return { ...describe(userAgent), ...marks };
}

const NOTHING_KNOWN = {
  agent_family: UNKNOWN,
  device_brand: UNKNOWN,
  device_family: UNKNOWN,
  os_family: UNKNOWN,
  os_version: "",
  is_mobile: false,
} as const;

function describe(userAgent: string): Omit<ParsedUserAgent, "is_proxy" | "is_prefetched"> {
  const found = parsedByBowser(userAgent);
  if (found === undefined) return NOTHING_KNOWN;
  const { browser, os, platform } = found;
  const isMobile = platform.type === "mobile" || platform.type === "tablet";
  const mailProgram = MAIL_PROGRAMS.find(({ pattern }) => pattern.test(userAgent));
  const app = APP_PATTERN.exec(userAgent) === null ? undefined : appName(userAgent);
  return {
    agent_family: mailProgram?.family ?? app ?? browserName(browser.name, os.name, isMobile),
    ...deviceOf(platform, os.name),
    os_family: OS_FAMILIES.get(os.name ?? "") ?? (os.name || UNKNOWN),
    // "NT 10.0" is Windows 10 to everybody.
    os_version: (os.name === "Windows" ? os.versionName : os.version) ?? "",
    is_mobile: isMobile,
  };
}

/** `undefined` when bowser finds no way to read it. */
function parsedByBowser(userAgent: string): bowser.Parser.ParsedResult | undefined {
  if (userAgent === "") return undefined;
  try {
    return bowser.parse(userAgent);
  } catch {
    // It reads strangers' text with hundreds of expressions: what it trips over is unknown to us.
    return undefined;
  }
}

const OS_FAMILIES = new Map([["macOS", "Mac OS X"]]);

const MODELS = new Map([
  ["iphone", "iPhone"],
  ["ipad", "iPad"],
]);

const BROWSER_FAMILIES = new Map([
  ["Microsoft Edge", "Edge"],
  ["Internet Explorer", "IE"],
  ["Samsung Internet for Android", "Samsung Internet"],
  ["Google Search", "Google"],
]);

const MOBILE_FAMILIES = new Map([
  ["Chrome", "Chrome Mobile"],
  ["Firefox", "Firefox Mobile"],
  ["Safari", "Mobile Safari"],
  ["Microsoft Edge", "Edge Mobile"],
  ["Opera", "Opera Mobile"],
]);

function browserName(name: string | undefined, system: string | undefined, isMobile: boolean): string {
  if (name === undefined || name === "") return UNKNOWN;
  if (name === "Chrome" && system === "iOS") return "Chrome Mobile iOS";
  if (name === "Firefox" && system === "iOS") return "Firefox iOS";
  return (isMobile ? MOBILE_FAMILIES.get(name) : undefined) ?? BROWSER_FAMILIES.get(name) ?? name;
}

function deviceOf(
  { type, vendor, model }: bowser.Parser.PlatformDetails,
  system: string | undefined,
): Pick<ParsedUserAgent, "device_brand" | "device_family"> {
  if (system === "macOS") return { device_brand: "Apple", device_family: "Mac" };
  if (vendor !== undefined && model !== undefined)
    return { device_brand: vendor, device_family: MODELS.get(model) ?? model };
  if (type === "mobile") return { device_brand: vendor ?? "Generic", device_family: "Generic Smartphone" };
  if (type === "tablet") return { device_brand: vendor ?? "Generic", device_family: "Generic Tablet" };
  return { device_brand: vendor ?? UNKNOWN, device_family: UNKNOWN };
}

/** The product before the system's library, `okhttp` when there is none. */
function appName(userAgent: string): string {
  const [product = UNKNOWN] = userAgent.split("/", 1);
  return product;
}
