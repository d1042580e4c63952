import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadOrCreateKey, seedToAuthor, writeNewFile } from '../adapters/system/keys.ts';
import type { Author } from '../core/types/index.ts';
import { localUrl } from '../core/wire/host.ts';
import { envLines, invalid, NAME } from './fleet.ts';
import { isWildcard } from './violations.ts';

/** What a node that joins a fleet is to be. */
export interface JoinPlan {
  readonly dir: string;
  readonly name: string;
  readonly network: string;
  /** The authors of epoch 0, from which the certificates lead to the present roster. */
  readonly founders: readonly Author[];
  /** The base URLs and the multiaddrs of nodes that it begins with. */
  readonly urls: readonly string[];
  readonly multiaddrs: readonly string[];
  /** Where its API and its P2P lung listen. */
  readonly host: string;
  readonly port: number;
  readonly p2pPort: number;
}

/** The key of a node that joins, which is made unless an earlier attempt has. Throws LatticeError as keys do. */
export function joiningKey(dir: string, name: string): Author {
  if (!NAME.test(name)) throw invalid(`"${name}" cannot be the name of a file`, 'choose another name with --name');
  return seedToAuthor(loadOrCreateKey(join(dir, `${name}.key`)).seed);
}

/** Writes the env file of the node beside its key, unless an earlier attempt has, and answers its path. */
export function writeJoined({ dir, name, network, founders, urls, multiaddrs, host, port, p2pPort }: JoinPlan): string {
  const path = join(dir, `${name}.env`);
  if (existsSync(path)) return path;
  const ip = host.includes(':') ? 'ip6' : 'ip4';
  const lines = envLines([
    ['NODE_NAME', name],
    ['NETWORK', network],
    ['KEY_FILE', `${name}.key`],
    ['TRUSTED_STATE_PUBKEYS', founders.join(',')],
    ['STATE_DIR', `${name}/state`],
    ['VAULT_DIR', `${name}/vault`],
    ['SENTINEL_DIR', `${name}/sentinel`],
    ['API_HOST', host],
    ['API_PORT', String(port)],
    ['API_TOKEN', randomBytes(32).toString('base64url')],
    ['LATTICE_NODES', urls.join(',')],
    // A node that listens everywhere does not know at which address others reach it.
    ['ANNOUNCE', isWildcard(host) ? '' : `${localUrl(host, port)},/${ip}/${host}/tcp/${p2pPort}`],
    ['P2P_LISTEN', `/${ip}/${host}/tcp/${p2pPort}`],
    ['P2P_BOOTSTRAP', multiaddrs.join(',')],
  ]);
  const header = `# Node ${name}, which joined by an invitation. The trusted keys are those of epoch 0, where its roster begins. Relative paths are relative to this file. It holds a token: keep its permissions at 0600.\n`;
  writeNewFile(path, header + lines, 0o600);
  return path;
}
