import { leafHash } from '../../core/merkle/index.ts';
import { chunkStart } from '../../core/snapshot/index.ts';
import {
  type Bytes,
  bytesToHex,
  compareBytes,
  concatBytes,
  equalBytes,
  type Hasher,
  LatticeError,
  MAX_SYNC_BYTES,
} from '../../core/types/index.ts';
import { type ChunkPart, type ChunkRequest, chunkBits, type Manifest, PART_LEAF_BYTES } from '../../core/wire/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import { every, type Repetition } from '../../timing/index.ts';
import type { Writer } from '../commit/writer.ts';
import type { CurrentCut } from '../cuts/current.ts';
import type { Entries, EntryThen } from '../storage/entries.ts';
import type { Hold, Holds } from '../storage/holds.ts';

/**
 * How many cuts are pinned for readers at a time. Each keeps in memory its hashes, and the leaves of the keys that have
 * changed since.
 */
const MAX_PINS = 2;
/** A pin is released this long after its last use. A reader that was cut off for minutes goes on from where it was. */
const KEEP_MS = 10 * 60_000;
/**
 * A reader that asks for the newest cut gets a pinned one of up to this age in ms. What is newer than that comes by
 * repair.
 */
const FRESH_MS = 120_000;
/** A pin that was used within this time does not give way to another. */
const BUSY_MS = 60_000;
const SWEEP_MS = 60_000;
/** The bytes of a part, less its framing and the head of one more entry. */
const PART_BYTES = MAX_SYNC_BYTES - 4096;
/** The size of the CBOR head of an entry's byte string. */
const ENTRY_HEAD_BYTES = 5;

/** A pinned cut: what was different at the cut from the present. */
interface Pin {
  readonly root: Bytes;
  readonly bits: number;
  readonly manifest: Manifest;
  /**
   * The keys (hash in hex) that had changed since the cut when it was pinned, each with its leaf at the cut. Undefined:
   * the key was not in the state at the cut.
   */
  readonly pending: ReadonlyMap<string, Bytes | undefined>;
  /** The hold of the keys that have changed since the cut was pinned. */
  readonly hold: Hold;
  readonly pinnedAt: number;
  usedAt: number;
}

export interface SnapshotServer {
  /**
   * The manifest of the cut with this root, or of the newest cut when `root` is empty. Rejects with LatticeError
   * `no-snapshot`, `snapshot-soon`, `gone`, `unverified` or `overloaded`.
   */
  manifest(root: Bytes): Promise<Manifest>;
  /**
   * One part of a chunk. Rejects with LatticeError as `manifest` does, and with `malformed` when there is no such
   * chunk.
   */
  chunk(request: Omit<ChunkRequest, 'type'>): Promise<ChunkPart>;
  /** Lets go of every snapshot, because the trust list that its certificate was made for was replaced. */
  forget(): void;
  stop(): void;
}

export interface SnapshotServerDeps {
  readonly entries: Pick<Entries, 'asOf'>;
  readonly holds: Pick<Holds, 'hold'>;
  readonly writer: Pick<Writer, 'read'>;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly log: Log;
  readonly cut: () => Pick<CurrentCut, 'root' | 'entries' | 'tree' | 'certificate' | 'pendingKeys'> | undefined;
  /** Whether a cut has been certified here since the start, so that another may be expected. */
  readonly certifies: () => boolean;
  /** Whether every signature of the state has been verified. */
  readonly isVerified: () => boolean;
}

