import { createSigner, nodeHasher } from '../../../../src/adapters/system/index.ts';
import { Replica, type Step, type WriteIntent, type WriteOutcome } from '../../../../src/core/replica/index.ts';
import { BUCKETS, entryRowToEntry } from '../../../../src/core/rows/index.ts';
import { type Bytes, bytesToHex, type Entry, type Fragment, type JsonValue } from '../../../../src/core/types/index.ts';
import { keyHash } from '../../../../src/core/wire/index.ts';

export const hasher = nodeHasher();
const NETWORK = 'test/replica';

/** A replica whose rows live in a map: the core alone, without runtime or store. */
export interface TestReplica {
  readonly author: string;
  readonly replica: Replica;
  readonly rows: Map<string, Bytes>;
  entry(key: string): Entry | undefined;
  entryByHash(hash: Bytes): Entry | undefined;
  step(input: { fragments?: readonly Fragment[]; writes?: readonly WriteIntent[] }, now: number): Step;
  put(key: string, value: JsonValue, now: number): Fragment;
  del(key: string, now: number): Fragment;
}

export function createTestReplica(id: number): TestReplica {
  const signer = createSigner(new Uint8Array(32).fill(id));
  const replica = new Replica({
    hasher,
    network: NETWORK,
    self: signer.author,
    isTrusted: () => true,
    journalLength: 4,
    incarnation: new Uint8Array(8).fill(id),
  });
  const rows = new Map<string, Bytes>();
  const byHash = new Map<string, string>();

  const entries = new Map<string, Entry>();
  const step: TestReplica['step'] = ({ fragments = [], writes = [] }, now) => {
    const result = replica.step(
      { fragments, writes },
      (key) => entries.get(key),
      now,
      (m) => signer.sign(m),
    );
    for (const row of result.rows) {
      if (row.type === 'put') rows.set(bytesToHex(row.key), row.value);
      else rows.delete(bytesToHex(row.key));
      // What the next step reads is what the rows say, not what the step had in memory.
      if (row.type === 'put' && row.key[0] === BUCKETS.entry) {
        const entry = entryRowToEntry(row.key, row.value, hasher);
        entries.set(entry.key, entry);
        byHash.set(bytesToHex(keyHash(entry.key, hasher)), entry.key);
      }
    }
    return result;
  };
  const one = (write: WriteIntent, now: number): Fragment => ok(step({ writes: [write] }, now).writes[0]).commit;
  return {
    author: signer.author,
    replica,
    rows,
    entry: (key) => entries.get(key),
    entryByHash: (hash) => entries.get(byHash.get(bytesToHex(hash)) ?? ''),
    step,
    put: (key, value, now) => one({ operations: [{ kind: 'put', key, value }] }, now),
    del: (key, now) => one({ operations: [{ kind: 'delete', key }] }, now),
  };
}

export function ok(outcome: WriteOutcome | undefined): Extract<WriteOutcome, { ok: true }> {
  if (outcome === undefined) throw new Error('no outcome');
  if (!outcome.ok) throw outcome.error;
  return outcome;
}

export const rootOf = (r: TestReplica): string => bytesToHex(r.replica.tree.root());
