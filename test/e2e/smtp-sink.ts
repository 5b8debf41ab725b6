/** An SMTP server (RFC 5321) that takes mail and keeps it, instead of the rest of the world. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";

import type { Scope } from "./waypost-process.ts";
import { until } from "./wrapped-link.ts";

export interface ReceivedMail {
  /** Of the envelope, without brackets. */
  readonly from: string;
  readonly to: string;
  /** As it came, in Latin-1: a character is a byte. Without the dots that SMTP puts in front of dots. */
  readonly message: string;
}

export interface SmtpSink {
  readonly port: number;
  readonly url: string;
  /** The first mail to this address, when it has come. */
  mailTo(address: string): Promise<ReceivedMail>;
}

/** Refuses recipients named `refused`. */
export async function startSmtpSink(t: Scope): Promise<SmtpSink> {
  const mails: ReceivedMail[] = [];
  const server = createServer((socket) => answerSmtp(socket, (mail) => mails.push(mail)));
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    url: `smtp://127.0.0.1:${port}`,
    mailTo: async (address) => {
      await until(async () => mails.some(({ to }) => to === address), `a mail to ${address} arrives`);
      return mails.find(({ to }) => to === address) ?? { from: "", to: "", message: "" };
    },
  };
}

function answerSmtp(socket: Socket, received: (mail: ReceivedMail) => void): void {
  let [text, isData, from, to] = ["", false, "", ""];
  const command = (line: string): string => {
    const [, address = ""] = /<(.*)>/.exec(line) ?? [];
    if (/^EHLO/i.test(line)) return "250-test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN\r\n";
    if (/^MAIL/i.test(line)) from = address;
    if (/^RCPT TO:<refused@/i.test(line)) return "550 5.1.1 no such user\r\n";
    if (/^RCPT/i.test(line)) to = address;
    isData = /^DATA/i.test(line);
    return isData ? "354 go on\r\n" : /^QUIT/i.test(line) ? "221 bye\r\n" : "250 ok\r\n";
  };
  const content = (piece: string): string => {
    received({ from, to, message: piece.replace(/^\./gm, "") });
    isData = false;
    return "250 ok\r\n";
  };
  socket.setEncoding("latin1").write("220 test\r\n");
  socket.on("error", () => undefined);
  socket.on("data", (chunk: string) => {
    text += chunk;
    for (;;) {
      const mark = isData ? "\r\n.\r\n" : "\r\n";
      const end = text.indexOf(mark);
      if (end === -1) break;
      const piece = text.slice(0, end);
      text = text.slice(end + mark.length);
      socket.write(isData ? content(piece) : command(piece));
    }
  });
}
