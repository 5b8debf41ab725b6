/** The OpenAPI 3.1 document: made from the same schemas that requests are checked against. */
import type { FastifySchema } from "fastify";
import { type TSchema, type TString, Type } from "typebox";

import type { Parameter, Route } from "./route.ts";

export const OPENAPI_INFO = {
  openapi: "3.1.0",
  info: {
    title: "Waypost",
    version: "1",
    description:
      "Tracking domains and engagement tracking for email. Routes under `/api/v1` behave as SparkPost's routes of the same path do.",
    license: { name: "MIT", identifier: "MIT" },
  },
  components: {
    securitySchemes: {
      key: { type: "apiKey", in: "header", name: "Authorization", description: "The API key itself." },
      basic: { type: "http", scheme: "basic", description: "The API key as user, an empty password." },
    },
  },
} as const;

/** `{"errors": […]}`: the body of every reply with a status of 400 or more. */
export const ERRORS_SCHEMA = Type.Object(
  {
    errors: Type.Array(
      Type.Object(
        {
          message: Type.String({ description: "The kind of error; constant for its code." }),
          code: Type.Optional(
            Type.Union([Type.String(), Type.Integer()], {
              description: "SparkPost's extended code, where its replies have one. Of webhooks a number.",
            }),
          ),
          description: Type.Optional(Type.String({ description: "What is wrong with this request." })),
          response: Type.Optional(
            Type.Object(
              {
                status: Type.Integer(),
                headers: Type.Record(Type.String(), Type.String()),
                body: Type.String(),
              },
              { additionalProperties: false, description: "What a webhook's target answered to the test." },
            ),
          ),
        },
        { additionalProperties: false },
      ),
      { minItems: 1 },
    ),
  },
  { $id: "Errors", additionalProperties: false, description: "Why the request was not carried out" },
);

const SUBACCOUNT_HEADER = {
  "x-msys-subaccount": {
    type: "string",
    pattern: "^[0-9]{1,10}$",
    description:
      "Number of the subaccount to act for, 0 for the primary account. Without it reads see everybody's rows and changes are the primary account's. A subaccount's own key ignores it.",
  },
} as const;

/** A route in the form that @fastify/swagger reads. */
export function toFastifySchema(route: Route): FastifySchema {
  const isPublic = route.grant === "public";
  const grant = isPublic || route.grant === "any" ? "" : `Needs the grant \`${route.grant}\`.`;
  return {
    summary: route.summary,
    description: [route.description, grant].filter(Boolean).join("\n\n"),
    tags: [route.tag],
    security: isPublic ? [] : [{ key: [] }, { basic: [] }],
    ...(isPublic || route.ignoresSubaccount
      ? {}
      : { headers: { type: "object", properties: SUBACCOUNT_HEADER } }),
    ...(route.params === undefined ? {} : { params: parameters(route.params, true) }),
    ...(route.query === undefined ? {} : { querystring: parameters(route.query, false) }),
    ...(route.body === undefined ? {} : { body: documented(route.body) }),
    response: { ...successes(route), ...failures(route) },
  } as FastifySchema;
}

/** Text of a closed set. The schema only documents it: its route checks it, and has more to say. */
export function oneOf(choices: readonly string[]): TString {
  return Type.String({ maxLength: 100, choices });
}

/** As checks see it, but with the closed sets of {@link oneOf}. */
function documented(schema: TSchema): unknown {
  return JSON.parse(JSON.stringify(schema), (_name, value) =>
    Array.isArray(value?.choices) ? { ...value, choices: undefined, enum: value.choices } : value,
  );
}

function parameters(list: readonly Parameter[], required: boolean): object {
  return {
    type: "object",
    properties: Object.fromEntries(
      list.map(({ name, description, example }) => [
        name,
        { type: "string", description, ...(example === undefined ? {} : { example }) },
      ]),
    ),
    ...(required ? { required: list.map(({ name }) => name) } : {}),
  };
}

function successes({ replies, streams }: Route): Record<string, TSchema | object> {
  return Object.fromEntries(
    Object.entries(replies).map(([status, schema = Type.Null({ description: "No content" })]) => [
      status,
      streams === undefined ? schema : { description: "A stream", content: { [streams]: { schema } } },
    ]),
  );
}

function failures(route: Route): Record<string, TSchema> {
  const statuses = new Set([500, 503, ...(route.failures ?? [])]);
  if (route.method !== "GET") statuses.add(413);
  if (route.grant !== "public") for (const status of [400, 401, 403, 429]) statuses.add(status);
  if (route.body !== undefined) for (const status of [413, 415, 422]) statuses.add(status);
  return Object.fromEntries([...statuses].sort().map((status) => [status, Type.Ref("Errors#")]));
}
