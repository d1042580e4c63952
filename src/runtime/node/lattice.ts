import { type Bytes, bytesToHex, hexToBytes, LatticeError } from '../../core/types/index.ts';
import { encodeSync } from '../../core/wire/index.ts';
import { CUT_PERIOD_MS, CUT_SETTLE_MS } from '../cuts/cuts.ts';
import type { Lattice } from '../facade/index.ts';
import type { NodeDeps, NodeOptions } from '../facade/options.ts';
import { createChanged } from '../read/changed.ts';
import { evidenceViews } from '../read/evidence.ts';
import { createHistory } from '../read/history.ts';
import { createProofs } from '../read/prove.ts';
import { createWholeState } from '../read/whole-state.ts';
import { createPing } from '../transport/ping.ts';
import { createFloorWatch } from '../watch/floor.ts';
import { measuredSync, measuredWrites } from '../watch/measured.ts';
import type { SeriesRecorder } from '../watch/series.ts';
import { createStatus } from '../watch/status.ts';
import type { VerdictKeeper } from '../watch/verdict-keeper.ts';
import type { OpenedNode } from './open.ts';
import type { Parts } from './parts.ts';

/** The 32 bytes of 64 hex digits. Throws LatticeError `malformed`. */
function hashOf(hex: string): Bytes {
  const bytes = hexToBytes(hex);
  if (bytes?.length !== 32) throw new LatticeError('malformed', 'a hash has 64 hex digits');
  return bytes;
}

export interface LatticeDeps {
  readonly options: NodeOptions;
  readonly deps: NodeDeps;
  readonly opened: OpenedNode;
  readonly parts: Parts;
  readonly series: SeriesRecorder;
  /** Unix ms. */
  readonly startedAt: number;
}

/** Assembles the one face of a node from its parts. Nothing is computed before it is asked for. */
export function assembleLattice({ options, deps, opened, parts, series, startedAt }: LatticeDeps): {
  readonly lattice: Lattice;
  /** Makes the verdict time and again. */
  readonly keeper: Pick<VerdictKeeper, 'start' | 'stop'>;
} {
  const { store, hasher, signer, clock, metrics, peerIdOf } = deps;
  const { replica, roster, rows } = opened;
  const { added, book, cuts, entries, holds, http, mode, names, own, p2p, peers, reads, repairs, snapshots, writer } =
    parts;

  const whole = createWholeState({
    replica,
    writer,
    store,
    hasher,
    entries,
    rows,
    holds,
    settled: parts.expiry.settled,
  });
  const { network } = options;
  const proofs = createProofs({ replica, hasher, writer, network, ownHead: own.head, entries, cuts, book, roster });
  const floor = createFloorWatch({
    ...parts,
    self: signer.author,
    clock,
    startedAt,
    periodMs: options.cutPeriodMs ?? CUT_PERIOD_MS,
    settleMs: options.cutSettleMs ?? CUT_SETTLE_MS,
    heartbeatMs: options.heartbeatMs,
    graceMs: options.graceMs,
    roster,
    epochOf: parts.rosterExchange.epochOf,
    peerIdOf,
  });
  const status = createStatus({ options, deps, opened, parts, startedAt, floor });

  const lattice: Lattice = {
    status: status.node,
    peers: status.peers,
    root() {
      const { entries: count, live, sequence } = own.durable();
      return { root: own.root(), entries: count, live, sequence };
    },
    ...reads,
    ...whole,
    ...proofs,
    history: createHistory({ store, hasher, writer, entries, now: parts.fleetClock.now }),
    changedIn: createChanged({ store, sequence: () => own.durable().sequence }),
    cuts: book.views,
    floor: floor.view,
    displaced: parts.displaced.list,
    evidence: () =>
      evidenceViews({ network, hasher, contradictions: parts.contradictions, signedTwice: parts.signedTwice }),
    cutCells: cuts.cells.find,
    clean: parts.cleaning.clean,
    write: measuredWrites(parts.writes.write, metrics, clock),
    addPeer: added.add,
    removePeer: added.remove,
    pingPeer: createPing({ clock, peers, names, p2p, http, lung: deps.http, peerIdOf, hello: own.hello }),
    setMode(next, cause) {
      const before = mode.now;
      const changed = mode.set(next);
      if (changed) {
        parts.transitions.note({ from: `mode ${before}`, to: `mode ${next}`, cause, code: 'operator' });
        parts.supervision.look();
        http.wake();
      }
      const usable = next !== 'http' || http.peers().length > 0;
      return {
        changed,
        mode: next,
        message: usable
          ? `sync mode is ${next}`
          : 'sync mode is http, but no HTTP peers are configured (DIOTEC360_LATTICE_NODES)',
      };
    },
    differences: (peerId, asked = {}) => parts.comparison.differences(peerId, asked),
    verifyStore: () => ({ round: parts.integrity.verify() }),
    async syncNow() {
      http.wake();
      await repairs.all();
    },
    subscribe: parts.streams.openEvents,
    signText: (text) => bytesToHex(signer.sign(new TextEncoder().encode(text))),
    snapshots: {
      manifest: async (root) => encodeSync(await snapshots.manifest(hashOf(root))),
      chunk: async (root, index, after) =>
        encodeSync(
          await snapshots.chunk({
            root: hashOf(root),
            index,
            after: after === undefined ? new Uint8Array(0) : hashOf(after),
          }),
        ),
    },
    sync: measuredSync(parts.sync, metrics),
    audit: parts.audit,
    receipts: parts.receipts,
    members: parts.membershipService,
    invitations: parts.invitations,
    setAside: parts.recovery,
    tokens: parts.tokens,
    ...(parts.vault === undefined ? {} : { vault: parts.vault.service }),
    series: series.view,
  };
  return { lattice, keeper: status.keeper };
}
