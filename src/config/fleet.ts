import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { isIP, isIPv6 } from 'node:net';
import { join } from 'node:path';
import {
  checkSecretDirectory,
  deriveBytes,
  deriveNodeSeed,
  seedToAuthor,
  writeNewFile,
} from '../adapters/system/keys.ts';
import { makeDirectory } from '../adapters/system/make-directory.ts';
import { type Author, type Bytes, bytesToHex, counted, LatticeError } from '../core/types/index.ts';
import { localUrl } from '../core/wire/host.ts';
import { authorToPeerId } from '../core/wire/peer-id.ts';
import { VARIABLES, type VariableName } from './variables.ts';
import { isWildcard } from './violations.ts';

/** What fleet to plan. */
export interface FleetOptions {
  readonly dir: string;
  /** How many nodes, 1 to 50. */
  readonly nodes: number;
  /** The API port of the first node. The others have the ports after it. */
  readonly basePort: number;
  /** The P2P port of the first node. The others have the ports after it. */
  readonly p2pBasePort: number;
  /**
   * One name for each node. Ports are given in the alphabetical order of `<name>.env`. Default: genesis or numbered
   * names.
   */
  readonly names?: readonly string[] | undefined;
  /** A secret of 32 bytes, of which all keys and tokens are made, always the same. Without it they are random. */
  readonly seed?: Bytes | undefined;
  /** The IP address that every node listens on and is reached at. Default: 127.0.0.1. */
  readonly host?: string | undefined;
  /** The name of the network. Default: the default topic. */
  readonly network?: string | undefined;
}

/** One node as fleet.json has it, without secrets. */
export interface FleetNode {
  readonly name: string;
  readonly role: string;
  readonly peerId: string;
  /** The author's public key, 64 hex digits. */
  readonly publicKey: string;
  /** The base URL of the API. */
  readonly api: string;
  /** The multiaddr of the P2P lung, with /p2p and the peer id. */
  readonly p2p: string;
  /** The path of the env file, relative to fleet.json. */
  readonly envFile: string;
}

/** The content of fleet.json. The nodes are in the order of their ports. */
export interface Fleet {
  readonly network: string;
  /**
   * The keys with which the fleet began, 64 hex digits each, where its nodes are others by now: they are the roster of
   * epoch 0, from which proofs are checked. Absent while they are those of `nodes`.
   */
  readonly founders?: readonly string[];
  readonly nodes: readonly FleetNode[];
}

/** One file of a plan. */
export interface FleetFile {
  /** The name within the directory of the plan. */
  readonly name: string;
  readonly mode: number;
  readonly content: string;
}

/** What writeFleet writes. The contents have keys and tokens in them. */
export interface FleetPlan {
  readonly dir: string;
  readonly fleet: Fleet;
  /** In the order of writing. fleet.json is last, so that its presence means that the fleet is complete. */
  readonly files: readonly FleetFile[];
}

/** Nodes of a fleet in which every node names every other one, which is what Lattice is designed for. */
export const MAX_FLEET = 50;
const TOKEN_INFO = 'diotec360/lattice/api-token/v1:';
/** Names have no dots, because `<name>` is also a directory beside `<name>.env` and `<name>.key`. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const GENESIS: readonly (readonly [name: string, role: string])[] = [
  ['node1-huggingface', 'genesis-public'],
  ['node2-diotec360', 'genesis-primary'],
  ['node3-backup', 'genesis-backup'],
];

export function invalid(rule: string, next: string): LatticeError {
  return new LatticeError('invalid-fleet', rule, { next });
}

function checkPorts(option: string, base: number, nodes: number): void {
  if (!Number.isInteger(base) || base < 1 || base + nodes - 1 > 65_535) {
    throw invalid(
      `${option} ${base} leaves no room for the ports of ${counted(nodes, 'node')}`,
      `choose ${option} from 1 to ${65_536 - nodes}`,
    );
  }
}

function fleetNames({ nodes, names }: FleetOptions): readonly string[] {
  if (names === undefined) {
    if (nodes === GENESIS.length) return GENESIS.map(([name]) => name);
    const digits = String(nodes).length; // node01 to node12, so that alphabetical order is that of the numbers
    return Array.from({ length: nodes }, (_, i) => `node${String(i + 1).padStart(digits, '0')}`);
  }
  if (names.length !== nodes)
    throw invalid(
      `${counted(names.length, 'name')} ${names.length === 1 ? 'was' : 'were'} given for ${counted(nodes, 'node')}`,
      'give one name for each node',
    );
  const bad = names.find((name) => !NAME.test(name));
  if (bad !== undefined) {
    throw invalid(
      `"${bad}" is not a node name`,
      'use 1 to 63 letters, digits, hyphens and underscores, a letter or digit first',
    );
  }
  // Some file systems do not tell upper from lower case.
  if (new Set(names.map((name) => name.toLowerCase())).size !== names.length) {
    throw invalid('two nodes have the same name', 'give each node its own name');
  }
  return names;
}

/** One line `DIOTEC360_NAME=value` for each pair. The type of the names checks them against the table of variables. */
export function envLines(pairs: readonly (readonly [name: VariableName, value: string])[]): string {
  return pairs.map(([name, value]) => `DIOTEC360_${name}=${value}\n`).join('');
}

