/** SparkPost's API as far as an import asks it: tracking domains with their owners, and the subaccounts' names. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

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
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const send = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (request.headers.authorization !== SPARKPOST_KEY) {
      return send(401, { errors: [{ message: "Unauthorized." }] });
    }
    switch (request.url) {
      case "/api/v1/tracking-domains":
        return send(200, { results: domains.map(listed) });
      case "/api/v1/subaccounts":
        return send(200, { results: subaccounts.map((one) => ({ ...one, status: "active" })) });
      default:
        return send(404, { errors: [{ message: "resource not found" }] });
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
}

function listed({ domain, secure = false, default: isDefault = false, ...owner }: SparkpostDomain): object {
  const status = { verified: true, cname_status: "valid", compliance_status: "valid" };
  return { port: secure ? 443 : 80, domain, secure, default: isDefault, status, ...owner };
}
