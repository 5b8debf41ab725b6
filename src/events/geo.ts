/**
 * Where an address is, from a database in MaxMind's format (MMDB) that the operator supplies. Two layouts are known:
 * GeoLite2's and GeoIP2's, which DB-IP's follow, and the flat one of the ip-location-db project.
 */
import { isIP } from "node:net";

import ipaddr from "ipaddr.js";
import { type CityResponse, Reader } from "mmdb-lib";

import { AppError } from "../domain/errors.ts";
import type { EnrichmentStep } from "./ingest.ts";
import type { GeoIp, RecordedEvent } from "./recorded-event.ts";
import { remembered } from "./remembered.ts";

/** `undefined` for an address that the database doesn't have, a private one, and what is no address. Never throws. */
export type Locate = (address: string) => GeoIp | undefined;

/** The largest that are sold have some hundred megabytes; it is kept in memory. */
export const MAX_GEO_FILE_BYTES = 1024 * 1024 * 1024;

const ADDRESSES_REMEMBERED = 10_000;
const MAX_TEXT_CHARS = 100;

export const LOCATE_NOTHING: Locate = () => undefined;

/** Throws `invalid_format` for what is no MMDB file. */
export function openGeoDatabase(content: Buffer): Locate {
  const reader = openReader(content);
  const locate = remembered(ADDRESSES_REMEMBERED, (address: string): GeoIp | null => {
    const known = publicAddress(address);
    if (known === undefined) return null;
    try {
      return toGeoIp(reader.get(known));
    } catch {
      // A damaged record, or an address of a family that the database doesn't have: nothing is known of it.
      return null;
    }
  });
  return (address) => locate(address) ?? undefined;
}

/** Adds where the address of each event is. `locate` is asked for each batch: the database changes while the process runs. */
export function createGeoStep(locate: () => Locate): EnrichmentStep {
  return ({ events, corrections }) => {
    const locateWith = locate();
    const located =
      locateWith === LOCATE_NOTHING ? events : events.map((event) => withPlace(event, locateWith));
    return { events: located, corrections };
  };
}

function withPlace(event: RecordedEvent, locate: Locate): RecordedEvent {
  const geoIp = event.ipAddress === undefined ? undefined : locate(event.ipAddress);
  return geoIp === undefined ? event : { ...event, geoIp };
}

function openReader(content: Buffer): Reader<CityResponse> {
  try {
    // The reader would look for it in all of the file.
    if (!content.subarray(-METADATA_BYTES).includes(METADATA_MARKER)) throw new Error("there is no metadata");
    const reader = new Reader<CityResponse>(content);
    if (!(reader.metadata.searchTreeSize < content.length)) throw new Error("a part of the file is missing");
    return reader;
  } catch (error) {
    throw new AppError("invalid_format", "the file must be a database in MaxMind's format (.mmdb)", {
      cause: error,
    });
  }
}

/** Where its format says that the metadata is. */
const METADATA_BYTES = 128 * 1024;
const METADATA_MARKER = Buffer.from("\xab\xcd\xefMaxMind.com", "latin1");

/** Private, reserved and documentation addresses are nowhere, whatever a database says. */
function publicAddress(text: string): string | undefined {
  if (isIP(text) === 0) return undefined;
  // IPv4 in an IPv6 coat is IPv4.
  const address = ipaddr.process(text);
  return address.range() === "unicast" ? address.toString() : undefined;
}

function toGeoIp(record: unknown): GeoIp | null {
  const at = (...path: readonly (string | number)[]) => valueAt(record, path);
  const postalCode = text(at("postal", "code") ?? at("postcode"));
  const found = {
    country: text(at("country", "iso_code") ?? at("country_code")),
    region: text(at("subdivisions", 0, "iso_code") ?? at("subdivisions", 0, "names", "en") ?? at("state1")),
    city: text(at("city", "names", "en") ?? at("city")),
    latitude: number(at("location", "latitude") ?? at("latitude")),
    longitude: number(at("location", "longitude") ?? at("longitude")),
    zip: postalCode,
    postalCode,
  };
  const known = Object.entries(found).filter(([, value]) => value !== undefined);
  return known.length === 0 ? null : (Object.fromEntries(known) as GeoIp);
}

function valueAt(record: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === "object" && value !== null
        ? (value as Record<string | number, unknown>)[key]
        : undefined,
    record,
  );
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, MAX_TEXT_CHARS) : undefined;
}

/** Some databases have numbers as texts. */
function number(value: unknown): number | undefined {
  const parsed = typeof value === "string" && value !== "" ? Number(value) : value;
  return typeof parsed === "number" && Number.isFinite(parsed) ? parsed : undefined;
}
