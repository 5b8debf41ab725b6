/** `waypost certs list|renew`: certificates of tracking domains, as a running server has them. */
import { plain, printJson, printTable } from "./output.ts";
import { connect, field, listOf, type RemoteOptions } from "./remote.ts";

export async function listCertificates(options: RemoteOptions & { readonly json?: true }): Promise<void> {
  const domains = listOf(await connect(options).call("GET", "/api/v1/tracking-domains"));
  const secure = domains.filter((domain) => field(domain, "secure") === true);
  if (options.json) return printJson(secure);
  printTable(
    secure,
    [
      { title: "DOMAIN", value: (domain) => field(domain, "domain"), flexible: true },
      {
        title: "CERTIFICATE",
        value: (domain) => field(field(domain, "status"), "tls_status") ?? "own or none",
      },
      { title: "EXPIRES", value: (domain) => dayOf(field(field(domain, "tls_certificate"), "expires_at")) },
      { title: "PROBLEM", value: (domain) => field(field(domain, "tls_certificate"), "error_code") ?? "" },
    ],
    "No tracking domain uses https.",
  );
}

export async function renewCertificate(
  domain: string,
  options: RemoteOptions & { readonly json?: true },
): Promise<void> {
  const path = `/api/v1/tracking-domains/${encodeURIComponent(domain)}/certificate/enable`;
  const results = field(await connect(options).call("POST", path), "results");
  if (options.json) return printJson(results);
  console.log(plain(field(results, "message")));
}

function dayOf(time: unknown): string {
  return typeof time === "string" ? time.slice(0, 10) : "-";
}
