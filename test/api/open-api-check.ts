/** Holds every reply of a test against the OpenAPI document that the server itself serves. */
import assert from "node:assert/strict";

import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

interface Operation {
  readonly responses: Readonly<Record<string, { content?: Readonly<Record<string, { schema: object }>> }>>;
}

export interface OpenApiDocument {
  readonly components: object;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export type ReplyCheck = (call: { method: string; path: string; status: number; body: unknown }) => void;

export function createReplyCheck(document: OpenApiDocument): ReplyCheck {
  const ajv = new Ajv2020({
    strict: false,
    formats: { "date-time": (text: string) => !Number.isNaN(Date.parse(text)) },
  });
  const compiled = new Map<object, ValidateFunction>();
  return ({ method, path, status, body }) => {
    if (path === "/api/v1/openapi.json") return;
    const operation = findOperation(document, method, path);
    // Unknown paths and methods are answered without being documented.
    if (operation === undefined)
      return assert.ok(status === 404 || status === 405, `${method} ${path} is undocumented`);
    const response = operation.responses[status];
    assert.ok(response, `${method} ${path} answered ${status}, which is undocumented`);
    const schema = response.content?.["application/json"]?.schema;
    if (schema === undefined) return assert.equal(body, undefined, `${method} ${path} ${status} has a body`);
    const validate = compiled.get(schema) ?? ajv.compile({ ...schema, components: document.components });
    compiled.set(schema, validate);
    assert.ok(
      validate(body),
      `${method} ${path} ${status}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(body)}`,
    );
  };
}

function findOperation(document: OpenApiDocument, method: string, path: string): Operation | undefined {
  const segments = (path.split("?", 1)[0] ?? "").replace(/\/$/, "").split("/");
  const found = Object.entries(document.paths).find(([pattern]) => {
    const wanted = pattern.replace(/\/$/, "").split("/");
    return (
      wanted.length === segments.length &&
      wanted.every((part, i) => part.startsWith("{") || part === segments[i])
    );
  });
  return found?.[1][method === "HEAD" ? "get" : method.toLowerCase()];
}
