/**
 * Nodemailer with the wrap library: each message is wrapped in this program, without a call to Waypost. The program can then
 * open every link: keep its key ring and secret as you keep Waypost's own.
 *
 *   npm install nodemailer ./waypost-0.1.0.tgz     (`npm run build && npm pack` in a clone makes it)
 *   waypost keyring export > key-ring
 *   WAYPOST_SECRET=… ORIGIN=https://click.acme.com SMTP_URL=smtp://127.0.0.1:25 \
 *     node nodemailer-library.mjs ann@example.com
 */
import { readFileSync } from "node:fs";
import { Transform } from "node:stream";

import { createTransport } from "nodemailer";
import { createMessageWrapper, keyRingAt, newMessageId, openSealedKeyRing } from "waypost/wrap";

const { WAYPOST_SECRET, WAYPOST_KEY_RING = "key-ring", ORIGIN, SMTP_URL } = process.env;

const keys = openSealedKeyRing(readFileSync(WAYPOST_KEY_RING, "utf8").trim(), WAYPOST_SECRET);
if (keys === undefined) throw new Error("the secret does not fit the key ring");

/** For `transport.use("stream", …)`: what is sent, and signed with DKIM, is then the wrapped message. */
function wrapWith({ keys, origin }) {
  return (mail, done) => {
    const recipients = mail.message.getEnvelope().to;
    // Each recipient has links of their own: a message to several goes out as it is.
    if (recipients.length !== 1) return done();
    const sentAtSeconds = Math.floor(Date.now() / 1000);
    const wrapper = createMessageWrapper(
      { messageId: newMessageId(), rcptTo: recipients[0], subaccountId: 0, sentAtSeconds },
      { origin, ring: keyRingAt(keys, sentAtSeconds) },
    );
    mail.message.transform(
      new Transform({
        transform(chunk, _encoding, next) {
          for (const ready of wrapper.write(Buffer.from(chunk))) this.push(ready);
          next();
        },
        flush(next) {
          for (const ready of wrapper.end()) this.push(ready);
          next();
        },
      }),
    );
    done();
  };
}

const transport = createTransport(SMTP_URL);
transport.use("stream", wrapWith({ keys, origin: ORIGIN }));
const sent = await transport.sendMail({
  from: "Shop <shop@acme.com>",
  to: process.argv[2] ?? "ann@example.com",
  subject: "Boots",
  html: '<p><a href="https://www.example.com/boots">Boots</a></p>',
  text: "Boots: https://www.example.com/boots",
});
console.log(sent.response);
