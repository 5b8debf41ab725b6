/** What became of webhooks' batches in this process: for /metrics. */
const OUTCOMES = ["delivered", "failed", "dead"] as const;
type Outcome = (typeof OUTCOMES)[number];

export class WebhookCounts {
  readonly #batches = new Map<Outcome, number>(OUTCOMES.map((outcome) => [outcome, 0]));
  #events = 0;

  count(outcome: Outcome, events: number): void {
    this.#batches.set(outcome, (this.#batches.get(outcome) ?? 0) + 1);
    this.#events += events;
  }

  batches(): Iterable<readonly [outcome: string, count: number]> {
    return this.#batches;
  }

  /** Delivered ones. */
  events(): number {
    return this.#events;
  }
}
