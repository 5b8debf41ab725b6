/** What `waypost wrap` can be given, named as the API's `content` names it but for a whole message. */
export const CONTENT_TYPES = ["html", "text", "amp_html", "message"] as const;
