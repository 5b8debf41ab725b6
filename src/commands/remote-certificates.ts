/** `waypost certs list|renew`: certificates of tracking domains, as a running server has them. */
import { DOMAINS, pathOf, tellingOwner } from "./named-domain.ts";
import { plain, printJson, printTable } from "./output.ts";
import { connect, field, listOf, type RemoteOptions } from "./remote.ts";
import { certificateWord } from "./state-words.ts";

export interface CertificateOptions extends RemoteOptions {
  readonly json?: true;
}

/** Of secure domains, those that need somebody first. */
export async function listCertificates(options: CertificateOptions): Promise<void> {
  const domains = listOf(await connect(options).call("GET", DOMAINS));
  const secure = domains
    .filter((domain) => field(domain, "secure") === true)
    .toSorted((one, other) => endOf(one).localeCompare(endOf(other)));
  if (options.json) return printJson(secure);
  printTable(
    secure,
    [
      { title: "DOMAIN", value: (domain) => field(domain, "domain"), flexible: true },
      { title: "CERTIFICATE", value: (domain) => certificateWord(domain) ?? "none here" },
      { title: "RENEWED BY", value: renewedBy },
      { title: "EXPIRES", value: (domain) => endOf(domain).slice(0, 10) },
      { title: "PROBLEM", value: (domain) => certificateOf(domain, "error_code") ?? "" },
    ],
    "No tracking domain is secure. Make one: waypost domains add click.example.com --secure",
  );
}

export async function renewCertificate(domain: string, options: CertificateOptions): Promise<void> {
  const remote = connect(options);
  const reply = await remote
    .call("POST", `${pathOf(domain)}/certificate/renew`)
    .catch(tellingOwner(domain, remote, options));
  const results = field(reply, "results");
  if (options.json) return printJson(results);
  console.log(plain(field(results, "message")));
}

function certificateOf(domain: unknown, name: string): unknown {
  return field(field(domain, "tls_certificate"), name);
}

/** Empty without a certificate: it sorts before all times. */
function endOf(domain: unknown): string {
  const end = certificateOf(domain, "expires_at");
  return typeof end === "string" ? end : "";
}

function renewedBy(domain: unknown): string {
  switch (field(domain, "uses_managed_certificate")) {
    case true:
      return "Waypost";
    case false:
      return "its owner";
    default:
      return "";
  }
}
