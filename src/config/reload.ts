import { isDeepStrictEqual } from 'node:util';
import { LatticeError } from '../core/types/index.ts';
import type { Config, ConfigSetting } from './model.ts';
import { PREFIX } from './variable.ts';
import type { VariableName } from './variables.ts';
import { violationsOf } from './violations.ts';

/** What a running node takes over, and how each is found in its configuration. Every other variable needs a restart. */
const RELOADABLE: readonly (readonly [name: VariableName, valueOf: (config: Config) => unknown])[] = [
  // The key itself is read by whoever has the node go on under it.
  ['NODE_PRIVKEY_HEX', (config) => seedOf(config)],
  ['KEY_FILE', ({ settings }) => textOf(settings, `${PREFIX}KEY_FILE`)],
  ['NODE_PUBKEY_HEX', ({ settings }) => textOf(settings, `${PREFIX}NODE_PUBKEY_HEX`)],
  ['TRUSTED_STATE_PUBKEYS', (config) => config.trusted],
  ['LATTICE_NODES', (config) => config.http.nodes],
  ['P2P_BOOTSTRAP', (config) => config.p2p.bootstrap],
  ['ANNOUNCE', (config) => config.announce],
  ['API_TOKEN', (config) => config.api.token],
  ['READ_TOKEN', (config) => config.api.readToken],
  ['LOG_LEVEL', (config) => config.logLevel],
  ['SAFE_MODE', (config) => config.safeMode],
  ['VAULT_POLICY', (config) => config.vault.policy],
  ['VAULT_MAX_BYTES', (config) => config.vault.maxObjectBytes],
  ['VAULT_CAPACITY', (config) => config.vault.capacityBytes],
];

/** What besides is taken over while flaws in the P2P settings keep that lung from running: it starts with them. */
const HEALED: readonly VariableName[] = ['P2P_ENABLED', 'P2P_LISTEN', 'P2P_BOOTSTRAP', 'P2P_MDNS'];

const prefixed = (name: VariableName): string => PREFIX + name;
const seedOf = ({ key }: Config): string | undefined => (key.source === 'environment' ? key.seedHex : undefined);
const textOf = (settings: readonly ConfigSetting[], name: string): string | undefined =>
  settings.find((setting) => setting.name === name)?.value;

/** What a reload comes to. The names have their prefix. */
export interface Reload {
  /** What the node runs with from now on. */
  readonly config: Config;
  readonly changed: readonly string[];
  /** Variables that have changed as well and that only a restart takes over. */
  readonly needsRestart: readonly string[];
}

/**
 * Compares the configuration of a running node with the one that was read anew (SPEC N18, N19). Throws LatticeError
 * `invalid-config` when that one has flaws in its P2P settings, and the running one has none.
 */
export function planReload(running: Config, read: Config): Reload {
  const isFlawed = running.p2p.flaws.length > 0;
  if (!isFlawed && read.p2p.flaws.length > 0) {
    throw new LatticeError('invalid-config', `P2P would not run: ${read.p2p.flaws.join(' ')}`, {
      next: 'correct the P2P settings, then reload again',
    });
  }
  const heals = isFlawed && read.p2p.enabled && read.p2p.flaws.length === 0;
  const differing = RELOADABLE.filter(([, valueOf]) => !isDeepStrictEqual(valueOf(running), valueOf(read))).map(
    ([name]) => name,
  );
  // The first address switches the P2P lung on where nothing else does, and the last one off. That is no matter of
  // addresses only.
  const p2pSwitched = running.p2p.enabled !== read.p2p.enabled;
  const healed = HEALED.filter(
    (name) => heals && textOf(running.settings, PREFIX + name) !== textOf(read.settings, PREFIX + name),
  );
  const taken = [
    ...differing.filter((name) => !healed.includes(name) && !(p2pSwitched && name === 'P2P_BOOTSTRAP')),
    ...healed,
  ];
  const reloadable = new Set<string>([...RELOADABLE.map(([name]) => name), ...(heals ? HEALED : [])].map(prefixed));
  const needsRestart = read.settings
    .filter(({ name, value }) => !reloadable.has(name) && value !== textOf(running.settings, name))
    .map(({ name }) => name);
  const also = (name: VariableName, is: boolean): readonly string[] =>
    is && !needsRestart.includes(PREFIX + name) ? [PREFIX + name] : [];

  const isTaken = new Set<string>(taken.map((name) => PREFIX + name));
  const config: Omit<Config, 'violations'> = {
    ...running,
    // Where no variable names it, a key file lies in the state directory, which stays.
    key: isTaken.has(`${PREFIX}NODE_PRIVKEY_HEX`) || isTaken.has(`${PREFIX}KEY_FILE`) ? read.key : running.key,
    logLevel: read.logLevel,
    api: { ...running.api, token: read.api.token, readToken: read.api.readToken },
    p2p: {
      ...running.p2p,
      ...(p2pSwitched ? {} : { bootstrap: read.p2p.bootstrap, flaws: read.p2p.flaws }),
      ...(heals ? { listen: read.p2p.listen, mdns: read.p2p.mdns } : {}),
    },
    safeMode: read.safeMode,
    http: { ...running.http, nodes: read.http.nodes },
    announce: read.announce,
    trusted: read.trusted,
    vault: { ...read.vault, enabled: running.vault.enabled, store: running.vault.store },
    settings: running.settings.map((setting) =>
      isTaken.has(setting.name) ? (read.settings.find(({ name }) => name === setting.name) ?? setting) : setting,
    ),
    warnings: read.warnings,
  };
  return {
    config: Object.freeze({ ...config, violations: violationsOf(config) }),
    changed: taken.map((name) => PREFIX + name),
    needsRestart: [
      ...needsRestart,
      // A token lets the API listen on all interfaces, which takes another socket.
      ...also('API_HOST', running.api.host !== read.api.host),
      ...also('P2P_BOOTSTRAP', p2pSwitched && differing.includes('P2P_BOOTSTRAP')),
    ],
  };
}
