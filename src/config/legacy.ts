import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Files of the original that lie in one of the directories of the configuration. */
export interface LegacyFiles {
  readonly variable: 'STATE_DIR' | 'VAULT_DIR' | 'SENTINEL_DIR';
  /** Absolute. */
  readonly directory: string;
  /** What was found in it, in the order of names. Of many, some. */
  readonly names: readonly string[];
}

/** The directory of the node's own store, below a state directory of the original's. */
const OWN = 'lattice';
/** Names that a message lists. A vault of the original's has a file for each function. */
const MAX_NAMES = 8;

/** By which names the original's files are known, for each variable, in the order in which they are told. */
const KNOWN: Readonly<Record<LegacyFiles['variable'], RegExp>> = {
  STATE_DIR: /^(?:snapshot\.json|wal\.log|snapshots)$/,
  VAULT_DIR: /^(?:index\.json|bundles|certificates|[0-9a-f]{64}\.json)$/,
  SENTINEL_DIR: /^telemetry\.db$/,
};
const ORDER = Object.keys(KNOWN);

/**
 * The directories that the original keeps its files in, whatever its env file names: it never reads that, and its
 * versions differ in the name.
 */
const ORIGINAL: Readonly<Record<LegacyFiles['variable'], RegExp>> = {
  STATE_DIR: /^\.(?:diotec360|aethel)_state$/i,
  VAULT_DIR: /^\.(?:diotec360|aethel)_vault$/i,
  SENTINEL_DIR: /^\.(?:diotec360|aethel)_sentinel$/i,
};

/**
 * Looks which of the directories have files of the original's, and where one has none, beside it. One that cannot be
 * read has none. The vault's directory is looked at later, because a disk that hangs there must not hold up the
 * configuration.
 */
export function findLegacy(directories: Readonly<Record<LegacyFiles['variable'], string>>): readonly LegacyFiles[] {
  const { STATE_DIR, VAULT_DIR, SENTINEL_DIR } = directories;
  const at = (variable: LegacyFiles['variable'], directory: string): LegacyFiles[] =>
    legacyAmong(variable, directory, namesIn(directory));
  const beside = (variable: LegacyFiles['variable'], parent: string, named: string): LegacyFiles[] =>
    namesIn(parent)
      .filter((name) => ORIGINAL[variable].test(name) && join(parent, name) !== named)
      .flatMap((name) => at(variable, join(parent, name)));
  const found = (variable: LegacyFiles['variable'], directory: string): LegacyFiles[] => {
    const own = at(variable, directory);
    return own.length > 0 ? own : beside(variable, dirname(directory), directory);
  };
  return [
    ...found('STATE_DIR', STATE_DIR),
    ...beside('VAULT_DIR', dirname(STATE_DIR), VAULT_DIR),
    ...found('SENTINEL_DIR', SENTINEL_DIR),
  ];
}

/** What `findLegacy` has found, and what of the names in the vault's directory are files of the original's. */
export function withLegacyVault(
  found: readonly LegacyFiles[],
  directory: string,
  names: readonly string[],
): readonly LegacyFiles[] {
  const all = [...found, ...legacyAmong('VAULT_DIR', directory, names)];
  return all.sort((a, b) => ORDER.indexOf(a.variable) - ORDER.indexOf(b.variable));
}

function legacyAmong(variable: LegacyFiles['variable'], directory: string, all: readonly string[]): LegacyFiles[] {
  const names = all.filter((name) => KNOWN[variable].test(name));
  return names.length === 0 ? [] : [{ variable, directory, names: names.toSorted().slice(0, MAX_NAMES) }];
}

/**
 * Where the node keeps its own store when it is told this state directory: in a directory below it where the original's
 * files lie there, so that nothing is written beside them. A store that is there already stays where it is, whatever
 * has come or gone beside it since.
 */
export function ownStateDir(directory: string, legacy: readonly LegacyFiles[]): string {
  const below = join(directory, OWN);
  if (hasStore(below)) return below;
  return !hasStore(directory) && legacy.some((found) => found.variable === 'STATE_DIR' && found.directory === directory)
    ? below
    : directory;
}

/** Of a store the key of the node may be there first, then LevelDB's own file, then the mark of its owner. */
const hasStore = (directory: string): boolean =>
  namesIn(directory).some((name) => name === 'CURRENT' || name === 'node.key' || name === 'author');

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
