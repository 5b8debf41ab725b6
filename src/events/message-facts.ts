/** What is known of a message from the call that wrapped it: tokens stay short, and its events come out whole. */
export interface MessageFacts {
  /** Digits: one number for each call that wraps, or the caller's own. */
  readonly transmissionId: string;
  readonly campaignId?: string;
  readonly templateId?: string;
  readonly templateVersion?: string;
  readonly subject?: string;
  /** As in From:, `News <news@acme.com>`. */
  readonly friendlyFrom?: string;
  /** The envelope's sender, where bounces go. */
  readonly msgFrom?: string;
  readonly sendingDomain?: string;
  readonly ipPool?: string;
  /** Bytes of the content as it was handed in. */
  readonly msgSize?: number;
  readonly rcptMeta?: Readonly<Record<string, unknown>>;
  readonly rcptTags?: readonly string[];
  readonly openTracking: boolean;
  readonly clickTracking: boolean;
  readonly initialOpen: boolean;
  readonly ampEnabled: boolean;
}
