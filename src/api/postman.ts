/** The API as a Postman collection (format 2.1), made from the OpenAPI document. Pure. */
import {
  exampleOf,
  jsonSchemaOf,
  type OpenApiDocument,
  type Operation,
  operationsByTag,
} from "./open-api-model.ts";

const SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";

/** A folder per tag. Whoever imports it sets `baseUrl` and `apiKey`. */
export function toPostmanCollection(document: OpenApiDocument): object {
  const folders = [...operationsByTag(document)].map(([name, operations]) => ({
    name,
    item: operations.map(request),
  }));
  return {
    info: { name: document.info.title, description: document.info.description, schema: SCHEMA },
    auth: {
      type: "apikey",
      apikey: [
        { key: "key", value: "Authorization", type: "string" },
        { key: "value", value: "{{apiKey}}", type: "string" },
        { key: "in", value: "header", type: "string" },
      ],
    },
    variable: [
      { key: "baseUrl", value: "http://127.0.0.1:8080" },
      { key: "apiKey", value: "" },
    ],
    item: folders,
  };
}

function request(operation: Operation): object {
  const { method, path, summary, description, parameters = [] } = operation;
  const schema = jsonSchemaOf(operation.requestBody?.content);
  const inPlace = (place: string) =>
    parameters.filter((parameter) => parameter.in === place).map(parameterOf);
  const segments = path.split("/").filter((segment) => segment !== "");
  return {
    name: summary ?? path,
    request: {
      method,
      description,
      header: [
        ...(schema === undefined ? [] : [{ key: "Content-Type", value: "application/json" }]),
        // Off until somebody wants it: an empty one would be a wrong one.
        ...inPlace("header").map((header) => ({ ...header, disabled: true })),
      ],
      ...(operation.security?.length === 0 ? { auth: { type: "noauth" } } : {}),
      url: {
        raw: `{{baseUrl}}${path.replaceAll(/\{(\w+)\}/g, ":$1")}`,
        host: ["{{baseUrl}}"],
        path: segments.map((segment) => segment.replace(/^\{(\w+)\}$/, ":$1")),
        query: inPlace("query").map((parameter) => ({ ...parameter, disabled: true })),
        variable: inPlace("path"),
      },
      ...(schema === undefined
        ? {}
        : {
            body: {
              mode: "raw",
              raw: JSON.stringify(exampleOf(schema), undefined, 2),
              options: { raw: { language: "json" } },
            },
          }),
    },
  };
}

function parameterOf({
  name,
  description,
  schema,
}: {
  readonly name: string;
  readonly description?: string;
  readonly schema?: { readonly example?: unknown };
}): object {
  return { key: name, value: String(schema?.example ?? ""), description };
}
