/**
 * The files by which a tracking domain opens an app instead of a browser: they must be served by the domain itself,
 * without a redirect (Apple: Supporting associated domains; Android: Verify App Links).
 */
export const WELL_KNOWN_FILES = ["apple-app-site-association", "assetlinks.json"] as const;
export type WellKnownFile = (typeof WELL_KNOWN_FILES)[number];

/** Content by name, JSON as it is served. */
export type WellKnownFiles = { readonly [Name in WellKnownFile]?: string };

/** Apple's own limit for its file; Google names none. */
export const MAX_WELL_KNOWN_BYTES = 128 * 1024;
