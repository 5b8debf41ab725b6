/** How much is kept of what a recipient does. Installation, subaccount and recipient each say it; the strictest wins. */

/** From the least strict to the strictest: all; a keyed pseudonym instead of the person; nothing that leads to a person; nothing. */
export const PRIVACY_MODES = ["full", "pseudonymous", "anonymous", "off"] as const;
export type PrivacyMode = (typeof PRIVACY_MODES)[number];

export function strictest(...modes: readonly PrivacyMode[]): PrivacyMode {
  const strictness = Math.max(0, ...modes.map((mode) => PRIVACY_MODES.indexOf(mode)));
  return PRIVACY_MODES[strictness] ?? "off";
}
