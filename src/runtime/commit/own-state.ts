import type { Replica } from '../../core/replica/index.ts';
import type { StateMeta } from '../../core/rows/index.ts';
import { type Author, type Bytes, bytesToHex, type Hlc } from '../../core/types/index.ts';
import { createSignedHead, type SignedHead } from '../../core/wire/index.ts';
import type { Clock, Signer } from '../../ports/index.ts';
import { RecentRoots } from '../peers/peers.ts';

export interface OwnState {
  /** What is durable: the only state that leaves this node. The replica itself may be a batch ahead. */
  durable(): StateMeta;
  /** The durable root, hex. */
  root(): string;
  readonly recentRoots: RecentRoots;
  /** A fresh signed head naming the durable root; numbered from 1 in this life. */
  head(): SignedHead;
  /** A batch has become durable. */
  advance(meta: StateMeta): void;
  /** A commit of our own key is in the state. */
  sawOwn(hlc: Hlc): void;
}

export interface OwnStateDeps {
  readonly replica: Replica;
  readonly self: Author;
  readonly network: string;
  readonly incarnation: Bytes;
  readonly trustHash: Bytes;
  readonly clock: Clock;
  readonly signer: Signer;
}

/** What this node says of itself: its durable state, and the heads that name it. */
export function createOwnState(deps: OwnStateDeps): OwnState {
  const { replica, clock } = deps;
  let durable = replica.meta;
  let root = bytesToHex(durable.root);
  let hlc = replica.seen(deps.self);
  let sequence = 0;
  const recentRoots = new RecentRoots();
  recentRoots.add(root, clock.monotonic());
  return {
    durable: () => durable,
    root: () => root,
    recentRoots,
    head: () =>
      createSignedHead(
        {
          network: deps.network,
          author: deps.self,
          incarnation: deps.incarnation,
          sequence: ++sequence,
          hlc,
          root: durable.root,
          entries: durable.entries,
          trustHash: deps.trustHash,
          wallMs: clock.now(),
        },
        (message) => deps.signer.sign(message),
      ),
    advance(meta) {
      durable = meta;
      root = bytesToHex(durable.root);
      recentRoots.add(root, clock.monotonic());
    },
    sawOwn(at) {
      if (at > hlc) hlc = at;
    },
  };
}
