/** Where the parts meet in the data directory. Here alone, so that an edge worker loads no part that it does not run. */
export const SNAPSHOT_FILE = "snapshot";
export const SPOOL_FOLDER = "spool";
export const CERTIFICATE_FOLDER = "certificates";
export const METRICS_FOLDER = "metrics";
