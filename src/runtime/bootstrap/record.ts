import type { MerkleTree } from '../../core/merkle/index.ts';
import type { RowWrite } from '../../core/replica/index.ts';
import {
  BOOTSTRAP,
  type BootstrapRecord,
  bucketRange,
  CHUNK_LEFT,
  CHUNK_OPEN,
  decodeBootstrap,
  decodeQuarantined,
  encodeBootstrap,
  MAX_SOURCES,
} from '../../core/rows/index.ts';
import { chunkHash, chunkOf, chunkStart, isNoHash, type SnapshotPlan } from '../../core/snapshot/index.ts';
import { type Author, type Bytes, equalBytes } from '../../core/types/index.ts';
import { decodeCertificate } from '../../core/wire/index.ts';
import type { Store } from '../../ports/index.ts';
import { twoReads } from '../storage/two-reads.ts';
import { MAX_QUARANTINED } from './signature-check.ts';

/** When this part of a chunk's keys is here already, the chunk is left to repair, which fetches only the rest. */
const MOSTLY_HERE = 2 / 3;

export interface SavedBootstrap {
  readonly record: BootstrapRecord | undefined;
  /** How many operations are in quarantine, and below it which author served the first of them. */
  readonly quarantined: number;
  readonly quarantinedFrom: Author | undefined;
}

/** Reads what an earlier run left in the store. Rejects with LatticeError `damaged-row`. */
export async function loadBootstrap(store: Store): Promise<SavedBootstrap> {
  const [row] = await twoReads(store, BOOTSTRAP);
  let quarantined = 0;
  let quarantinedFrom: Author | undefined;
  for await (const rows of store.iterate({ ...bucketRange('quarantine'), limit: MAX_QUARANTINED })) {
    for (const [, value] of rows) if (quarantined++ === 0) quarantinedFrom = decodeQuarantined(value).source;
  }
  return { record: row === undefined ? undefined : decodeBootstrap(row), quarantined, quarantinedFrom };
}

/**
 * Which chunks of a snapshot are here or left to repair, and which are to be fetched. `saved`: what an earlier attempt
 * left.
 */
export function chunkTable(
  found: SnapshotPlan,
  saved: BootstrapRecord | undefined,
  tree: MerkleTree,
): { readonly chunks: Bytes; readonly todo: readonly number[] } {
  const count = 2 ** found.bits;
  const chunks = new Uint8Array(count);
  const todo: number[] = [];
  const mine = tree.subtreeHashes(found.bits);
  const same = saved !== undefined && equalBytes(decodeCertificate(saved.certificate).root, found.root);
  for (let i = 0; i < count; i++) {
    const was =
      saved === undefined ? CHUNK_OPEN : (saved.chunks[Math.floor((i * saved.chunks.length) / count)] as number);
    const start = chunkStart(i, found.bits) as Bytes;
    const wanted = chunkHash(found, i);
    const here =
      isNoHash(wanted) ||
      equalBytes(wanted, chunkHash({ hashes: mine }, i)) ||
      (same && was !== CHUNK_OPEN) ||
      tree.countUnder(start, found.bits) >= (MOSTLY_HERE * found.entries) / count;
    if (here) chunks[i] = was === CHUNK_OPEN ? CHUNK_LEFT : was;
    else todo.push(i);
  }
  return { chunks, todo };
}

/**
 * The number by which the table of chunks names this source, and the list of sources with this one in it. When the list
 * is full, its chunks count as left to repair.
 */
export function placeOf(
  sources: readonly Author[],
  source: Author,
): { readonly place: number; readonly sources: readonly Author[] } {
  const place = sources.indexOf(source);
  if (place >= 0) return { place: place + 1, sources };
  if (sources.length >= MAX_SOURCES) return { place: CHUNK_LEFT, sources };
  return { place: sources.length + 1, sources: [...sources, source] };
}

export function stateRow(state: BootstrapRecord): RowWrite {
  return { type: 'put', key: BOOTSTRAP, value: encodeBootstrap(state) };
}

export function attestersOf({ certificate }: BootstrapRecord): readonly Author[] {
  return decodeCertificate(certificate).signers.map(({ author }) => author);
}

/** The author who served the chunk of a key; undefined where that is not known. */
export function sourceOf({ chunks, sources }: BootstrapRecord, keyHash: Bytes): Author | undefined {
  const place = chunks[chunkOf(keyHash, Math.log2(chunks.length))] as number;
  return place === CHUNK_LEFT ? undefined : sources[place - 1];
}
