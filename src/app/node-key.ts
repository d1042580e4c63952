import { createSigner, systemRandom } from '../adapters/system/index.ts';
import { type Author, bytesToHex } from '../core/types/index.ts';
import { authorToPeerId } from '../core/wire/peer-id.ts';

/** The identity of a node. Hex, 64 digits each. */
export interface NodeKey {
  /** Ed25519 seed, for `DIOTEC360_NODE_PRIVKEY_HEX`. Whoever has it writes as this node. */
  readonly privateKey: string;
  /** For every node's `DIOTEC360_TRUSTED_STATE_PUBKEYS`. */
  readonly publicKey: Author;
  /** 12D3Koo…, as P2P addresses name the node. */
  readonly peerId: string;
}

/** A new random identity, for programs that embed a node and keep its key themselves. */
export function generateNodeKey(): NodeKey {
  const seed = systemRandom().bytes(32);
  const { author } = createSigner(seed);
  return { privateKey: bytesToHex(seed), publicKey: author, peerId: authorToPeerId(author) };
}
