/** Generators of raw messages: nested, in every encoding, with either line break, well formed or not. */
import fc from "fast-check";

const words = fc.array(
  fc.constantFrom("Hello", "grüße", "日本", "=", "a=b", "x".repeat(90), "--", "--B0", "From here", ".", "é "),
  { maxLength: 12 },
);
const links = fc.array(
  fc.constantFrom(
    "http://example.com/a?b=c",
    "https://www.example.com/",
    "http://x/{{y}}",
    "(http://p.example/q)",
  ),
  { maxLength: 3 },
);

const lineBreak = fc.constantFrom("\r\n", "\n");

function encode(text: string, encoding: string, lineEnd: string, width: number): string {
  const bytes = Buffer.from(text);
  if (encoding === "base64") {
    const lines = bytes.toString("base64").match(new RegExp(`.{1,${width}}`, "g")) ?? [];
    return lines.join(lineEnd) + lineEnd;
  }
  if (encoding !== "quoted-printable") return text;
  return text
    .split(lineEnd)
    .map((line) => {
      const tokens = [...Buffer.from(line)].map((byte) =>
        byte > 0x7e || byte === 0x3d || byte < 0x20
          ? `=${byte.toString(16).toUpperCase().padStart(2, "0")}`
          : String.fromCharCode(byte),
      );
      let out = "";
      let column = 0;
      for (const [i, token] of tokens.entries()) {
        if (column + token.length > width - 1 && i < tokens.length) {
          out += `=${lineEnd}`;
          column = 0;
        }
        out += token === " " && i === tokens.length - 1 ? "=20" : token;
        column += token.length;
      }
      return out;
    })
    .join(lineEnd);
}

const leaf = fc
  .record({
    type: fc.constantFrom(
      "text/plain",
      "text/html",
      "text/html; charset=utf-8",
      'TEXT/PLAIN; charset="utf-8"',
      "text/x-amp-html",
      "image/png",
      "text/html; name=file.html",
    ),
    encoding: fc.constantFrom(
      "7bit",
      "8bit",
      "quoted-printable",
      "quoted-printable",
      "base64",
      "base64",
      "binary",
      "x-uuencode",
    ),
    disposition: fc.constantFrom("", "", "", "Content-Disposition: attachment"),
    words,
    links,
    width: fc.constantFrom(76, 60, 72, 40),
    padding: fc.nat({ max: 1200 }),
  })
  .map(({ type, encoding, disposition, words, links, width, padding }) => (lineEnd: string) => {
    const isHtml = type.toLowerCase().includes("html");
    const anchors = links.map((url) => (isHtml ? `<a href="${url}">x</a>` : url));
    const filler = padding > 1000 ? " ".repeat(0) + "y".repeat(padding - 300) : "";
    const text = [
      isHtml ? "<body>" : "",
      ...words,
      ...anchors,
      filler + (anchors[0] ?? ""),
      isHtml ? "</body>" : "",
    ].join(` ${lineEnd}`.slice(padding % 2));
    const headers = [
      `Content-Type: ${type}`,
      `Content-Transfer-Encoding: ${encoding}`,
      ...(disposition === "" ? [] : [disposition]),
    ];
    return `${headers.join(lineEnd)}${lineEnd}${lineEnd}${encode(text, encoding, lineEnd, width)}`;
  });

type Build = (lineEnd: string, depth: number) => string;

const tree = fc.letrec<{ node: Build; multipart: Build; embedded: Build; leaf: Build }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4 },
    { weight: 5, arbitrary: tie("leaf") },
    { weight: 6, arbitrary: tie("multipart") },
    { weight: 1, arbitrary: tie("embedded") },
  ),
  leaf,
  embedded: tie("node").map(
    (inner) => (lineEnd: string, depth: number) =>
      `Content-Type: message/rfc822${lineEnd}${lineEnd}${inner(lineEnd, depth)}`,
  ),
  multipart: fc
    .record({
      subtype: fc.constantFrom("mixed", "mixed", "alternative", "alternative", "related", "signed", "digest"),
      parts: fc.array(tie("node"), { maxLength: 4 }),
      preamble: fc.constantFrom("", "This is MIME.", "--B", "--B00"),
      closed: fc.boolean(),
      epilogue: fc.constantFrom("", "bye", "--B9"),
      sameBoundary: fc.boolean(),
    })
    .map(
      ({ subtype, parts, preamble, closed, epilogue, sameBoundary }) =>
        (lineEnd: string, depth: number) => {
          // Boundaries that are prefixes of one another, and sometimes the same.
          const boundary = `B${"0".repeat(sameBoundary ? 1 : depth)}`;
          const bodies = parts.map(
            (part) => `--${boundary}${depth % 2 ? " " : ""}${lineEnd}${part(lineEnd, depth + 1)}${lineEnd}`,
          );
          return `Content-Type: multipart/${subtype};${lineEnd} boundary="${boundary}"${lineEnd}${lineEnd}${preamble}${lineEnd}${bodies.join("")}${closed ? `--${boundary}--` : ""}${epilogue === "" ? "" : lineEnd + epilogue}`;
        },
    ),
}));

/** A message with every part's line breaks alike. */
export const message: fc.Arbitrary<Buffer> = fc
  .tuple(tree.node, lineBreak, fc.constantFrom("Subject: x", "Received: a\n\tb", "MIME-Version: 1.0", "X: y"))
  .map(([node, lineEnd, field]) =>
    Buffer.from(`${field.replaceAll("\n", lineEnd)}${lineEnd}${node(lineEnd, 0)}`),
  );

/** Bytes that are hardly a message: pieces of headers and bodies in any order. */
export const debris: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      fc
        .constantFrom(
          "Content-Type: multipart/mixed; boundary=B\r\n",
          "Content-Type: text/html\r\n",
          "Content-Type: text/plain; charset=utf-16\r\n",
          "Content-Type: text/plain; charset=iso-2022-jp\r\n",
          "Content-Type: text/html; charset=unknown\r\n",
          "Content-Type: broken\r\n",
          "Content-Transfer-Encoding: quoted-printable\r\n",
          "Content-Transfer-Encoding: base64\r\n",
          "DKIM-Signature: v=1; l=10; b=x\r\n",
          "\r\n",
          "\n",
          "\r",
          "--B\r\n",
          "--B--",
          "-",
          "=",
          "=\r\n",
          "=3",
          "=3D",
          "http://example.com/",
          '<a href=3D"http://example.com">',
          "<body>",
          "</body>",
          "aHR0cDovL2V4YW1wbGUuY29tLw==\r\n",
          "\x1b$B<\x1b(B",
          " \t\r\n",
        )
        .map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
    ),
    { maxLength: 30 },
  )
  .map((pieces) => Buffer.concat(pieces));
