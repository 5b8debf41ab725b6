/** Kysely on PostgreSQL as the state uses it: one transaction at a time, over all processes. */
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  PostgresDialect,
  type PostgresDialectConfig,
  PostgresDriver,
} from "kysely";

/** Any number that no other software uses on the same database. */
const WRITE_LOCK = 4_702_839_115;

/**
 * PostgreSQL would let two writers read the same row before either changes it. State is written rarely and in
 * milliseconds, so its transactions queue instead: simpler than row locks or retries, and the same as on SQLite.
 */
export class PostgresStateDialect extends PostgresDialect {
  readonly #config: PostgresDialectConfig;

  constructor(config: PostgresDialectConfig) {
    super(config);
    this.#config = config;
  }

  override createDriver(): Driver {
    return new PostgresStateDriver(this.#config);
  }
}

class PostgresStateDriver extends PostgresDriver {
  /** Both in one message: on a busy server each round trip of a writer is time that all others wait. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`begin; select pg_advisory_xact_lock(${WRITE_LOCK})`));
  }
}
