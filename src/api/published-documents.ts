/** What the API says of itself, to anybody: OpenAPI, a Postman collection, and the reference as a page. */
import type { FastifyInstance } from "fastify";

import type { OpenApiDocument } from "./open-api-model.ts";
import { toPostmanCollection } from "./postman.ts";
import { type ReferencePage, renderReference } from "./reference-page.ts";

/** They are no routes of the API: nobody needs a key for them, and OpenAPI leaves them out. */
export const PUBLISHED_DOCUMENTS = [
  { method: "GET", url: "/api/v1/openapi.json" },
  { method: "GET", url: "/api/v1/postman.json" },
  { method: "GET", url: "/docs" },
] as const;

/** After all routes, which the documents are made from. */
export function publishDocuments(app: FastifyInstance): void {
  const [openApi, postman, reference] = PUBLISHED_DOCUMENTS;
  const hidden = { schema: { hide: true } };
  // Made once, when somebody first asks: routes never change while the server runs.
  let collection: object | undefined;
  let page: ReferencePage | undefined;
  app.get(openApi.url, hidden, async () => app.swagger());
  app.get(postman.url, hidden, async () => {
    collection ??= toPostmanCollection(documentOf(app));
    return collection;
  });
  app.get(reference.url, hidden, async (_request, reply) => {
    page ??= renderReference(documentOf(app));
    return reply
      .headers({
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": page.policy,
        "referrer-policy": "no-referrer",
      })
      .send(Buffer.from(page.html));
  });
}

/** Our own document: its shape is that of our own schemas. */
function documentOf(app: FastifyInstance): OpenApiDocument {
  return app.swagger() as unknown as OpenApiDocument;
}
