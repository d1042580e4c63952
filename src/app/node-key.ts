import { createSigner, systemRandom } from '../adapters/system/index.ts';
import { type Author, bytesToHex } from '../core/types/index.ts';
import { authorToPeerId } from '../core/wire/peer-id.ts';

/** The keys and the peer id of a node. Keys have 64 hex digits. */
export interface NodeKey {
  /** The Ed25519 seed, for `DIOTEC360_NODE_PRIVKEY_HEX`. Whoever has it can sign as this node. */
  readonly privateKey: string;
  /** The author, for the `DIOTEC360_TRUSTED_STATE_PUBKEYS` of every node. */
  readonly publicKey: Author;
  /** The name of the node in P2P addresses, which begins with 12D3Koo. */
  readonly peerId: string;
}

/**
 * Makes a new random node key, for programs that embed a node and keep its key themselves.
 *
 * @throws nothing
 * @example
 * const { privateKey, publicKey } = generateNodeKey();
 * const node = await startNode({ dataDir: 'state', key: privateKey, trust: [publicKey] });
 */
export function generateNodeKey(): NodeKey {
  const seed = systemRandom().bytes(32);
  const { author } = createSigner(seed);
  return { privateKey: bytesToHex(seed), publicKey: author, peerId: authorToPeerId(author) };
}
