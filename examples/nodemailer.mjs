/**
 * Nodemailer: a plugin has each message wrapped when it is complete, before it is signed and sent.
 *
 *   npm install nodemailer
 *   SMTP_URL=smtp://127.0.0.1:25 node nodemailer.mjs ann@example.com
 */
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";

import { createTransport } from "nodemailer";

const { WAYPOST_URL, WAYPOST_API_KEY, SMTP_URL } = process.env;
const TIMEOUT_MS = 10_000;

/** For `transport.use("stream", …)`: what is sent, and signed with DKIM, is then the wrapped message. */
function wrapWith({ url, key }) {
  return (mail, done) => {
    const recipients = mail.message.getEnvelope().to;
    // Each recipient has links of their own: a message to several goes out as it is.
    if (recipients.length !== 1) return done();
    mail.message.processFunc((input) => {
      const output = new PassThrough();
      buffer(input)
        .then((message) =>
          wrap({ url, key, recipient: recipients[0], message }).catch((error) => {
            // Tracking never holds up mail: it goes out as it is.
            console.error(`not wrapped: ${error.message}`);
            return message;
          }),
        )
        .then(
          (message) => output.end(message),
          (error) => output.destroy(error),
        );
      return output;
    });
    done();
  };
}

async function wrap({ url, key, recipient, message }) {
  const query = new URLSearchParams({ rcpt_to: recipient });
  const response = await fetch(`${url}/api/v1/wrap?${query}`, {
    method: "POST",
    headers: { authorization: key, "content-type": "message/rfc822" },
    body: message,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return Buffer.from(await response.arrayBuffer());
}

const transport = createTransport(SMTP_URL);
transport.use("stream", wrapWith({ url: WAYPOST_URL, key: WAYPOST_API_KEY }));
const sent = await transport.sendMail({
  from: "Shop <shop@acme.com>",
  to: process.argv[2] ?? "ann@example.com",
  subject: "Boots",
  html: '<p><a href="https://www.example.com/boots">Boots</a></p>',
  text: "Boots: https://www.example.com/boots",
});
console.log(sent.response);
