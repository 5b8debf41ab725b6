import assert from "node:assert/strict";
import { test } from "node:test";

import { FILTER_PARAMETERS, TIME_PARAMETERS } from "../api/event-query.ts";
import { BOOLEAN_OPTIONS, filtersOf, LIST_OPTIONS, TIME_OPTIONS } from "./event-options.ts";

const nameOf = ([option]: readonly [string, ...unknown[]]): string => option.replaceAll("-", "_");

test("every filter of the API that an event here can match is an option, and is sent as the API calls it", () => {
  const isOfDeliveries = (description: string | undefined) => description?.includes("no event here has it");
  const known = FILTER_PARAMETERS.filter(
    ({ name, description }) => name !== "delimiter" && !isOfDeliveries(description),
  );
  assert.deepEqual(
    [...LIST_OPTIONS, ...BOOLEAN_OPTIONS].map(nameOf).toSorted(),
    known.map(({ name }) => name).toSorted(),
  );
  assert.deepEqual(
    TIME_OPTIONS.map(nameOf),
    TIME_PARAMETERS.map(({ name }) => name),
  );
  assert.deepEqual(
    filtersOf({ eventIds: "7", fromAddresses: "a@b.example,c@d.example", ipPools: "x", isBot: "true" }),
    {
      event_ids: "7",
      from_addresses: "a@b.example,c@d.example",
      ip_pools: "x",
      is_bot: "true",
    },
  );
});