/**
 * Plans the files of a fleet on one host whose nodes trust, dial and poll each other: `<name>.env` and `<name>.key` for
 * each node, and fleet.json. It writes no file. Throws LatticeError `invalid-fleet`.
 */
export function planFleet(options: FleetOptions): FleetPlan {
  const { dir, nodes, basePort, p2pBasePort, seed } = options;
  const host = (options.host ?? '127.0.0.1').replace(/^\[(.*)\]$/, '$1');
  const topic = VARIABLES.find(({ name }) => name === 'P2P_TOPIC')?.default ?? '';
  const network = options.network ?? topic;
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > MAX_FLEET) {
    throw invalid(`a fleet of ${nodes} nodes cannot be made`, `choose 1 to ${MAX_FLEET} nodes`);
  }
  checkPorts('base-port', basePort, nodes);
  checkPorts('p2p-base-port', p2pBasePort, nodes);
  if (Math.abs(basePort - p2pBasePort) < nodes) {
    throw invalid('the API and P2P ports overlap', `choose base ports that are ${nodes} or more apart`);
  }
  if (isIP(host) === 0 || isWildcard(host) || host.includes('%')) {
    throw invalid(
      `the nodes cannot be reached at ${host}`,
      'give an IP address of one interface, for example 127.0.0.1',
    );
  }
  if (seed !== undefined && seed.length !== 32)
    throw invalid(`the seed has ${counted(seed.length, 'byte')}`, 'give a seed of 32 bytes (64 hex digits)');

  const ip = isIPv6(host) ? 'ip6' : 'ip4';
  const sites = fleetNames(options).map((name, i): Site => {
    const listen = `/${ip}/${host}/tcp/${p2pBasePort + i}`;
    const port = basePort + i;
    return {
      name,
      api: localUrl(host, port),
      listensAt: [host, port],
      p2pListen: listen,
      p2pAddress: listen,
      more: [],
    };
  });
  return planSites({ dir, network, seed, sites });
}

/** Where one node of a plan is, where others find it, and what it has already. */
export interface Site {
  readonly name: string;
  /** Default: that of the genesis node of this name. */
  readonly role?: string;
  /** The base URL at which others reach its API. */
  readonly api: string;
  /** Undefined where its env file leaves that to its machine. */
  readonly listensAt: readonly [host: string, port: number] | undefined;
  /** Undefined where it has no P2P lung. */
  readonly p2pListen: string | undefined;
  /** The multiaddr at which others reach it, without /p2p and the peer id; undefined where none does. */
  readonly p2pAddress: string | undefined;
  /** The directories of state, vault and audit record, relative to its env file. Default: those below `<name>/`. */
  readonly directories?: readonly [state: string, vault: string, sentinel: string];
  /** Its private key and its token, where it has them already. */
  readonly seed?: Bytes;
  readonly token?: string;
  /** Authors whom it trusts and base URLs that it asks, beside those of the plan. */
  readonly trusts?: readonly string[];
  readonly asks?: readonly string[];
  /** What stands in its env file beside what every node of a fleet has. */
  readonly more: readonly (readonly [name: VariableName, value: string])[];
}

