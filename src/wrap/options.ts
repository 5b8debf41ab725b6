/** What a caller decides: once per content, and once per recipient. */
import type { MessageId } from "../domain/message-id.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { KeyRing } from "../token/key-ring.ts";

export interface CompileOptions {
  /** Where links lead: `https://click.acme.com`, with the port where it isn't the scheme's own. No slash at the end. */
  readonly origin: string;
  /** Seals the links of new messages, and recognises links that were wrapped before. */
  readonly ring: KeyRing;
  /** Default true. */
  readonly clickTracking?: boolean;
  /** Default true. */
  readonly openTracking?: boolean;
  /** The pixel at the top. Default: as `openTracking`. */
  readonly initialOpen?: boolean;
  /** Wrap links in text/plain too. Default true. */
  readonly textTracking?: boolean;
  /** Add an invisible link to HTML that gives scanners away. Default false. */
  readonly honeypot?: boolean;
  /** Leave `data-msys-…` attributes and markers in what is sent. Default false. */
  readonly keepMarkers?: boolean;
  /** Leave links alone whose visible text is itself a URL: filters take a mismatch for phishing. Default false. */
  readonly skipUrlText?: boolean;
  /** A link whose wrapped URL could become longer stays unwrapped. Default 4096. */
  readonly maxUrlBytes?: number;
  /** Raw messages only: wrap although a DKIM signature covers the body and won't verify afterwards. Default false. */
  readonly allowSignedBody?: boolean;
}

/** Which events a recipient agreed to; it can only take away from what the content's options allow. */
export type Tracking = "off" | "opens" | "clicks" | "full";

export interface Recipient {
  readonly messageId: MessageId;
  readonly rcptTo: string;
  readonly subaccountId: SubaccountId;
  readonly sentAtSeconds: number;
  /** Default `full`. */
  readonly tracking?: Tracking;
  /** Default: never. */
  readonly expiresAtSeconds?: number;
}

export type Settings = Required<CompileOptions>;

/** The options with their defaults filled in. */
export function resolveOptions(options: CompileOptions): Settings {
  const openTracking = options.openTracking ?? true;
  return {
    origin: options.origin,
    ring: options.ring,
    clickTracking: options.clickTracking ?? true,
    openTracking,
    initialOpen: options.initialOpen ?? openTracking,
    textTracking: options.textTracking ?? true,
    honeypot: options.honeypot ?? false,
    keepMarkers: options.keepMarkers ?? false,
    skipUrlText: options.skipUrlText ?? false,
    maxUrlBytes: options.maxUrlBytes ?? 4096,
    allowSignedBody: options.allowSignedBody ?? false,
  };
}
