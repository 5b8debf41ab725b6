/** How schemas change, the same on every database. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";

import { type Kysely, sql } from "kysely";

import { type Migrations, migrate } from "../../src/store/migrate.ts";
import { stateMigrations } from "../../src/store/migrations/all.ts";
import { openStore } from "../../src/store/open-store.ts";
import { createDomain, type Ground, reopen, startProgram } from "./ground.ts";

const TABLE = "state_migrations";

export function migrationConformance(name: string, ground: Ground): void {
  describe(`migrations in ${name}`, () => {
    test("processes that start at once on an empty database all start, with one key ring and one first key", async (t) => {
      const location = await ground.createLocation(t);
      const programs = Array.from({ length: 4 }, () => startProgram(t, "open-program.ts", location));
      const said = await Promise.all(
        programs.map(async (program) => {
          const [output, [code]] = await Promise.all([text(program.stdout!), once(program, "exit")]);
          assert.equal(code, 0);
          return JSON.parse(output) as { sealedKeyRing: string; gotFirstKey: boolean };
        }),
      );
      assert.equal(new Set(said.map(({ sealedKeyRing }) => sealedKeyRing)).size, 1);
      assert.equal(said.filter(({ gotFirstKey }) => gotFirstKey).length, 1);
    });

    test("a migration that fails leaves the old schema and its data, and the store opens as before", async (t) => {
      const location = await ground.createLocation(t);
      const before = await openStore(location);
      await createDomain(before, "click.example.com");
      await before.close();

      const { db, types } = await ground.connect(t, location);
      const failing: Migrations = {
        ...stateMigrations(types),
        "998-works": {
          up: async (schema: Kysely<unknown>) => {
            await schema.schema.createTable("extra").addColumn("id", types.integer).execute();
            await sql`delete from tracking_domains`.execute(schema);
          },
        },
        "999-fails": { up: (schema: Kysely<unknown>) => schema.schema.dropTable("no_such_table").execute() },
      };
      await assert.rejects(
        migrate(db, failing, TABLE),
        /could not be brought up to date \(999-fails\); it is as it was/,
      );
      await assert.rejects(sql`select * from extra`.execute(db), /extra/);

      const store = await reopen(t, location);
      assert.equal((await store.trackingDomains.list({ subaccounts: "all" })).length, 1);
      await createDomain(store, "other.example.com");
    });

    test("a schema of a newer version is refused, and says what to do", async (t) => {
      const location = await ground.createLocation(t);
      await (await openStore(location)).close();
      const { db, types } = await ground.connect(t, location);
      const newer: Migrations = { ...stateMigrations(types), "999-future": { up: async () => {} } };
      await migrate(db, newer, TABLE);
      await assert.rejects(openStore(location), /newer version of Waypost \(it has 999-future\)/);
      await migrate(db, newer, TABLE);
    });

    test("a store that is closed and opened again has everything", async (t) => {
      const location = await ground.createLocation(t);
      const before = await openStore(location);
      const domain = await createDomain(before, "click.example.com");
      const version = await before.trackingDomains.stateVersion();
      await before.close();
      const store = await reopen(t, location);
      assert.equal((await store.trackingDomains.find(domain, "all"))?.domain, domain);
      assert.equal(await store.trackingDomains.stateVersion(), version);
    });

    test("the database itself refuses a second default, a live domain without owner, and a value of another type", async (t) => {
      const location = await ground.createLocation(t);
      const store = await reopen(t, location);
      await createDomain(store, "a.example.com", 1);
      await createDomain(store, "b.example.com", 1);
      const { db } = await ground.connect(t, location);
      for (const statement of [
        sql`update tracking_domains set is_default = true`,
        sql`update tracking_domains set subaccount_id = null`,
        sql`update tracking_domains set is_default = true, deleted_at_ms = 1 where domain = 'a.example.com'`,
        sql`update tracking_domains set created_at_ms = 'yesterday'`,
        sql`insert into sending_domains (domain, subaccount_id, tracking_domain) values ('x', 0, 'nowhere')`,
        sql`insert into installation (id, created_at_ms, sealed_key_ring) values (2, 0, '')`,
      ]) {
        await assert.rejects(statement.execute(db));
      }
    });
  });
}
