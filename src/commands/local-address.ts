/** Where commands on the same machine reach what the server listens on. */

/** Listening everywhere is reached here. */
export function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

export function inUrl(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
