/** What the API's codes say of an order for a certificate that came to nothing. */
const CERTIFICATE_PROBLEMS: Readonly<Record<string, string>> = {
  "acme:rejected_identifier": "The certificate authority issues none for this name.",
  "acme:dns":
    "The certificate authority, or Waypost before it, found DNS or CAA records that stand in the way.",
  "acme:unauthorized":
    "The certificate authority could not see over http that the domain leads to this installation.",
  "acme:temporary": "The certificate authority was not there, or asked to come back later.",
  "service:internal": "Waypost itself failed. Its log says why.",
};

export function certificateProblem(code: string): string {
  return CERTIFICATE_PROBLEMS[code] ?? `The order failed: ${code}.`;
}
