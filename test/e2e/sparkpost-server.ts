/** SparkPost's API as far as an import asks it: tracking domains with their owners, and the subaccounts' names. */
import { type OtherReply, startOtherServer } from "./other-server.ts";

export const SPARKPOST_KEY = "14ac5499cfdd2bb2859e4476d2e5b1d2bad079bf";

interface SparkpostDomain {
  readonly domain: string;
  readonly secure?: boolean;
  readonly default?: boolean;
  readonly subaccount_id?: number;
}

export interface SparkpostServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly string[];
}

export async function startSparkpost(
  domains: readonly SparkpostDomain[],
  subaccounts: readonly { readonly id: number; readonly name: string }[],
): Promise<SparkpostServer> {
  const { requests, ...server } = await startOtherServer(({ headers, url }): OtherReply => {
    if (headers.authorization !== SPARKPOST_KEY)
      return { status: 401, body: { errors: [{ message: "Unauthorized." }] } };
    switch (url) {
      case "/api/v1/tracking-domains":
        return { status: 200, body: { results: domains.map(listed) } };
      case "/api/v1/subaccounts":
        return {
          status: 200,
          body: { results: subaccounts.map((one) => ({ ...one, status: "active" })) },
        };
      default:
        return { status: 404, body: { errors: [{ message: "resource not found" }] } };
    }
  });
  return {
    ...server,
    get requests() {
      return requests.map(({ line }) => line);
    },
  };
}

function listed({ domain, secure = false, default: isDefault = false, ...owner }: SparkpostDomain): object {
  const status = { verified: true, cname_status: "valid", compliance_status: "valid" };
  return { port: secure ? 443 : 80, domain, secure, default: isDefault, status, ...owner };
}
