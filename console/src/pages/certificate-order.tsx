/** The certificate that Waypost orders by itself: how it stands with the order, and having another one ordered. */
import { useMutation, useQueryClient } from "@tanstack/react-query";

import {
  type Certificate,
  type DomainCheck,
  type DomainStatus,
  domainQueries,
  renewCertificate,
  type TrackingDomain,
} from "../api/domains.ts";
import { Button } from "../components/button.tsx";
import { explain } from "../components/failure.tsx";
import { Mark, type MarkKind } from "../components/mark.tsx";
import { orderProblem } from "../domain-state.ts";

const ORDER_WORDS: Readonly<
  Record<Exclude<NonNullable<DomainStatus["tls_status"]>, "valid">, readonly [MarkKind, string]>
> = {
  unknown: ["wait", "Waypost orders a certificate as soon as the domain is verified."],
  pending: ["wait", "A certificate is on order. Links use https once this domain is reached with it."],
  failed: ["bad", "The last order failed. Waypost tries again by itself."],
  unavailable: ["bad", "The certificate authority refuses this name."],
  expired: ["bad", "The certificate has ended: new links use http until there is another."],
};

/** How it stands with the certificate that Waypost orders by itself, and why the last order failed. A good one speaks for itself. */
export function OrderState({
  domain: { secure, status, uses_managed_certificate, tls_certificate },
  newest,
}: {
  readonly domain: TrackingDomain;
  readonly newest: DomainCheck | undefined;
}) {
  if (!secure || uses_managed_certificate !== true) return null;
  const { tls_status = "valid" } = status;
  const code = tls_certificate?.error_code ?? undefined;
  return (
    <>
      {tls_status !== "valid" && (
        <p>
          <Mark kind={ORDER_WORDS[tls_status][0]}>{ORDER_WORDS[tls_status][1]}</Mark>
        </p>
      )}
      {code !== undefined && (
        <p>
          {tls_status === "valid" && "The last renewal failed. "}
          {orderProblem(code, newest)} <code className="font-mono text-meta text-soft">{code}</code>
        </p>
      )}
    </>
  );
}

/** Of a certificate that Waypost orders: now, and not in its time. */
export function Renew({
  domain,
  certificate,
}: {
  readonly domain: TrackingDomain;
  /** `null`: there is none yet. */
  readonly certificate: Certificate | null;
}) {
  const queries = useQueryClient();
  const renew = useMutation({
    mutationFn: () => renewCertificate(domain),
    onSettled: () => queries.invalidateQueries({ queryKey: domainQueries.all }),
  });
  const { secure, status, uses_managed_certificate } = domain;
  const canOrder = secure && status.verified && uses_managed_certificate === true;
  if (!canOrder || status.tls_status === "pending") return null;
  return (
    <>
      <Button onClick={() => renew.mutate()} busy={renew.isPending ? "Asking …" : undefined}>
        {certificate === null ? "Order it now" : "Renew now"}
      </Button>
      <p role="status" className="order-last w-full max-w-prose empty:hidden">
        {renew.isSuccess &&
          "A new certificate is on order. It is used as soon as it is there, in a minute or so."}
        {renew.isError && <Mark kind="bad">{explain(renew.error)}</Mark>}
      </p>
    </>
  );
}
