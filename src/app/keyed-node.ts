import { createHttpLung } from '../adapters/http/index.ts';
import { createSigner } from '../adapters/system/index.ts';
import type { Config } from '../config/index.ts';
import { type Author, type Bytes, type Hasher, LatticeError } from '../core/types/index.ts';
import { authorToPeerId } from '../core/wire/peer-id.ts';
import type { Clock, Log, Machine, Metrics, Random, Store, Verifier } from '../ports/index.ts';
import { createNode, type NodeDeps, type NodeOptions, namedLog, type RunningNode } from '../runtime/index.ts';
import { createLife, type Life } from './life.ts';
import { openP2p } from './p2p.ts';
import { turningError } from './turning-gate.ts';

/** How long calls that a stopped node has answered already are given to reach whoever made them. */
const ANSWER_MS = 1_000;

/** A node under one key, over a store that may have another key later. */
export interface KeyedNode {
  readonly author: Author;
  readonly node: RunningNode;
  readonly lattice: RunningNode['lattice'];
  /** Until when it answers calls. */
  readonly life: Life;
  /** Stops the node and its lungs. What it acknowledged is durable then; the store stays open. */
  stop(): Promise<void>;
  /** Stops it as well, and tells whoever still waits for it then that another key has taken its place. */
  giveWay(): Promise<void>;
}

export interface KeyedNodeDeps extends Pick<NodeDeps, 'vault'> {
  readonly store: Store;
  readonly hasher: Hasher;
  readonly verifier: Verifier;
  readonly random: Random;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly machine: Machine;
  readonly log: Log;
  /** The settings of P2P as they are at the moment. */
  readonly p2p: () => Config['p2p'];
  readonly mayAccept: () => boolean;
  readonly onFatal: (error: LatticeError) => void;
}

/**
 * Opens and verifies the state in the store for the node that has this key. Rejects as `createNode` does; nothing is left
 * running then.
 */
export async function openKeyedNode(seed: Bytes, options: NodeOptions, deps: KeyedNodeDeps): Promise<KeyedNode> {
  const { store, hasher, verifier, random, clock, metrics, machine, log, vault } = deps;
  const signer = createSigner(seed);
  let nameOf: RunningNode['nameOf'] | undefined;
  // The lungs are there before the node that knows names. This node itself stays an id, as operators look for it.
  const labelOf = (author: Author): string | undefined => (author === signer.author ? undefined : nameOf?.(author));
  const lungs = namedLog(log, labelOf, authorToPeerId);
  const { mayAccept } = deps;

  const p2p = deps.p2p().enabled
    ? openP2p({ seed, publicKey: signer.publicKey, settings: deps.p2p, log: lungs, clock, mayAccept })
    : undefined;
  const http = createHttpLung({ signer, verifier, hasher, random, clock, log: lungs.child('http') });
  const life = createLife();
  /** What it still reads of the store afterwards may be what the next node has written there. */
  let isOver = false;
  let node: RunningNode;
  try {
    node = await createNode(options, {
      store,
      hasher,
      signer,
      verifier,
      clock,
      random,
      log,
      metrics,
      machine,
      ...(p2p === undefined ? {} : { p2p }),
      http,
      ...(vault === undefined ? {} : { vault }),
      peerIdOf: authorToPeerId,
      onFatal(cause) {
        if (isOver) return;
        deps.onFatal(cause instanceof LatticeError ? cause : new LatticeError('internal', String(cause), { cause }));
      },
    });
  } catch (error) {
    await http.close();
    throw error;
  }
  ({ nameOf } = node);

  async function stop(): Promise<void> {
    try {
      await node.stop();
    } finally {
      await http.close();
    }
  }
  return {
    author: signer.author,
    node,
    lattice: node.lattice,
    life,
    stop,
    async giveWay() {
      await stop();
      isOver = true;
      clock.after(ANSWER_MS, () => life.end(turningError()));
    },
  };
}
