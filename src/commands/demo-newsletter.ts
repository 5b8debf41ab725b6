/** The mail of `waypost demo`. */
export const DEMO_NEWSLETTER = `<!doctype html>
<html>
  <body>
    <h1>Autumn news</h1>
    <p>Hello Ann, <a href="https://www.example.com/boots?size=38&amp;colour=red" data-msys-linkname="boots">the red
      boots</a> are back, and <a href='https://www.example.com/rain'>so is the rain</a>.</p>
    <p>Questions? <a href="mailto:hello@example.com">Write to us</a>.</p>
  </body>
</html>
`;
