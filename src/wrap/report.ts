/** What a compiled content says about its links and parts: every one is listed, tracked or with the reason why not. */

/** The kinds of part that are wrapped, named as the API's `content` names them. */
export type Part = "html" | "text" | "amp_html";

/** Why a link stays as the sender wrote it. */
export type LinkReason =
  /** Not an absolute http(s) URL: `mailto:`, `tel:`, `#top`, relative. */
  | "not_http"
  /** Holds an unexpanded marker: `{{…}}`, `*|…|*`, `%%…%%`, `[[…]]`. */
  | "template_marker"
  /** Begins with http(s):// and is no URL that a browser would open. */
  | "invalid_url"
  /** Marked `data-msys-clicktrack="0"`. */
  | "opted_out"
  /** Leads to a token that this installation sealed. */
  | "already_wrapped"
  /** The wrapped URL could have more than `maxUrlBytes`. */
  | "too_long"
  /** What the reader sees is itself a URL, and `skipUrlText` is set. */
  | "url_text"
  /** In text: where it ends can't be told, and a wrong guess would break it. */
  | "ambiguous_end"
  | "click_tracking_off"
  | "text_tracking_off"
  /** AMP allows https only, and the tracking domain isn't served over it. */
  | "amp_needs_https";

export interface LinkReport {
  /** As a browser would read it. */
  readonly url: string;
  readonly part: Part;
  readonly name?: string;
  readonly tracked: boolean;
  /** Present exactly when `tracked` is false. */
  readonly reason?: LinkReason;
}

/** Why a part of a raw message, or all of it, goes out byte for byte as it came. */
export type SkipReason =
  | "attachment"
  | "embedded_message"
  | "signed"
  | "encrypted"
  /** A DKIM signature covers the body, and `allowSignedBody` isn't set. */
  | "dkim_signed"
  | "unsupported_charset"
  | "unsupported_encoding"
  /** The header or the transfer encoding can't be read without guessing. */
  | "malformed"
  | "too_large"
  | "amp_needs_https";

export interface SkippedPart {
  /** For instance `text/html`. The whole message is `message/rfc822`. */
  readonly contentType: string;
  readonly reason: SkipReason;
}