/** Plans the files of nodes that trust, dial and poll each other. */
export function planSites(options: {
  readonly dir: string;
  readonly network: string;
  readonly seed: Bytes | undefined;
  readonly sites: readonly Site[];
}): FleetPlan {
  const { dir, network, seed, sites } = options;
  const members = sites.map((site) => {
    const { name } = site;
    const nodeSeed = site.seed ?? (seed === undefined ? new Uint8Array(randomBytes(32)) : deriveNodeSeed(seed, name));
    const token = seed === undefined ? randomBytes(32) : Buffer.from(deriveBytes(seed, TOKEN_INFO + name));
    const author: Author = seedToAuthor(nodeSeed);
    const peerId = authorToPeerId(author);
    const node: FleetNode = {
      name,
      role: site.role ?? GENESIS.find(([genesis]) => genesis === name)?.[1] ?? '',
      peerId,
      publicKey: author,
      api: site.api,
      p2p: site.p2pAddress === undefined ? '' : `${site.p2pAddress}/p2p/${peerId}`,
      envFile: `${name}.env`,
    };
    return { node, site, seedHex: bytesToHex(nodeSeed), token: site.token ?? token.toString('base64url') };
  });

  const files = members.flatMap(({ node, site, seedHex, token }): readonly FleetFile[] => {
    const others = members.filter((other) => other.node !== node).map((other) => other.node);
    const own = node.name;
    const [state, vault, sentinel] = site.directories ?? [`${own}/state`, `${own}/vault`, `${own}/sentinel`];
    const listensAt = site.listensAt ?? [];
    const addresses = others.flatMap((other) => (other.p2p === '' ? [] : other.p2p));
    // A lung that nobody else has would only be a port.
    const isOnly = others.length > 0 && addresses.length === 0;
    const p2p: readonly (readonly [name: VariableName, value: string])[] =
      site.p2pListen === undefined || isOnly
        ? []
        : [
            ['P2P_LISTEN', site.p2pListen],
            ['P2P_BOOTSTRAP', addresses.join(',')],
          ];
    const more = isOnly
      ? [...site.more.filter(([variable]) => variable !== 'P2P_ENABLED'), ['P2P_ENABLED', 'false'] as const]
      : site.more;
    const env = envLines([
      ['NODE_NAME', node.name],
      ['NODE_NAMES', others.map((other) => `${other.publicKey}=${other.name}`).join(',')],
      ['NODE_ROLE', node.role],
      ['NETWORK', network],
      ['KEY_FILE', `${node.name}.key`],
      ['TRUSTED_STATE_PUBKEYS', [...members.map((member) => member.node.publicKey), ...(site.trusts ?? [])].join(',')],
      ['STATE_DIR', state],
      ['VAULT_DIR', vault],
      ['SENTINEL_DIR', sentinel],
      ...listensAt.map((value, i) => [i === 0 ? 'API_HOST' : 'API_PORT', String(value)] as const),
      ['API_TOKEN', token],
      ['LATTICE_NODES', [...others.map((other) => other.api), ...(site.asks ?? [])].join(',')],
      ['ANNOUNCE', p2p.length === 0 || site.p2pAddress === undefined ? node.api : `${node.api},${site.p2pAddress}`],
      ...p2p,
      ...more,
    ]);
    const header = `# Node ${node.name}, peer id ${node.peerId}. Relative paths are relative to this file. It holds a token: keep its permissions at 0600.\n`;
    return [
      { name: `${node.name}.key`, mode: 0o600, content: `${seedHex}\n` },
      { name: node.envFile, mode: 0o600, content: header + env },
    ];
  });
  const fleet: Fleet = { network, nodes: members.map(({ node }) => node) };
  return {
    dir,
    fleet,
    files: [...files, { name: 'fleet.json', mode: 0o644, content: `${JSON.stringify(fleet, undefined, 2)}\n` }],
  };
}

function existsError(files: readonly string[]): LatticeError {
  return new LatticeError('exists', `these files exist already and are not overwritten: ${files.join(', ')}`, {
    next: 'choose another directory, or move the files away: they hold the keys of a fleet',
    details: { files },
  });
}

/**
 * Writes the files of a plan into its directory, which it makes with mode 0700. They are durable when it returns.
 * Throws LatticeError `exists`, with the paths in `details.files`, when one of the files is there already, and
 * `key-permissions` when others can write the directory. Also throws what the file system throws. No file of the plan
 * is left behind then.
 */
export function writeFleet(plan: FleetPlan): void {
  const taken = plan.files.map(({ name }) => join(plan.dir, name)).filter((path) => existsSync(path));
  if (taken.length > 0) throw existsError(taken);
  makeDirectory(plan.dir, 0o700);
  checkSecretDirectory(plan.dir);
  const written: string[] = [];
  try {
    for (const { name, mode, content } of plan.files) {
      const path = join(plan.dir, name);
      writeNewFile(path, content, mode);
      written.push(path);
    }
  } catch (error) {
    for (const path of written) rmSync(path, { force: true });
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST' && 'path' in error)
      throw existsError([String(error.path)]);
    throw error;
  }
}
