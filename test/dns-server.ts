/**
 * A real DNS server on loopback, UDP and TCP on one port, that answers like a recursive resolver: an address
 * query for an alias returns the chain and the addresses at its end. Names it was not given do not exist.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket as TcpSocket } from "node:net";

import * as dnsPacket from "dns-packet";

/** What a name has, or how the server misbehaves when asked for it. */
interface DnsName {
  readonly cname?: string;
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  /** Of a CAA record: flags, tag and value, as a zone file has them. */
  readonly caa?: readonly (readonly [flags: number, tag: string, value: string])[];
  readonly fails?: "servfail" | "refused" | "silent";
  /** UDP answers carry no records and the truncation flag: the client has to ask again by TCP. */
  readonly truncated?: boolean;
}

interface DnsQuery {
  readonly name: string;
  readonly type: string;
  readonly transport: "udp" | "tcp";
  /** How often this name and type were asked before, by either transport. */
  readonly earlier: number;
}

/** The name's data, or a script that decides per query (a rebinding attacker, say). */
export type DnsEntry = DnsName | ((query: DnsQuery) => DnsName);

export interface DnsServer {
  /** As `Resolver.setServers` takes it. */
  readonly address: string;
  /** Every query received, oldest first. */
  readonly queries: readonly DnsQuery[];
  /** May be changed while the server runs. */
  readonly zone: Map<string, DnsEntry>;
  close(): Promise<void>;
}

type Rcode = "NOERROR" | "NXDOMAIN" | "SERVFAIL" | "REFUSED";

interface Reply {
  readonly rcode: Rcode;
  readonly answers: readonly dnsPacket.Answer[];
}

const RCODES: Record<Rcode, number> = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 };
const TTL_SECONDS = 30;
const LONGEST_CHAIN = 16;

/** Starts a server for the given names (lower case, without a trailing dot). */
export async function startDnsServer(names: Record<string, DnsEntry>): Promise<DnsServer> {
  const zone = new Map(Object.entries(names));
  const queries: DnsQuery[] = [];
  const respond = (packet: Buffer, transport: "udp" | "tcp") =>
    answerPacket(packet, transport, zone, queries);

  const { udp, tcp, port } = await bindBoth();
  udp.on("message", (packet, peer) => {
    const answer = respond(packet, "udp");
    if (answer !== undefined) udp.send(answer, peer.port, peer.address);
  });
  const sockets = new Set<TcpSocket>();
  tcp.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    serveTcp(socket, (packet) => respond(packet, "tcp"));
  });

  return {
    address: `127.0.0.1:${port}`,
    queries,
    zone,
    async close() {
      for (const socket of sockets) socket.destroy();
      const closed = Promise.all([once(udp, "close"), once(tcp, "close")]);
      udp.close();
      tcp.close();
      await closed;
    },
  };
}

/** The operating system picks the UDP port; now and then its TCP twin is taken, so another one is tried. */
async function bindBoth(): Promise<{ udp: UdpSocket; tcp: Server; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const udp = createSocket("udp4");
    udp.bind(0, "127.0.0.1");
    await once(udp, "listening");
    const { port } = udp.address();
    const tcp = createServer();
    try {
      tcp.listen(port, "127.0.0.1");
      await once(tcp, "listening");
      return { udp, tcp, port: (tcp.address() as AddressInfo).port };
    } catch (error) {
      udp.close();
      if (attempt === 10) throw error;
    }
  }
}

/** Messages over TCP are preceded by their length in two bytes (RFC 1035 section 4.2.2). */
function serveTcp(socket: TcpSocket, respond: (packet: Buffer) => Buffer | undefined): void {
  let buffered = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
      const end = 2 + buffered.readUInt16BE(0);
      const answer = respond(buffered.subarray(2, end));
      buffered = buffered.subarray(end);
      if (answer === undefined) continue;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([length, answer]));
    }
  });
}

function answerPacket(
  packet: Buffer,
  transport: "udp" | "tcp",
  zone: ReadonlyMap<string, DnsEntry>,
  queries: DnsQuery[],
): Buffer | undefined {
  const request = dnsPacket.decode(packet);
  const question = request.questions?.[0];
  if (question === undefined) return undefined;
  const name = question.name.toLowerCase();
  const earlier = queries.filter((query) => query.name === name && query.type === question.type).length;
  const query: DnsQuery = { name, type: question.type, transport, earlier };
  queries.push(query);

  const entry = entryOf(query, zone);
  if (entry?.fails === "silent") return undefined;
  const truncated = entry?.truncated === true && transport === "udp";
  const reply = truncated ? ({ rcode: "NOERROR", answers: [] } as const) : resolve(query, zone);
  return dnsPacket.encode({
    type: "response",
    id: request.id ?? 0,
    flags:
      dnsPacket.RECURSION_DESIRED |
      dnsPacket.RECURSION_AVAILABLE |
      (truncated ? dnsPacket.TRUNCATED_RESPONSE : 0) |
      RCODES[reply.rcode],
    questions: [question],
    answers: [...reply.answers],
  });
}

function resolve(query: DnsQuery, zone: ReadonlyMap<string, DnsEntry>): Reply {
  const answers: dnsPacket.Answer[] = [];
  let name = query.name;
  for (let links = 0; links < LONGEST_CHAIN; links++) {
    const entry = entryOf({ ...query, name }, zone);
    if (entry === undefined) return { rcode: "NXDOMAIN", answers };
    if (entry.fails === "refused") return { rcode: "REFUSED", answers: [] };
    if (entry.fails !== undefined) return { rcode: "SERVFAIL", answers: [] };
    if (entry.cname === undefined)
      return { rcode: "NOERROR", answers: [...answers, ...recordsOf(name, query.type, entry)] };
    answers.push({ type: "CNAME", name, ttl: TTL_SECONDS, data: entry.cname });
    if (query.type === "CNAME") return { rcode: "NOERROR", answers };
    name = entry.cname.toLowerCase();
  }
  // A resolver gives up on a chain that does not end.
  return { rcode: "SERVFAIL", answers: [] };
}

function recordsOf(name: string, type: string, entry: DnsName): dnsPacket.Answer[] {
  if (type === "A") return (entry.a ?? []).map((data) => ({ type: "A", name, ttl: TTL_SECONDS, data }));
  if (type === "AAAA")
    return (entry.aaaa ?? []).map((data) => ({ type: "AAAA", name, ttl: TTL_SECONDS, data }));
  if (type === "CAA")
    return (entry.caa ?? []).map(([flags, tag, value]) => ({
      type: "CAA",
      name,
      ttl: TTL_SECONDS,
      data: { flags, tag, value } as dnsPacket.CaaData,
    }));
  return [];
}

function entryOf(query: DnsQuery, zone: ReadonlyMap<string, DnsEntry>): DnsName | undefined {
  const entry = zone.get(query.name);
  return typeof entry === "function" ? entry(query) : entry;
}
