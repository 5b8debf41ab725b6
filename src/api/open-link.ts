/** `POST /api/v1/links/open`: what a tracked URL holds, for whoever could have made it. */
import { type Static, Type } from "typebox";

import { AppError } from "../domain/errors.ts";
import { EVENT_TYPES } from "../domain/event.ts";
import { canonicalHostname } from "../domain/hostname.ts";
import { PRIMARY_ACCOUNT, type SubaccountId } from "../domain/subaccount.ts";
import type { TrackingDomain } from "../domain/tracking-domain.ts";
import type { KeyRing } from "../token/key-ring.ts";
import { type LinkToken, openLink } from "../token/link-token.ts";
import { type Call, type Reply, type Route, results, routeWithBody } from "./route.ts";

export interface OpenLinkDeps {
  readonly keys: () => KeyRing;
  readonly trackingDomains: {
    find(domain: string, scope: SubaccountId | "all"): Promise<TrackingDomain | undefined>;
  };
  readonly now: () => number;
}

const MAX_URL_CHARS = 16 * 1024;
const OPEN = Type.Object({
  url: Type.String({
    maxLength: MAX_URL_CHARS,
    description: "A tracked link's or pixel's whole URL.",
    example: "http://example.domain.com/e/ATTDI_uoK9GqON809dm_oceOuq6nnaWudGZYtM0eRN0G",
  }),
});
const LINK = Type.Object(
  {
    type: Type.Enum([...EVENT_TYPES], { description: "The event that it records." }),
    target_link_url: Type.Optional(Type.String({ description: "Where a click leads." })),
    target_link_name: Type.Optional(Type.String()),
    message_id: Type.String(),
    rcpt_to: Type.String(),
    injection_time: Type.String({ format: "date-time", description: "When the message was wrapped." }),
    expires_at: Type.Optional(
      Type.String({
        format: "date-time",
        description: "From then on a click redirects and records nothing.",
      }),
    ),
    expired: Type.Boolean(),
    subaccount_id: Type.Optional(Type.Integer({ minimum: 1 })),
    host: Type.String({ description: "The host name in the URL." }),
    is_tracking_domain: Type.Boolean({
      description: "Whether the host is a tracking domain that the caller may see, and not deleted.",
    }),
  },
  { additionalProperties: false },
);

export function openLinkRoutes(deps: OpenLinkDeps): readonly Route[] {
  return [
    routeWithBody({
      method: "POST",
      url: "/api/v1/links/open",
      grant: "messages/wrap",
      tag: "Messages",
      summary: "Show what a tracked URL holds",
      description:
        "Records nothing and calls nobody. A URL of another subaccount is as unknown as one of another installation.",
      body: OPEN,
      replies: { 200: Type.Object({ results: LINK }, { additionalProperties: false }) },
      failures: [404],
      audited: false,
      handle: (call) => open(call, call.body, deps),
    }),
  ];
}

async function open(call: Call, { url }: Static<typeof OPEN>, deps: OpenLinkDeps): Promise<Reply> {
  const { read } = call.tenant;
  if (!URL.canParse(url)) throw new AppError("invalid_format", "field 'url' is not a URL");
  const { hostname, pathname } = new URL(url);
  const token = tokenIn(pathname, deps.keys());
  if (token === undefined || (read !== "all" && token.subaccountId !== read)) throw unknownLink();
  const host = canonicalHostname(hostname);
  const domain = await deps.trackingDomains.find(host, read);
  return results(toWire(token, { host, isTrackingDomain: domain !== undefined, nowMs: deps.now() }));
}

/** The token is the last segment: the ones before it are a sublink's. */
function tokenIn(pathname: string, ring: KeyRing): LinkToken | undefined {
  const path = /^\/e\/(?:.*\/)?([^/]+)\/?$/.exec(pathname);
  const opened = path?.[1] === undefined ? undefined : openLink(path[1], ring);
  return opened?.ok === true ? opened.token : undefined;
}

function toWire(
  token: LinkToken,
  {
    host,
    isTrackingDomain,
    nowMs,
  }: { readonly host: string; readonly isTrackingDomain: boolean; readonly nowMs: number },
): Static<typeof LINK> {
  const { expiresAtSeconds } = token;
  return {
    type: token.type,
    ...("target" in token ? { target_link_url: token.target } : {}),
    ...("linkName" in token && token.linkName !== undefined ? { target_link_name: token.linkName } : {}),
    message_id: token.messageId,
    rcpt_to: token.rcptTo,
    injection_time: isoTime(token.sentAtSeconds),
    ...(expiresAtSeconds === undefined ? {} : { expires_at: isoTime(expiresAtSeconds) }),
    expired: expiresAtSeconds !== undefined && nowMs >= expiresAtSeconds * 1000,
    ...(token.subaccountId === PRIMARY_ACCOUNT ? {} : { subaccount_id: token.subaccountId }),
    host,
    is_tracking_domain: isTrackingDomain,
  };
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

function unknownLink(): AppError {
  return new AppError(
    "not_found",
    "This is not a link of yours: another installation made it, or a part of it is missing or changed",
  );
}
