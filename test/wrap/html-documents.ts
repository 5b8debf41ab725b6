/** Generators of HTML for properties and fuzzing: tame documents, and soups of whatever has broken a rewriter before. */
import fc from "fast-check";

const URLS = [
  "http://example.com/",
  "https://www.example.com/a?b=1&amp;c=2#/spa",
  "HTTPS://EXAMPLE.com/%20x",
  " http://example.com/padded\n",
  "http://example.com/?u=http://nested.example/href=x",
  "http://example.com/&copy=1&para;&#x3D;&#38;&notit",
  "http://exa\tmple.com/\r\ntab",
  "http://bücher.example/☃",
  "http://[::1]:8080/",
  "http://",
  "http://[bad",
  "{{link}}",
  "http://x/*|TAG|*",
  "http://x/%%y%%",
  "mailto:ada@example.com",
  "#top",
  "/relative",
  "",
];

/** Pieces that change the tokenizer's state or hide markup from it. */
const SOUP = [
  ...URLS.flatMap((url) => [`<a href="${url}">`, `<A HREF = '${url}' >`, `<area href="${url}"/>`]),
  "<a href=http://unquoted.example/>",
  "<a/href=http://slash.example/x title=t>",
  '<a href="http://first.example" href="http://second.example">',
  '<a title="a > b" href="http://after.example">',
  '<a href="http://o.example" data-msys-clicktrack="0">',
  "<a data-msys-unsubscribe=1 href=http://u.example>",
  '<a data-msys-linkname="n&amp;m"href="http://n.example"data-msys-sublink="x y">',
  "<a href=x data-msys-clicktrack/>",
  '<v:roundrect xmlns:v="urn:x" href="http://vml.example" arcsize="8%">',
  '<link href="http://no.example"><base href="http://no.example/"><form action="http://no.example">',
  '<!--[if mso]><a href="http://mso.example">x</a><![endif]-->',
  '<!--[if !mso]><!--><a href="http://rev.example"><!--<![endif]-->',
  '<![if !mso]><a href="http://rev2.example"><![endif]>',
  '<!-- <a href="http://comment.example"></body> -->',
  "<!-->",
  "<!--->",
  "<!--",
  "-->",
  "--!>",
  "<!doctype html>",
  "<?php <a href='http://php.example'> ?>",
  "<style>a{background:url(http://css.example)}</style>",
  "<script>document.write('<a href=\"http://js.example\"></body>')</script>",
  "<title><a href='http://title.example'></title>",
  "<textarea><a href='http://ta.example'></textarea>",
  "<noscript><a href='http://ns.example'></noscript>",
  "<script>",
  "</script>",
  "<style",
  "<textarea>",
  "<html>",
  "<head>",
  "<body>",
  '<body bgcolor="#fff" data-x=">">',
  "</body>",
  "</BODY\n>",
  "</html>",
  "</a>",
  "<p>",
  "</p>",
  "<table><tr><td>",
  "<select><option>",
  "</select>",
  "<svg>",
  "</svg>",
  "<math>",
  "<![CDATA[",
  "]]>",
  "<template>",
  "<iframe>",
  "<xmp>",
  "<plaintext>",
  '</p x=">">',
  "<!--<script>",
  "<div",
  "</",
  "<",
  ">",
  '"',
  "'",
  "=",
  "&amp",
  "\0",
  "\ufeff",
  "\ud800",
  "text http://text.example/ text",
  "\r\n",
] as const;

/** Any order of anything. */
export const soup: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom(...SOUP) },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 8 }) },
    ),
    {
      maxLength: 25,
    },
  )
  .map((pieces) => pieces.join(""));

const content = fc
  .array(
    fc.oneof(
      fc.constantFrom(...URLS).map((url) => `<p><a class="x" href="${url}">t</a></p>\n`),
      fc.constant("<!-- </body> --><script>'</body>'</script>"),
      fc.constant('<!--[if mso]><v:rect href="http://mso.example"></v:rect><![endif]-->'),
      fc.constant("<ul><li>é ☃</ul>"),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join(""));

/** Documents as people write them: closed, with a body or without. */
export const tame: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom("", "<!doctype html><html><head><title>t</title></head>", "<html>\r\n"),
    fc.constantFrom("<body>", '<body style="margin:0" bgcolor=#fff>\n', ""),
    content,
    fc.constantFrom("</body></html>", "</body>\n</html>\n", "</html>", ""),
  )
  .map((pieces) => pieces.join(""));
