/**
 * `/docs`: the API reference as a page that needs nothing but itself: made once from the OpenAPI document, without scripts.
 * Everything in it is ours and is escaped all the same.
 */
import { createHash } from "node:crypto";

import {
  type Field,
  fieldsOf,
  jsonSchemaOf,
  type OpenApiDocument,
  type Operation,
  operationsByTag,
} from "./open-api-model.ts";

export interface ReferencePage {
  readonly html: string;
  /** Of the Content-Security-Policy header: its one style sheet, and nothing else. */
  readonly policy: string;
}

const STYLE = `
:root { color-scheme: light dark; --page: #fff; --text: #171a1f; --line: #d5d9de; --quiet: #5a6472; --soft: #f4f5f7; --mark: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --page: #16181b; --text: #e8eaed; --line: #363c44; --quiet: #9aa4b1; --soft: #1c2026; --mark: #7db8f5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 14px/20px system-ui, sans-serif; overflow-wrap: anywhere; display: grid; grid-template-columns: 260px minmax(0, 1fr); }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 16px; border-right: 1px solid var(--line); }
nav ul { list-style: none; margin: 0 0 12px; padding: 0; }
nav a { display: block; padding: 2px 0; }
main { padding: 16px 32px 64px; max-width: 960px; }
a { color: var(--mark); text-decoration: none; } a:hover, a:focus-visible, p a { text-decoration: underline; }
h1 { font-size: 20px; line-height: 28px; } h2 { font-size: 16px; margin-top: 40px; }
h3 { font-size: 14px; margin: 32px 0 4px; } h4 { font-size: 14px; margin: 16px 0 4px; color: var(--quiet); }
code { font: 13px/20px ui-monospace, monospace; background: var(--soft); padding: 1px 4px; border-radius: 3px; }
pre { background: var(--soft); padding: 12px; white-space: pre-wrap; border: 1px solid var(--line); border-radius: 4px; }
pre code { padding: 0; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--quiet); } td:first-child { width: 30%; } td:nth-child(2) { width: 25%; color: var(--quiet); }
.method { display: inline-block; min-width: 56px; font-weight: 600; }
@media (max-width: 760px) { body { display: block; } nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); } main { padding: 16px; } thead { display: none; } table, tbody, tr, td { display: block; } td:first-child, td:nth-child(2) { width: auto; } td { padding: 0; border: 0; } tr { padding: 4px 0; border-bottom: 1px solid var(--line); } }
`;

export function renderReference(document: OpenApiDocument): ReferencePage {
  const tags = operationsByTag(document);
  const sections = [...tags].map(([tag, operations]) => section(tag, operations)).join("\n");
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Waypost API</title>
<style>${STYLE}</style>
</head>
<body>
<nav aria-label="Routes">${[...tags].map(([tag, operations]) => contents(tag, operations)).join("")}</nav>
<main>
<h1>Waypost API</h1>
<p>${prose(document.info.description ?? "")}</p>
${INTRODUCTION}
${sections}
</main>
</body>
</html>
`;
  const hash = createHash("sha256").update(STYLE).digest("base64");
  return {
    html,
    policy: `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
}

const INTRODUCTION = `<h2 id="introduction">Before the first call</h2>
<p>Send the API key in <code>Authorization</code>, as it is, or by HTTP Basic as user with an empty password. A key does what its
grants say. On the calls that list it, <code>X-MSYS-SUBACCOUNT</code> names the subaccount to act for; a subaccount's own key always
acts for its own.</p>
<p>Bodies and replies are JSON. A success has its answer in <code>results</code>; a failure has
<code>{"errors": [{"message", "description", "code"}]}</code>, with SparkPost's codes where it has them.
The same as a document for programs: <a href="/api/v1/openapi.json">OpenAPI 3.1</a>, and as a
<a href="/api/v1/postman.json">Postman collection</a>.</p>
<pre><code>curl -H "Authorization: $KEY" https://waypost.example.com/api/v1/tracking-domains</code></pre>`;

function contents(tag: string, operations: readonly Operation[]): string {
  const items = operations.map(
    (operation) =>
      `<li><a href="#${anchor(operation)}">${escapeHtml(operation.summary ?? operation.path)}</a></li>`,
  );
  return `<strong>${escapeHtml(tag)}</strong><ul>${items.join("")}</ul>`;
}

function section(tag: string, operations: readonly Operation[]): string {
  return `<h2>${escapeHtml(tag)}</h2>\n${operations.map(article).join("\n")}`;
}

function article(operation: Operation): string {
  const { method, path, summary, description = "", parameters = [] } = operation;
  const body = jsonSchemaOf(operation.requestBody?.content);
  const given = parameters.map(
    ({ name, in: place, required = false, description: text = "", schema }): Field => ({
      name,
      type: `${place}, ${[schema?.type ?? "string"].flat().join(" | ")}`,
      required,
      description: text,
    }),
  );
  return `<article>
<h3 id="${anchor(operation)}">${escapeHtml(summary ?? path)}</h3>
<p><span class="method">${method}</span> <code>${escapeHtml(path)}</code></p>
${description
  .split("\n\n")
  .filter((paragraph) => paragraph !== "")
  .map((paragraph) => `<p>${prose(paragraph)}</p>`)
  .join("\n")}
${table("Parameters", given)}
${body === undefined ? "" : table("Body", fieldsOf(body))}
${Object.entries(operation.responses ?? {})
  .map(([status, { content }]) => reply(status, jsonSchemaOf(content)))
  .join("\n")}
</article>`;
}

/** Failures all have the same body: their numbers are enough. */
function reply(status: string, schema: Parameters<typeof fieldsOf>[0] | undefined): string {
  if (!status.startsWith("2")) return "";
  const fields = schema === undefined ? [] : fieldsOf(schema);
  return fields.length === 0 ? `<h4>Reply ${escapeHtml(status)}</h4>` : table(`Reply ${status}`, fields);
}

function table(title: string, fields: readonly Field[]): string {
  if (fields.length === 0) return "";
  const rows = fields.map(
    ({ name, type, required, description }) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td>${escapeHtml(type)}${required ? ", required" : ""}</td><td>${prose(description)}</td></tr>`,
  );
  return `<h4>${escapeHtml(title)}</h4>
<table><thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead>
<tbody>${rows.join("\n")}</tbody></table>`;
}

function anchor({ method, path }: Operation): string {
  return `${method}${path}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}

/** Our descriptions use Markdown's backticks, and nothing else of it. */
function prose(text: string): string {
  return escapeHtml(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
