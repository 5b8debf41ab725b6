import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { eventOf } from "../../test/classification/events.ts";
import { buildMmdb } from "../../test/events/mmdb.ts";
import { AppError } from "../domain/errors.ts";
import { createGeoStep, LOCATE_NOTHING, openGeoDatabase } from "./geo.ts";

const OXFORD = {
  continent: { code: "EU", names: { en: "Europe" } },
  country: { iso_code: "GB", names: { en: "United Kingdom" } },
  subdivisions: [{ iso_code: "ENG", names: { en: "England" } }],
  city: { names: { de: "Oxford", en: "Oxford" } },
  location: { latitude: 51.75, longitude: -1.25, time_zone: "Europe/London" },
  postal: { code: "OX1" },
};
const DATABASE = buildMmdb({
  "81.2.69.0/24": OXFORD,
  "1.1.1.0/24": { country_code: "AU" },
  "8.8.8.0/24": {
    country_code: "US",
    state1: "California",
    city: "Mountain View",
    latitude: "37.4",
    longitude: "-122.1",
    postcode: "94043",
  },
  "2a02::/16": { country: { iso_code: "DE" } },
  "9.0.0.0/8": { traits: { is_anycast: true } },
  "10.0.0.0/8": { country: { iso_code: "ZZ" } },
});

test("an address has the country, region, city, position and postal code that the database has of it", () => {
  const locate = openGeoDatabase(DATABASE);
  assert.deepEqual(locate("81.2.69.142"), {
    country: "GB",
    region: "ENG",
    city: "Oxford",
    latitude: 51.75,
    longitude: -1.25,
    zip: "OX1",
    postalCode: "OX1",
  });
  assert.deepEqual(locate("2a02::7"), { country: "DE" });
});

test("the flat layout of the ip-location-db project is read, too", () => {
  const locate = openGeoDatabase(DATABASE);
  assert.deepEqual(locate("1.1.1.1"), { country: "AU" });
  assert.deepEqual(locate("8.8.8.8"), {
    country: "US",
    region: "California",
    city: "Mountain View",
    latitude: 37.4,
    longitude: -122.1,
    zip: "94043",
    postalCode: "94043",
  });
});

test("IPv4 written as IPv6 is where the IPv4 address is", () => {
  assert.equal(openGeoDatabase(DATABASE)("::ffff:81.2.69.142")?.country, "GB");
});

test("private, reserved and unknown addresses are nowhere, whatever the database says", () => {
  const locate = openGeoDatabase(DATABASE);
  for (const address of [
    "10.1.2.3",
    "127.0.0.1",
    "192.168.1.1",
    "169.254.0.1",
    "198.51.100.1",
    "::1",
    "fe80::1",
    "fd00::1",
  ])
    assert.equal(locate(address), undefined);
  for (const address of ["81.2.70.1", "2a03::1", "9.9.9.9"]) assert.equal(locate(address), undefined);
});

test("what is no address is nowhere", () => {
  const locate = openGeoDatabase(DATABASE);
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.constantFrom("", "fe80::1%eth0", "1.2.3.4.5", "::ffff:1.2.3.999")),
      (text) => assert.equal(locate(text), undefined),
    ),
  );
});

test("a file that is no database, or half of one, is refused", () => {
  for (const content of [
    Buffer.alloc(0),
    Buffer.from("<html>"),
    DATABASE.subarray(0, -200),
    DATABASE.subarray(4000),
  ])
    assert.throws(() => openGeoDatabase(content), AppError);
});

test("a damaged database is refused or knows less, and never fails an event", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(DATABASE.length - 1), fc.nat(255)), { maxLength: 40 }),
      (damages) => {
        const damaged = Buffer.from(DATABASE);
        for (const [at, byte] of damages) damaged[at] = byte;
        try {
          const locate = openGeoDatabase(damaged);
          for (const address of ["81.2.69.142", "8.8.8.8", "2a02::7"]) locate(address);
        } catch (error) {
          assert.ok(error instanceof AppError);
        }
      },
    ),
  );
});

test("each event with a known address gets its place, by the database of the day", async () => {
  let locate = LOCATE_NOTHING;
  const step = createGeoStep(() => locate);
  const events = [eventOf({ ipAddress: "81.2.69.142" }), eventOf({ ipAddress: "192.168.1.1" })];
  const placed = async () => (await step({ events, corrections: [] })).events.map(({ geoIp }) => geoIp?.city);
  assert.deepEqual(await placed(), [undefined, undefined]);
  locate = openGeoDatabase(DATABASE);
  assert.deepEqual(await placed(), ["Oxford", undefined]);
});
