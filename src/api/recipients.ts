/** `DELETE /api/v1/recipients/{address}`: everything that is kept of a person goes, and the reply counts what is left. */
import { type TSchema, Type } from "typebox";

import { AppError } from "../domain/errors.ts";
import type { SubaccountId } from "../domain/subaccount.ts";
import type { Erasure } from "../events/erasure.ts";
import { type Call, type Reply, type Route, results, route } from "./route.ts";
import { isAddress } from "./wrap-options.ts";

export interface RecipientDeps {
  /** Of the tenant's own rows, or of everybody's. Throws `rate_limited` when the tenant has too many under way. */
  readonly erase: (address: string, scope: SubaccountId | "all", tenant: SubaccountId) => Promise<Erasure>;
}

function amount(description: string): TSchema {
  return Type.Object(
    { events: Type.Integer({ minimum: 0 }), messages: Type.Integer({ minimum: 0 }) },
    { additionalProperties: false, description },
  );
}

const ERASED = Type.Object(
  {
    erased: amount("What this call deleted."),
    left: amount("What is there afterwards: 0 and 0."),
  },
  { additionalProperties: false },
);

export function recipientRoutes(deps: RecipientDeps): readonly Route[] {
  return [
    route({
      method: "DELETE",
      url: "/api/v1/recipients/:address",
      grant: "recipients/erase",
      tag: "Recipients",
      summary: "Erase a recipient",
      description:
        "Deletes the events of an address, in whatever case, and what is known of messages to it, on all days; also what is stored under its pseudonym. A keyed hash of the address is kept, by which whatever the person does later, with links old or new, is stored anonymously. Takes a few seconds, and longer on a large store; it can be repeated. Without `X-MSYS-SUBACCOUNT` a primary key erases in all subaccounts.",
      params: [
        { name: "address", description: "The recipient's address", example: "ann@example.com", hidden: true },
      ],
      replies: { 200: Type.Object({ results: ERASED }, { additionalProperties: false }) },
      failures: [429],
      handle: (call) => erase(call, deps),
    }),
  ];
}

async function erase({ params, tenant }: Call, deps: RecipientDeps): Promise<Reply> {
  const address = params["address"] ?? "";
  if (!isAddress(address)) throw new AppError("invalid_parameters", "the path must end with an address");
  return results(await deps.erase(address, tenant.read, tenant.write));
}
