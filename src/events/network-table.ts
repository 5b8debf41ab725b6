/**
 * What is said of networks, looked up by address: the most specific network decides, as in routing. Its time grows with
 * the number of different prefix lengths, not with that of networks: an operator may list a whole CDN.
 */
import { isIP } from "node:net";

interface Level<Key> {
  /** Bits of an address that are not the network's. */
  readonly hostBits: number;
  readonly networks: Map<Key, number>;
}

const V4_BITS = 32;
const V6_BITS = 128;

export class NetworkTable<Value> {
  readonly #values: Value[] = [];
  /** The longest prefix first. */
  readonly #v4: Level<number>[] = [];
  readonly #v6: Level<bigint>[] = [];

  /** `network` is an address or a CIDR ({@link isAddressOrCidr}); bits behind the prefix are ignored. One that is there already stays as it is. */
  add(network: string, value: Value): void {
    const [address = "", prefix] = network.split("/");
    const index = this.#values.push(value) - 1;
    const v4 = v4Number(address);
    if (v4 !== undefined) {
      const hostBits = V4_BITS - Number(prefix ?? V4_BITS);
      addTo(this.#v4, hostBits, shifted(v4, hostBits), index);
    } else {
      const hostBits = V6_BITS - Number(prefix ?? V6_BITS);
      addTo(this.#v6, hostBits, v6Number(address) >> BigInt(hostBits), index);
    }
  }

  /** `undefined` for an address that no network holds, and for what is no address. */
  find(address: string): Value | undefined {
    const index = this.#findV4(address) ?? this.#findV6(address);
    return index === undefined ? undefined : this.#values[index];
  }

  #findV4(address: string): number | undefined {
    if (this.#v4.length === 0) return undefined;
    const number = v4Number(address);
    if (number === undefined) return undefined;
    for (const { hostBits, networks } of this.#v4) {
      const found = networks.get(shifted(number, hostBits));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #findV6(address: string): number | undefined {
    if (this.#v6.length === 0 || !address.includes(":") || isIP(address) !== 6) return undefined;
    const number = v6Number(address);
    for (const { hostBits, networks } of this.#v6) {
      const found = networks.get(number >> BigInt(hostBits));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function addTo<Key>(levels: Level<Key>[], hostBits: number, key: Key, index: number): void {
  let level = levels.find((candidate) => candidate.hostBits === hostBits);
  if (level === undefined) {
    level = { hostBits, networks: new Map() };
    levels.push(level);
    levels.sort((a, b) => a.hostBits - b.hostBits);
  }
  if (!level.networks.has(key)) level.networks.set(key, index);
}

function shifted(number: number, hostBits: number): number {
  // Shifting by 32 bits shifts by none.
  return hostBits === V4_BITS ? 0 : number >>> hostBits;
}

/** Four numbers without leading zeros, as node:net has it. By hand: it is done for each event. */
function v4Number(address: string): number | undefined {
  let number = 0;
  let parts = 0;
  let part = -1;
  for (let at = 0; at <= address.length; at++) {
    const code = at === address.length ? DOT : address.charCodeAt(at);
    if (code === DOT) {
      if (part === -1 || part > 255) return undefined;
      number = number * 256 + part;
      parts += 1;
      part = -1;
    } else {
      if (code < ZERO || code > NINE || part === 0 || part > 255) return undefined;
      part = (part === -1 ? 0 : part * 10) + code - ZERO;
    }
  }
  return parts === 4 ? number : undefined;
}

const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** RFC 4291 section 2.2, of text that is known to be an address; a zone (`%eth0`) is no part of it. */
function v6Number(address: string): bigint {
  const [bare = ""] = address.split("%", 1);
  const [head = "", tail] = bare.split("::");
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  let number = 0n;
  for (const group of left) number = (number << 16n) | BigInt(group);
  number <<= BigInt(16 * (8 - left.length - right.length));
  for (const group of right) number = (number << 16n) | BigInt(group);
  return number;
}

function groupsOf(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const v4 = v4Number(group) ?? 0;
    return [Math.floor(v4 / 65_536), v4 % 65_536];
  });
}
