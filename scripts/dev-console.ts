/** `npm run dev:console`: the console's pages as they are edited, on port 5173, in front of a Waypost that runs on 8080. */
import { createServer } from "vite";

import { consoleConfig } from "./console-build.ts";

const API = process.env["WAYPOST_URL"] ?? "http://127.0.0.1:8080";
const server = await createServer({
  ...(await consoleConfig()),
  logLevel: "info",
  server: { host: "127.0.0.1", proxy: { "/api": API } },
});
await server.listen();
server.printUrls();