/** The answering side of bootstraps. It pins certified cuts when asked for them, and reads them in chunks. */
export function createSnapshotServer(deps: SnapshotServerDeps): SnapshotServer {
  const { clock, hasher, log } = deps;
  let pins: Pin[] = [];
  /** Runs while any cut is pinned. */
  let sweeps: Repetition | undefined;
  let stopped = false;

  async function pinned(root: Bytes): Promise<Pin> {
    const found = find(root);
    if (found !== undefined) return found;
    if (!deps.isVerified())
      throw new LatticeError('unverified', 'this node has not verified all signatures of its own state yet');
    return deps.writer.read(() => find(root) ?? pin(root));
  }

  function find(root: Bytes): Pin | undefined {
    for (const pin of pins) if (pin.hold.ended) letGo(pin);
    const now = clock.monotonic();
    const found = pins.findLast((p) => (root.length === 0 ? now - p.pinnedAt < FRESH_MS : equalBytes(p.root, root)));
    if (found !== undefined) found.usedAt = now;
    return found;
  }

  /** Pins the newest cut. To be called between batches, when the tracker, the tree and the store agree. */
  function pin(root: Bytes): Pin {
    if (stopped) throw new LatticeError('stopping', 'the node is stopping');
    const cut = deps.cut();
    if (cut?.certificate === undefined) {
      if (root.length > 0) throw new LatticeError('gone', 'no cut with that root is held');
      throw deps.certifies()
        ? new LatticeError('snapshot-soon', 'the newest cut is being certified', { details: { retryAfterMs: 1000 } })
        : new LatticeError('no-snapshot', 'no cut has been certified here since the start');
    }
    if (root.length > 0 && !equalBytes(cut.root, root)) throw new LatticeError('gone', 'no cut with that root is held');
    makeRoom();
    const bits = chunkBits(cut.entries);
    const now = clock.monotonic();
    const made: Pin = {
      root: cut.root,
      bits,
      manifest: { type: 'manifest', certificate: cut.certificate, hashes: cut.tree.subtreeHashes(bits) },
      pending: new Map(Array.from(cut.pendingKeys(), (keyHash) => [bytesToHex(keyHash), cut.tree.get(keyHash)])),
      hold: deps.holds.hold('leaf'),
      pinnedAt: now,
      usedAt: now,
    };
    pins.push(made);
    sweeps ??= every(clock, SWEEP_MS, sweep, {
      onError: (err) => log.error({ err }, 'unused snapshots could not be let go'),
    });
    log.info({ root: bytesToHex(cut.root), entries: cut.entries, changedSince: made.pending.size }, 'snapshot pinned');
    return made;
  }

  function makeRoom(): void {
    if (pins.length < MAX_PINS) return;
    const oldest = pins.reduce((a, b) => (b.usedAt < a.usedAt ? b : a));
    if (clock.monotonic() - oldest.usedAt < BUSY_MS) {
      throw new LatticeError('overloaded', `${MAX_PINS} snapshots are being read`, {
        details: { retryAfterMs: BUSY_MS },
      });
    }
    letGo(oldest);
  }

  function letGo(pin: Pin): void {
    pins = pins.filter((p) => p !== pin);
    pin.hold.end();
    log.info({ root: bytesToHex(pin.root) }, 'snapshot let go');
  }

  function sweep(): void {
    for (const pin of pins) if (clock.monotonic() - pin.usedAt >= KEEP_MS) letGo(pin);
    if (pins.length > 0) return;
    sweeps?.stop();
    sweeps = undefined;
  }

  function forget(): void {
    for (const pin of pins) pin.hold.end();
    pins = [];
  }

  async function readPart(pin: Pin, index: number, after: Bytes): Promise<ChunkPart> {
    const from = chunkStart(index, pin.bits);
    const before = chunkStart(index + 1, pin.bits);
    if (from === undefined) throw new LatticeError('malformed', `there is no chunk ${index} of ${2 ** pin.bits}`);
    const resumed = after.length > 0 && compareBytes(after, from) >= 0;
    const range = resumed ? { after, before } : { from, before };
    const entries: Bytes[] = [];
    const leaves: Bytes[] = [];
    let bytes = 0;
    let last: Bytes = after;

    /** Adds what a key had at the cut. Returns false when the part is full. */
    const add = ({ keyHash, row, entry, was }: EntryThen): boolean => {
      if (entry === undefined && was === undefined) return true;
      const whole = entry !== undefined && row.length <= PART_BYTES;
      const size = whole ? row.length + ENTRY_HEAD_BYTES : PART_LEAF_BYTES;
      if (bytes + size > PART_BYTES) return false;
      if (whole) entries.push(row);
      else
        leaves.push(
          concatBytes(keyHash, entry === undefined ? (was as Bytes) : leafHash(keyHash, entry.siblings, hasher)),
        );
      bytes += size;
      last = keyHash;
      return true;
    };
    const part = (next: Bytes): ChunkPart => ({ type: 'part', next, entries, leaves: concatBytes(...leaves) });

    for await (const slice of deps.entries.asOf((keyHash) => sinceCut(pin, keyHash), range)) {
      for (const one of slice) if (!add(one)) return part(last);
    }
    return part(new Uint8Array(0));
  }

  /**
   * What a key that has changed since the cut had there; undefined when it has not changed. Throws LatticeError `gone`
   * when the hold has ended.
   */
  function sinceCut(pin: Pin, keyHash: Bytes): ReturnType<Hold['since']> {
    if (pin.hold.ended) throw new LatticeError('gone', 'too much has changed since the cut with that root');
    const hex = bytesToHex(keyHash);
    return pin.pending.has(hex) ? { was: pin.pending.get(hex) } : pin.hold.since(keyHash);
  }

  return {
    manifest: async (root) => (await pinned(root)).manifest,
    chunk: async ({ root, index, after }) => readPart(await pinned(root), index, after),
    forget,
    stop() {
      stopped = true;
      sweeps?.stop();
      forget();
    },
  };
}
