/** What a batch's failure codes mean: those of Node.js and undici, and the sender's own. */
const FAILURES: Readonly<Record<string, string>> = {
  timeout: "No answer in time",
  forbidden_address: "Its address may not be reached",
  nothing_left: "None of its events is kept any more",
  unknown: "No answer",
  ECONNREFUSED: "Nobody listens there",
  ECONNRESET: "The connection broke off",
  EPIPE: "The connection broke off",
  UND_ERR_SOCKET: "The connection broke off",
  UND_ERR_CONNECT_TIMEOUT: "No connection in time",
  ETIMEDOUT: "No connection in time",
  EHOSTUNREACH: "No way leads there",
  ENETUNREACH: "No way leads there",
  ENOTFOUND: "There is no such host name",
  ENODATA: "The host name has no address",
  ESERVFAIL: "The name servers failed",
  EREFUSED: "The name servers refused to answer",
  ETIMEOUT: "The name servers did not answer in time",
  EPROTO: "It does not speak TLS",
  CERT_HAS_EXPIRED: "Its certificate has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "Nobody vouches for its certificate",
  SELF_SIGNED_CERT_IN_CHAIN: "Nobody vouches for its certificate",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "Nobody vouches for its certificate",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "Nobody vouches for its certificate",
  ERR_TLS_CERT_ALTNAME_INVALID: "Its certificate is for another name",
};

const TOKENS = "tokens_url_";

/** With its code behind it; a code that is new is shown alone. */
export function failureWord(code: string): string {
  const cause = code.replace(TOKENS, "");
  const word = FAILURES[cause] ?? (/^\d{3}$/.test(cause) ? `Status ${cause}` : undefined);
  if (word === undefined) return code;
  return code.startsWith(TOKENS) ? `No access token: ${word} (${code})` : `${word} (${code})`;
}
