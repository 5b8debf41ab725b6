/** The OpenAPI document as its readers need it: operations in order, schemas as lists of fields. Pure. */

export interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly format?: string;
  readonly example?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

interface OpenApiParameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}

interface Content {
  readonly [type: string]: { readonly schema?: Schema };
}

interface OpenApiOperation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly OpenApiParameter[];
  readonly requestBody?: { readonly content?: Content };
  readonly responses?: Readonly<
    Record<string, { readonly description?: string; readonly content?: Content }>
  >;
  readonly security?: readonly object[];
}

/** What `@fastify/swagger` makes, as far as it is read here. */
export interface OpenApiDocument {
  readonly info: { readonly title: string; readonly description?: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
}

export interface Operation extends OpenApiOperation {
  readonly method: string;
  readonly path: string;
  readonly tag: string;
}

export interface Field {
  /** `recipients[].address`. */
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
}

/** By tag, in the document's order. */
export function operationsByTag(document: OpenApiDocument): ReadonlyMap<string, readonly Operation[]> {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]): Operation => ({
        ...operation,
        method: method.toUpperCase(),
        path,
        tag: operation.tags?.[0] ?? "Others",
      }),
    ),
  );
  return Map.groupBy(operations, ({ tag }) => tag);
}

export function jsonSchemaOf(content: Content | undefined): Schema | undefined {
  return content?.["application/json"]?.schema;
}

/** The fields of an object, those of objects inside it too. */
export function fieldsOf(schema: Schema, prefix = ""): readonly Field[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = `${prefix}${name}`;
    const field = {
      name: path,
      type: typeOf(property),
      required: required.has(name),
      description: property.description ?? "",
    };
    const inner = property.type === "array" ? property.items : property;
    const below = property.type === "array" ? `${path}[].` : `${path}.`;
    return [field, ...(inner === undefined ? [] : fieldsOf(inner, below))];
  });
}

/** The smallest body that does something, for somebody to change: what is required, or the first field where nothing is. */
export function exampleOf({
  example,
  enum: choices,
  type,
  items,
  properties = {},
  required,
}: Schema): unknown {
  if (example !== undefined) return example;
  if (choices !== undefined) return choices[0];
  if (type === "array" && items !== undefined) return [exampleOf(items)];
  if (type !== "object") throw new Error("a field that a body needs has no example");
  const fields = Object.entries(properties);
  const needed =
    required === undefined ? fields.slice(0, 1) : fields.filter(([name]) => required.includes(name));
  return Object.fromEntries(needed.map(([name, property]) => [name, exampleOf(property)]));
}

function typeOf(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.type === "array")
    return schema.items === undefined ? "array" : `array of ${typeOf(schema.items)}`;
  const type = [schema.type ?? "any"].flat().join(" | ");
  return `${schema.format === undefined ? type : `${type}, ${schema.format}`}${boundsOf(schema)}`;
}

function boundsOf({ minimum, maximum, maxLength }: Schema): string {
  if (minimum !== undefined && maximum !== undefined) return `, ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `, from ${minimum}`;
  return maxLength === undefined ? "" : `, at most ${maxLength} characters`;
}
