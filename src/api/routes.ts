/** Every route of the API, in one list. */
import type { Hostname } from "../domain/hostname.ts";
import type { CertificatePolicy } from "../domain/issuance.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { EdgePorts } from "../domain/tracking-domain.ts";
import type { EventStore } from "../events/event-store.ts";
import type { LiveTail } from "../events/live-tail.ts";
import type { PrivateRecorder } from "../events/message-recorder.ts";
import type { PrivacyRules } from "../events/privacy-rules.ts";
import type { KeyRing } from "../token/key-ring.ts";
import type { VerificationStore } from "../verification/verification-state.ts";
import type { Verification } from "../verification/verifier.ts";
import { type AuditStore, auditRoutes } from "./audit.ts";
import type { Authenticate } from "./authentication.ts";
import { type CertificateStore, certificateRoutes } from "./certificates.ts";
import { type DeepLinkStore, deepLinkRoutes } from "./deep-links.ts";
import { eventDocumentationRoutes } from "./event-documentation.ts";
import { eventExportRoutes } from "./event-export.ts";
import { eventStreamRoutes } from "./event-stream.ts";
import { eventRoutes } from "./events.ts";
import { type ApiKeyStore, keyRoutes } from "./keys.ts";
import { type ManagedCertificates, managedCertificateRoutes } from "./managed-certificates.ts";
import { type MetricDeps, metricRoutes } from "./metrics.ts";
import { openLinkRoutes } from "./open-link.ts";
import { type RecipientDeps, recipientRoutes } from "./recipients.ts";
import type { Route } from "./route.ts";
import { SearchTurns } from "./search-turns.ts";
import { type SendingDomainStore, sendingDomainRoutes } from "./sending-domains.ts";
import { type SessionStore, sessionRoutes } from "./sessions.ts";
import { type ShownSettings, settingsRoutes } from "./settings.ts";
import { type SubaccountStore, subaccountRoutes } from "./subaccounts.ts";
import { type TrackingDomainStore, trackingDomainRoutes } from "./tracking-domains.ts";
import { webhookEventRoutes } from "./webhook-events.ts";
import { type WebhookReplayStore, webhookReplayRoutes } from "./webhook-replays.ts";
import { type WebhookDeps, type WebhookStore, webhookRoutes } from "./webhooks.ts";
import { wrapRoutes } from "./wrap.ts";

/** What the API needs of the store. */
export interface ApiStore {
  readonly trackingDomains: TrackingDomainStore;
  readonly certificates: CertificateStore;
  readonly deepLinks: DeepLinkStore;
  readonly sendingDomains: SendingDomainStore;
  readonly subaccounts: SubaccountStore;
  readonly apiKeys: ApiKeyStore;
  readonly verification: Pick<VerificationStore, "findForCheck" | "listChecks" | "newestChecks">;
  readonly events: EventStore;
  readonly webhooks: WebhookStore;
  readonly webhookReplays: WebhookReplayStore;
  readonly sessions: SessionStore;
  readonly auditTrail: AuditStore;
}

export interface RouteDeps {
  readonly store: ApiStore;
  readonly messages: PrivateRecorder;
  readonly privacy: PrivacyRules;
  readonly eraseRecipient: RecipientDeps["erase"];
  readonly tail: LiveTail;
  readonly metrics: MetricDeps["metrics"];
  readonly keys: () => KeyRing;
  /** A private key as it may be stored. */
  readonly sealKey: (keyPem: string) => string;
  readonly isRestricted: (domain: Hostname) => boolean;
  readonly verify: (domain: Hostname, tenant: SubaccountId) => Promise<Verification>;
  readonly webhooks: Omit<WebhookDeps, "webhooks" | "now">;
  readonly certificatePolicy: CertificatePolicy;
  readonly managedCertificates: ManagedCertificates | undefined;
  readonly ports: EdgePorts;
  readonly honeypot: boolean;
  readonly cnameTarget: string;
  readonly supportEmail: string;
  readonly authenticate: Authenticate;
  readonly sessionLifetimeMs: number;
  readonly version: string;
  readonly settings: ShownSettings;
  readonly now: () => number;
}

export function createRoutes({ store, ...deps }: RouteDeps): readonly Route[] {
  const { now } = deps;
  const turns = new SearchTurns();
  return [
    ...trackingDomainRoutes({
      ...deps,
      trackingDomains: store.trackingDomains,
      verification: store.verification,
    }),
    ...certificateRoutes({ ...store, sealKey: deps.sealKey, now }),
    ...managedCertificateRoutes({ ...store, managedCertificates: deps.managedCertificates, now }),
    ...deepLinkRoutes(store),
    ...sendingDomainRoutes(store),
    ...subaccountRoutes({ ...store, privacy: deps.privacy, now }),
    ...keyRoutes({ ...store, now }),
    ...eventRoutes({ events: store.events, turns, now }),
    ...eventDocumentationRoutes(),
    ...eventExportRoutes({ events: store.events, turns, now }),
    ...eventStreamRoutes({ tail: deps.tail, apiKeys: store.apiKeys, now }),
    ...webhookRoutes({ ...deps.webhooks, webhooks: store.webhooks, now }),
    ...webhookReplayRoutes({ ...deps.webhooks, ...store }),
    ...webhookEventRoutes(),
    ...metricRoutes({ metrics: deps.metrics, now }),
    ...wrapRoutes({ ...store, ...deps }),
    ...recipientRoutes({ erase: deps.eraseRecipient }),
    ...openLinkRoutes({ ...store, keys: deps.keys, now }),
    ...sessionRoutes({
      ...store,
      authenticate: deps.authenticate,
      lifetimeMs: deps.sessionLifetimeMs,
      version: deps.version,
      now,
    }),
    ...auditRoutes(store),
    ...settingsRoutes(deps.settings),
  ];
}
