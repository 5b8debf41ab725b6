/** Databases in MaxMind's format, version 2.0 (https://maxmind.github.io/MaxMind-DB/), made for a test: no cache, no pointers. */
import { isIP } from "node:net";

import ipaddr from "ipaddr.js";

export type MmdbValue =
  | string
  | number
  | boolean
  | readonly MmdbValue[]
  | { readonly [key: string]: MmdbValue };

type Node = [left: Node | number | undefined, right: Node | number | undefined];

const MARKER = Buffer.from("\xab\xcd\xefMaxMind.com", "latin1");
const SEPARATOR = Buffer.alloc(16);

/** The tree of an IPv6 database; IPv4 lies in `::/96`, as in all real ones. */
export function buildMmdb(networks: Readonly<Record<string, MmdbValue>>): Buffer {
  const root: Node = [undefined, undefined];
  const data: Buffer[] = [];
  let dataBytes = 0;
  for (const [cidr, value] of Object.entries(networks)) {
    const encoded = encode(value);
    insert(root, bitsOf(cidr), dataBytes);
    data.push(encoded);
    dataBytes += encoded.length;
  }
  const nodes = inOrder(root);
  const numbers = new Map(nodes.map((node, index) => [node, index]));
  const tree = Buffer.alloc(nodes.length * 8);
  for (const [index, node] of nodes.entries()) {
    for (const [side, child] of node.entries()) {
      const record =
        child === undefined
          ? nodes.length
          : typeof child === "number"
            ? nodes.length + SEPARATOR.length + child
            : (numbers.get(child) as number);
      tree.writeUInt32BE(record, index * 8 + side * 4);
    }
  }
  const metadata = encode({
    node_count: nodes.length,
    record_size: 32,
    ip_version: 6,
    database_type: "Test",
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_795_300_000,
  });
  return Buffer.concat([tree, SEPARATOR, ...data, MARKER, metadata]);
}

function bitsOf(cidr: string): string {
  const [address = "", prefix = ""] = cidr.split("/");
  const bytes = ipaddr.parse(address).toByteArray();
  const bits = bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return isIP(address) === 4 ? "0".repeat(96) + bits.slice(0, Number(prefix)) : bits.slice(0, Number(prefix));
}

function insert(root: Node, bits: string, offset: number): void {
  let node = root;
  for (const bit of bits.slice(0, -1)) {
    const side = Number(bit);
    const child = node[side] ?? [undefined, undefined];
    if (typeof child === "number") throw new Error("networks of a test database must not overlap");
    node[side] = child;
    node = child;
  }
  node[Number(bits.at(-1))] = offset;
}

function inOrder(root: Node): readonly Node[] {
  const nodes: Node[] = [];
  const visit = (node: Node): void => {
    nodes.push(node);
    for (const child of node) if (Array.isArray(child)) visit(child);
  };
  visit(root);
  return nodes;
}

const TYPES = { string: 2, double: 3, uint32: 6, map: 7, array: 11, boolean: 14 } as const;

function encode(value: MmdbValue): Buffer {
  if (typeof value === "string") {
    const text = Buffer.from(value);
    return Buffer.concat([control(TYPES.string, text.length), text]);
  }
  if (typeof value === "boolean") return control(TYPES.boolean, value ? 1 : 0);
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return Buffer.concat([control(TYPES.uint32, 4), bytes]);
  }
  if (typeof value === "number") {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return Buffer.concat([control(TYPES.double, 8), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([control(TYPES.array, value.length), ...value.map(encode)]);
  const entries = Object.entries(value);
  return Buffer.concat([
    control(TYPES.map, entries.length),
    ...entries.flatMap(([key, item]) => [encode(key), encode(item)]),
  ]);
}

/** Types beyond 7 stand in a byte of their own; sizes from 29 on, too. */
function control(type: number, size: number): Buffer {
  const short = Math.min(size, 29);
  const bytes = type <= 7 ? [(type << 5) | short] : [short, type - 7];
  return Buffer.from(size >= 29 ? [...bytes, size - 29] : bytes);
}
