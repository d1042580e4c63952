import type { Replica } from '../../core/replica/index.ts';
import type { StateMeta } from '../../core/rows/index.ts';
import { type Author, type Bytes, bytesToHex, type Hlc } from '../../core/types/index.ts';
import { type About, createSignedHead, type SignedHead, type SyncMessage } from '../../core/wire/index.ts';
import type { Clock, Signer } from '../../ports/index.ts';
import { RecentRoots } from '../peers/recent-roots.ts';

export interface OwnState {
  /** The durable state, which is the only one that leaves this node. The replica may be a batch ahead of it. */
  durable(): StateMeta;
  /** The durable root, hex. */
  root(): string;
  readonly recentRoots: RecentRoots;
  /** A fresh signed head that names the durable root. Heads are numbered from 1 in each incarnation. */
  head(): SignedHead;
  /** The hello to a peer. `peer` is undefined when its author is not known. */
  hello(peer: Author | undefined): SyncMessage;
  /** The greatest HLC of an author in any operation or context that we have; zero when there is none. */
  seen(author: Author): Hlc;
  /** To be called when a batch has become durable. */
  advance(meta: StateMeta): void;
  /** To be called when a commit of our own key is in the state. */
  sawOwn(hlc: Hlc): void;
}

export interface OwnStateDeps {
  readonly replica: Replica;
  /** The software's name and version, which peers are told. */
  readonly software: string;
  readonly self: Author;
  readonly network: string;
  readonly incarnation: Bytes;
  readonly roster: { readonly hash: Bytes };
  readonly clock: Clock;
  readonly signer: Signer;
  /** The node's name and its present condition, which hellos tell. */
  readonly about: () => About;
}

/** What this node says of itself: its durable state and the heads that name it. */
export function createOwnState(deps: OwnStateDeps): OwnState {
  const { replica, clock } = deps;
  let durable = replica.meta;
  let root = bytesToHex(durable.root);
  let hlc = replica.seen(deps.self);
  let sequence = 0;
  const recentRoots = new RecentRoots();
  recentRoots.add(root, clock.monotonic());
  const head = (): SignedHead =>
    createSignedHead(
      {
        network: deps.network,
        author: deps.self,
        incarnation: deps.incarnation,
        sequence: ++sequence,
        hlc,
        root: durable.root,
        entries: durable.entries,
        trustHash: deps.roster.hash,
        wallMs: clock.now(),
      },
      (message) => deps.signer.sign(message),
    );
  return {
    durable: () => durable,
    root: () => root,
    recentRoots,
    seen: (author) => replica.seen(author),
    head,
    hello(peer) {
      const yourHlc = peer === undefined ? (0n as Hlc) : replica.committed(peer);
      return { type: 'hello', software: deps.software, head: head(), yourHlc, about: deps.about() };
    },
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
