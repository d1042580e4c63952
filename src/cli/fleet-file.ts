import { resolve } from 'node:path';
import type { Fleet } from '../config/fleet.ts';
import { type Author, LatticeError } from '../core/types/index.ts';
import { authorToPeerId } from '../core/wire/peer-id.ts';
import type { CliContext } from './context.ts';
import { readTextFile } from './input.ts';
import { replaceFile } from './replace-file.ts';

/** More nodes than any fleet has. A longer list is not a fleet.json. */
const MAX_NODES = 1000;

/**
 * A fleet with other nodes. It keeps the keys with which it began, from which proofs are checked however its members
 * change.
 */
export function withNodes(fleet: Fleet, nodes: Fleet['nodes']): Fleet {
  const founders = fleet.founders ?? fleet.nodes.map(({ publicKey }) => publicKey);
  return { network: fleet.network, founders, nodes };
}

/** A fleet in which the node with the key `old` goes on under the key `fresh`. */
export function withKey(fleet: Fleet, old: string, fresh: Author): Fleet {
  const after = authorToPeerId(fresh);
  const changed = fleet.nodes.map((node) =>
    node.publicKey === old
      ? { ...node, publicKey: fresh, peerId: after, p2p: node.p2p.replace(`/p2p/${node.peerId}`, `/p2p/${after}`) }
      : node,
  );
  return withNodes(fleet, changed);
}

/** Puts a fleet.json in the place of the one that the user has named. Rejects as `replaceFile` does. */
export async function writeFleetFile({ cwd }: CliContext, file: string, fleet: Fleet): Promise<void> {
  await replaceFile(resolve(cwd, file), `${JSON.stringify(fleet, undefined, 2)}\n`, 0o644);
}

/** A fleet.json has a few lines for each node. */
const MAX_FLEET_BYTES = 1024 * 1024;

/** The fleet of a file that the user has named. Rejects as `readTextFile` and `readFleet` do. */
export async function readFleetFile(context: CliContext, file: string): Promise<Fleet> {
  return readFleet(await readTextFile(context, file, MAX_FLEET_BYTES), file);
}

/**
 * Reads the description of a fleet that `lattice init` writes to fleet.json; `file` is what an error calls it. Throws
 * LatticeError `fleet-malformed`.
 */
export function readFleet(text: string, file: string): Fleet {
  const fail = (why: string): never => {
    throw new LatticeError('fleet-malformed', `${file} is not a fleet.json: ${why}`, {
      next: 'Give the fleet.json that lattice init wrote.',
    });
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    fail('it is not JSON');
  }
  const fleet = (typeof value === 'object' && value !== null ? value : fail('it is not an object')) as Record<
    string,
    unknown
  >;
  const nodes = fleet['nodes'];
  if (!Array.isArray(nodes) || nodes.length === 0 || nodes.length > MAX_NODES)
    return fail('"nodes" is not a list of nodes');
  const field = (node: unknown, name: string): string => {
    const text = (node as Record<string, unknown> | null)?.[name];
    return typeof text === 'string' ? text : fail(`a node has no "${name}"`);
  };
  const founders = fleet['founders'];
  const isList = (list: unknown): list is string[] =>
    Array.isArray(list) && list.length <= MAX_NODES && list.every((key) => typeof key === 'string');
  if (founders !== undefined && (!isList(founders) || founders.length === 0))
    return fail('"founders" is not a list of keys');
  return {
    network: field(fleet, 'network'),
    ...(founders === undefined ? {} : { founders }),
    nodes: nodes.map((node) => ({
      name: field(node, 'name'),
      role: field(node, 'role'),
      peerId: field(node, 'peerId'),
      publicKey: field(node, 'publicKey'),
      api: field(node, 'api'),
      p2p: field(node, 'p2p'),
      envFile: field(node, 'envFile'),
    })),
  };
}
