import { createSigner, nodeHasher } from '../../../../src/adapters/system/index.ts';
import { leafHash } from '../../../../src/core/merkle/index.ts';
import {
  type Correction,
  createReplica,
  type OperationOutcome,
  type Replica,
  type Step,
  type WriteIntent,
  type WriteOutcome,
} from '../../../../src/core/replica/index.ts';
import { BUCKETS, entryKeyToHash, entryRowToEntry } from '../../../../src/core/rows/index.ts';
import type { AttestedEntry } from '../../../../src/core/snapshot/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  type Entry,
  type Fragment,
  type JsonValue,
} from '../../../../src/core/types/index.ts';
import { encodeEntry, keyHash } from '../../../../src/core/wire/index.ts';

export const hasher = nodeHasher();
export const NETWORK = 'test/replica';
/** When amendments are made, Unix ms: before anything ends. */
const AMENDED_MS = 0;

/** A replica whose rows live in a map: the core alone, without runtime or store. */
export interface TestReplica {
  readonly author: string;
  readonly replica: Replica;
  readonly rows: Map<string, Bytes>;
  entry(key: string): Entry | undefined;
  entryByHash(hash: Bytes): Entry | undefined;
  step(input: { fragments?: readonly Fragment[]; writes?: readonly WriteIntent[] }, now: number): Step;
  adopt(entries: readonly Entry[]): Step;
  correct(corrections: readonly Correction[]): Step;
  put(key: string, value: JsonValue, now: number): Fragment;
  del(key: string, now: number): Fragment;
}

export function createTestReplica(id: number, isKnown: (author: Author) => boolean = () => true): TestReplica {
  const signer = createSigner(new Uint8Array(32).fill(id));
  const replica = createReplica({
    hasher,
    network: NETWORK,
    self: signer.author,
    isKnown,
    journalLength: 4,
    incarnation: new Uint8Array(8).fill(id),
  });
  const rows = new Map<string, Bytes>();
  /** By hex key hash. */
  const entries = new Map<string, Entry>();
  const entryByHash = (hash: Bytes): Entry | undefined => entries.get(bytesToHex(hash));
  const entry = (key: string): Entry | undefined => entryByHash(keyHash(key, hasher));

  /** What the next step reads is what the rows say, not what the step had in memory. */
  const keep = (step: Step): Step => {
    for (const row of step.rows) {
      if (row.type === 'put') rows.set(bytesToHex(row.key), row.value);
      else rows.delete(bytesToHex(row.key));
      if (row.key[0] !== BUCKETS.entry) continue;
      const hash = bytesToHex(entryKeyToHash(row.key));
      if (row.type === 'put') entries.set(hash, entryRowToEntry(row.key, row.value, hasher));
      else entries.delete(hash);
    }
    return step;
  };
  const step: TestReplica['step'] = ({ fragments = [], writes = [] }, now) =>
    keep(replica.step({ fragments, writes }, entry, now, (m) => signer.sign(m)));
  const one = (write: WriteIntent, now: number): Fragment => ok(step({ writes: [write] }, now).writes[0]).commit;
  return {
    author: signer.author,
    replica,
    rows,
    entry,
    entryByHash,
    step,
    adopt: (adopted) => keep(replica.adopt(adopted.map(toAttested), entry, AMENDED_MS)),
    correct: (corrections) => keep(replica.correct(corrections, entry, AMENDED_MS)),
    put: (key, value, now) => one({ operations: [{ kind: 'put', key, value }] }, now),
    del: (key, now) => one({ operations: [{ kind: 'delete', key }] }, now),
  };
}

/** An entry as a verified chunk of a snapshot brings it. */
function toAttested(entry: Entry): AttestedEntry {
  const hash = keyHash(entry.key, hasher);
  return { entry, bytes: encodeEntry(entry), keyHash: hash, leaf: leafHash(hash, entry.siblings, hasher) };
}

export function ok(outcome: WriteOutcome | undefined): Extract<WriteOutcome, { ok: true }> {
  if (outcome === undefined) throw new Error('no outcome');
  if (!outcome.ok) throw outcome.error;
  return outcome;
}

export function outcomesOf(step: Step): readonly (readonly OperationOutcome[])[] {
  return step.applied.map(({ outcomes }) => outcomes);
}

export const rootOf = (r: TestReplica): string => bytesToHex(r.replica.tree.root());
