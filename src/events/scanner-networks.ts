/**
 * Networks that fetch what is in mail before its recipient does. Only those are here that their owners publish as
 * their mail service's own, so that no person browses from them; whole clouds are not. Lists like these age: operators
 * add theirs in WAYPOST_CLASSIFICATION_FILE.
 */

/** Exchange Online Protection's (Microsoft 365 endpoints, set 9 and 10; the SPF record of spf.protection.outlook.com), and where Safe Links scans from. */
export const MICROSOFT_MAIL_NETWORKS = [
  "40.92.0.0/15",
  "40.94.0.0/16",
  "40.107.0.0/16",
  "52.100.0.0/14",
  "104.47.0.0/17",
  "2a01:111:f400::/48",
  "2a01:111:f403::/48",
] as const;

/** Barracuda Email Gateway Defense, as Barracuda asks for it to be let through. */
export const BARRACUDA_NETWORKS = ["64.235.144.0/20", "209.222.80.0/21"] as const;

/** Proofpoint's own, from its support pages. */
export const PROOFPOINT_NETWORKS = [
  "62.209.50.0/24",
  "67.231.144.0/20",
  "91.209.104.0/24",
  "148.163.128.0/19",
  "208.84.64.0/22",
  "208.86.200.0/22",
] as const;

/** Mimecast's data centres in the United States, Europe and offshore, as its administrators are told to let them through. */
export const MIMECAST_NETWORKS = [
  "63.128.21.0/24",
  "91.220.42.0/24",
  "170.10.128.0/21",
  "195.130.217.0/24",
  "205.139.110.0/23",
  "207.211.30.0/24",
  "207.211.31.0/25",
  "216.205.24.0/24",
] as const;
