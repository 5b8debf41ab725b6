/** Whether links use https, and the certificate behind it. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import {
  bringCertificate,
  type Certificate,
  certificateQuery,
  type DomainCheck,
  domainQueries,
  removeCertificate,
  type TrackingDomain,
  updateDomain,
} from "../api/domains.ts";
import { Button } from "../components/button.tsx";
import { Dialog } from "../components/dialog.tsx";
import { explain, Failure } from "../components/failure.tsx";
import { CheckField, TextArea } from "../components/field.tsx";
import { Mark } from "../components/mark.tsx";
import { Loading } from "../components/page.tsx";
import { Ago, At, useNow } from "../components/time.tsx";
import { daysUntil, expiresSoon } from "../domain-state.ts";
import { formatCount } from "../format.ts";
import { useMay } from "../session-context.ts";
import { OrderState, Renew } from "./certificate-order.tsx";

export function Https({
  domain,
  newest,
}: {
  readonly domain: TrackingDomain;
  readonly newest: DomainCheck | undefined;
}) {
  const certificate = useQuery(certificateQuery(domain.domain));
  const mayManage = useMay("tracking_domains/manage");
  return (
    <div className="grid max-w-prose gap-4">
      <SecureSwitch domain={domain} />
      <OrderState domain={domain} newest={newest} />
      <NotReached domain={domain} />
      {certificate.data === undefined ? (
        certificate.error === null ? (
          <Loading rows={1} what="the certificate" />
        ) : (
          <Failure
            what="The certificate could not be loaded."
            error={certificate.error}
            retry={() => void certificate.refetch()}
          />
        )
      ) : certificate.data === null ? (
        domain.uses_managed_certificate !== true && (
          <p className="text-soft">
            Waypost has no certificate for this domain. None is needed when a proxy or CDN in front of the
            edge has one.
          </p>
        )
      ) : (
        <CertificateFacts certificate={certificate.data} />
      )}
      {mayManage && certificate.data !== undefined && (
        <CertificateActions domain={domain} certificate={certificate.data} />
      )}
    </div>
  );
}

function SecureSwitch({ domain }: { readonly domain: TrackingDomain }) {
  const mayManage = useMay("tracking_domains/manage");
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: () => updateDomain(domain, { secure: !domain.secure }),
    onSuccess: () => queries.invalidateQueries({ queryKey: domainQueries.all }),
  });
  return (
    <div>
      <CheckField
        label="Links use https"
        help="From the next check on that reaches this installation over https; until then new links use http on the same domain."
        checked={domain.secure}
        disabled={!mayManage || change.isPending}
        onChange={() => change.mutate()}
      />
      {change.isError && (
        <p role="alert" className="mt-1 text-bad">
          {explain(change.error)}
        </p>
      )}
    </div>
  );
}

/** Of a domain without an order: an order's state says the rest by itself. */
function NotReached({ domain: { secure, status, usesHttpForNow } }: { readonly domain: TrackingDomain }) {
  const { verified, tls_status } = status;
  const isTold = tls_status !== undefined && tls_status !== "valid";
  if (!secure || !verified || usesHttpForNow !== true || isTold) return null;
  return (
    <p>
      <Mark kind="wait">
        No check has reached this installation over https yet, or not the last ones: new links use http for
        now. Check now, above, looks again and says what it saw.
      </Mark>
    </p>
  );
}

function CertificateFacts({ certificate }: { readonly certificate: Certificate }) {
  const now = useNow(60_000);
  const days = daysUntil(certificate.expires_at, now);
  return (
    <div>
      <p>
        <Mark kind={days < 0 ? "bad" : expiresSoon(certificate.expires_at, now) ? "wait" : "good"}>
          {days < 0 ? "Certificate expired" : `Certificate expires in ${formatCount(days, "day")}`}
        </Mark>
      </p>
      <dl className="mt-2 grid grid-cols-[100px_minmax(0,1fr)] gap-x-4 gap-y-1">
        <dt className="text-soft">Expires</dt>
        <dd>
          <At at={certificate.expires_at} />
        </dd>
        <dt className="text-soft">Issued</dt>
        <dd>
          <Ago at={certificate.issued_at} />, by {certificate.issuer}
        </dd>
        <dt className="text-soft">Renewal</dt>
        <dd>{certificate.source === "acme" ? "By Waypost itself" : "By whoever brought it"}</dd>
      </dl>
    </div>
  );
}

function CertificateActions({
  domain,
  certificate,
}: {
  readonly domain: TrackingDomain;
  readonly certificate: Certificate | null;
}) {
  const [open, setOpen] = useState<"bring" | "remove">();
  const close = () => setOpen(undefined);
  return (
    <div>
      <div className="flex flex-wrap gap-2">
        <Renew domain={domain} certificate={certificate} />
        <Button onClick={() => setOpen("bring")}>
          {certificate === null ? "Bring a certificate" : "Replace the certificate"}
        </Button>
        {certificate !== null && (
          <Button look="danger" onClick={() => setOpen("remove")}>
            Remove it …
          </Button>
        )}
      </div>
      {open === "bring" && <BringCertificate domain={domain} onClose={close} />}
      {open === "remove" && <RemoveCertificate domain={domain} onClose={close} />}
    </div>
  );
}

interface CertificateDialogProps {
  readonly domain: TrackingDomain;
  readonly onClose: () => void;
}

function BringCertificate({ domain, onClose }: CertificateDialogProps) {
  const [certificate, setCertificate] = useState("");
  const [key, setKey] = useState("");
  const queries = useQueryClient();
  const bring = useMutation({
    mutationFn: () => bringCertificate(domain, { certificate, private_key: key }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: domainQueries.all });
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    bring.mutate();
  };
  return (
    <Dialog title={`A certificate for ${domain.domain}`} onClose={onClose} isKept>
      <form onSubmit={submit} className="grid gap-4">
        <TextArea
          label="Certificate and those that signed it, in PEM form"
          required
          rows={6}
          placeholder="-----BEGIN CERTIFICATE-----"
          value={certificate}
          onChange={(event) => setCertificate(event.target.value)}
        />
        <TextArea
          label="Its private key, in PEM form"
          required
          rows={4}
          placeholder="-----BEGIN PRIVATE KEY-----"
          value={key}
          onChange={(event) => setKey(event.target.value)}
          help="Stored encrypted, and never shown again."
        />
        {bring.isError && (
          <p role="alert" className="text-bad">
            {explain(bring.error)}
          </p>
        )}
        <div className="flex flex-wrap justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={bring.isPending ? "Saving …" : undefined}>
            Use this certificate
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function RemoveCertificate({ domain, onClose }: CertificateDialogProps) {
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => removeCertificate(domain),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: domainQueries.all });
      onClose();
    },
  });
  return (
    <Dialog title={`Remove the certificate of ${domain.domain}?`} onClose={onClose}>
      <p>
        New links use http. Links that were already sent with https stop working, unless a proxy or CDN in
        front has a certificate of its own.
      </p>
      {remove.isError && (
        <p role="alert" className="mt-3 text-bad">
          {explain(remove.error)}
        </p>
      )}
      <div className="mt-5 flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>Keep it</Button>
        <Button
          look="danger"
          onClick={() => remove.mutate()}
          busy={remove.isPending ? "Removing …" : undefined}
        >
          Remove the certificate
        </Button>
      </div>
    </Dialog>
  );
}
