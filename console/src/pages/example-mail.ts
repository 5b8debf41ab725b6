/** A message with a link of every kind, to see what becomes of each. */
export const EXAMPLE_HTML = `<html>
<body style="font-family: Georgia, serif; max-width: 560px; margin: 24px auto; color: #222">
  <h1 style="font-size: 22px">New boots are here</h1>
  <p>Hello Ann, the autumn boots have arrived.
     <a href="https://www.example.com/boots?colour=brown&amp;size=39" data-msys-linkname="Boots">See the boots</a>
     or <a href="https://www.example.com/">visit the shop</a>.</p>
  <p>Questions? <a href="mailto:shop@example.com">Write to us</a>, or call
     <a href="tel:+15550100">+1 555 0100</a>.</p>
  <p style="font-size: 12px; color: #555">
     <a href="https://www.example.com/privacy" data-msys-clicktrack="0">Privacy</a> ·
     <a href="https://www.example.com/unsubscribe" data-msys-unsubscribe="1">Unsubscribe</a></p>
</body>
</html>
`;
