/**
 * Which running server commands talk to, and with which key. Both come from one source, so that no key goes to a server
 * that it is not for: flags, else a profile asked for by name, else the environment, else the default profile, else the
 * server that this machine's configuration describes with the key it wrote to its data directory. Only `--key` goes with any.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";

import { type ClientEnvironment, clientEnvironment, loadConfig } from "../config.ts";
import { AppError } from "../domain/errors.ts";
import { inUrl, reachable } from "./local-address.ts";

export interface AddressOptions {
  readonly url?: string;
  readonly key?: string;
  readonly profile?: string;
}

export interface Address {
  readonly url: string;
  readonly key: string;
  /** PEM: trusted besides the usual authorities. */
  readonly extraCa: readonly string[];
  /** The name that the server's certificate is for, where that is not the host of the URL. */
  readonly certificateName?: string | undefined;
}

interface Source {
  readonly url: string;
  readonly key: string | undefined;
  /** How its key is given. */
  readonly keyIn: string;
  readonly extraCa?: readonly string[];
  readonly certificateName?: string | undefined;
}

const PROFILE_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Throws when no server or key is named, with what is missing. */
export function findAddress(options: AddressOptions): Address {
  const environment = clientEnvironment();
  const source = findSource(options, environment);
  if (source === undefined) {
    throw new AppError(
      "invalid_parameters",
      "No server is named. Use --url and --key, WAYPOST_URL and WAYPOST_API_KEY, or a profile (docs/command-line.md).",
    );
  }
  const key = options.key ?? source.key;
  if (key === undefined) {
    throw new AppError("invalid_parameters", `No key is given for ${source.url}. Use ${source.keyIn}.`);
  }
  const extraCa = [...(source.extraCa ?? []), ...environmentCa(environment)];
  return { url: source.url, key, extraCa, certificateName: source.certificateName };
}

/** By the environment or a profile: the server of this machine is there without anybody's naming it. */
export function isServerNamed(): boolean {
  return findNamed({}, clientEnvironment()) !== undefined;
}

function findSource(options: AddressOptions, environment: ClientEnvironment): Source | undefined {
  return findNamed(options, environment) ?? localServer(options.key);
}

function findNamed(options: AddressOptions, environment: ClientEnvironment): Source | undefined {
  if (options.url !== undefined) {
    const keyIn = "--key: the key of another server is not sent there";
    return { url: options.url, key: undefined, keyIn };
  }
  const { configHome } = environment;
  if (options.profile !== undefined) return readProfile(options.profile, configHome);
  if (environment.url !== undefined) {
    return { url: environment.url, key: environment.key, keyIn: "WAYPOST_API_KEY or --key" };
  }
  if (environment.profile !== undefined) return readProfile(environment.profile, configHome);
  return readProfile(undefined, configHome);
}

/** A profile is a file of `WAYPOST_URL=…` and `WAYPOST_API_KEY=…`. Only one that was asked for by name must be there. */
function readProfile(name: string | undefined, configHome: string): Source | undefined {
  if (name !== undefined && !PROFILE_NAME.test(name)) {
    throw new AppError("invalid_parameters", "A profile's name has letters, digits, - and _ only");
  }
  const path = join(configHome, "waypost", `${name ?? "default"}.profile`);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    // The default one is optional.
    if (name === undefined) return undefined;
    throw new AppError("invalid_parameters", `There is no profile ${path}`);
  }
  const { WAYPOST_URL: url, WAYPOST_API_KEY: key } = parseEnv(text);
  if (!url) throw new AppError("invalid_parameters", `${path} has no WAYPOST_URL`);
  return { url, key: key || undefined, keyIn: `WAYPOST_API_KEY in ${path}, or --key` };
}

/** The server of this machine, when there is a key for it. */
function localServer(givenKey: string | undefined): Source | undefined {
  try {
    const { config } = loadConfig();
    const { apiListen, apiTlsCertFile: certFile } = config;
    const key = givenKey ?? config.apiKey ?? readFileSync(join(config.dataDir, "first-key"), "utf8").trim();
    const certificates = certFile === undefined ? undefined : readFileSync(certFile, "utf8");
    return {
      url: `${certFile === undefined ? "http" : "https"}://${inUrl(reachable(apiListen.host))}:${apiListen.port}`,
      key,
      keyIn: "--key",
      extraCa: [certificates, config.caFile].filter((pem) => pem !== undefined),
      certificateName: certificates === undefined ? undefined : nameIn(certificates),
    };
  } catch {
    // No configuration or no key here: the caller says what is missing.
    return undefined;
  }
}

/** It is for a name that leads elsewhere: what listens here shows it all the same. */
function nameIn(certificates: string): string | undefined {
  const { subject, subjectAltName } = new X509Certificate(certificates);
  const name = /DNS:([^,\s"]+)/.exec(subjectAltName ?? "")?.[1] ?? /^CN=(\S+)$/m.exec(subject)?.[1];
  return name?.replace(/^\*\./, "waypost.");
}

function environmentCa({ caFile }: ClientEnvironment): readonly string[] {
  if (caFile === undefined) return [];
  try {
    return [readFileSync(caFile, "utf8")];
  } catch {
    throw new AppError("invalid_parameters", `WAYPOST_CA_FILE cannot be read: ${caFile}`);
  }
}
