/**
 * Where a command works that can do so over a server's API and on this machine's store: on a server when one is named, and not this
 * machine's settings. Flags decide, then `WAYPOST_CONFIG`, then what else names a server. The store needs no server that runs and no
 * key, for the day when every key is lost.
 */
import { type Config, type ConfigSources, clientEnvironment, loadConfig } from "../config.ts";
import { AppError } from "../domain/errors.ts";
import { connect, type Remote } from "./remote.ts";
import { type AddressOptions, isServerNamed } from "./server-address.ts";

export type Place = { readonly remote: Remote } | { readonly config: Config };

/** Throws `ConfigError` for settings that are wrong, and `invalid_parameters` when both are named. */
export function placeOf(address: AddressOptions, settings: ConfigSources): Place {
  const isHere = settings.file !== undefined || Object.keys(settings.flags ?? {}).length > 0;
  const isThere = Object.values(address).some((option) => option !== undefined);
  if (isHere && isThere) {
    throw new AppError(
      "invalid_parameters",
      "--url, --key and --profile name a server, --config and the other settings this machine's store: use one or the other.",
    );
  }
  const isSetUpHere = isHere || clientEnvironment().configFile !== undefined;
  if (isThere || (!isSetUpHere && isServerNamed())) return { remote: connect(address) };
  return { config: loadConfig(settings).config };
}

/** On stderr, before what is said of a change: it may have been another server that was meant. */
export function tellServer(place: Place): void {
  if ("remote" in place) console.error(`On ${place.remote.url}:`);
}
