import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BUCKETS,
  type Bucket,
  bucketRange,
  conflictKey,
  conflictKeyToKey,
  conflictRange,
  decodeEntry,
  decodeJournal,
  decodeStateMeta,
  encodeCbor,
  encodeEntry,
  encodeJournal,
  encodeStateMeta,
  entryKey,
  entryKeyToKey,
  entryRange,
  fragmentToSiblings,
  idempotencyKey,
  type Journal,
  journalKey,
  journalKeyToSequence,
  journalRange,
  keyByHashKey,
  keyByHashKeyToHash,
  keyHash,
  leafPageKey,
  metaKey,
  metaKeyToName,
  quarantineKey,
  type RowRange,
  type StateMeta,
} from '../../../src/core/codec/index.ts';
import { type Bytes, bytesToHex, compareBytes, type Entry, type Hlc, LatticeError, type Sibling } from '../../../src/core/types/index.ts';
import { bytesOf, codeOf, commit, commitOf, hasher, hlc, text } from './support.ts';

const within = (range: RowRange, key: Bytes) => compareBytes(range.gte, key) <= 0 && compareBytes(key, range.lt) < 0;
const utf8 = (s: string) => new TextEncoder().encode(s);
const key = text({ minLength: 1, maxLength: 20 });

describe('row keys', () => {
  it('have the recorded bytes', () => {
    expect(BUCKETS).toEqual({ entry: 1, keyByHash: 2, conflict: 3, journal: 4, meta: 5, quarantine: 6, leaves: 7, idempotency: 8 });
    expect(bytesToHex(entryKey('é'))).toBe('01c3a9');
    expect(bytesToHex(keyByHashKey(keyHash('a', hasher)))).toBe('02ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb');
    expect(bytesToHex(conflictKey('a'))).toBe('0361');
    expect(bytesToHex(journalKey(2 ** 53 - 1))).toBe('04001fffffffffffff');
    expect(bytesToHex(metaKey('state'))).toBe('057374617465');
  });

  it('are parsed back (property)', () => {
    fc.assert(
      fc.property(key, fc.maxSafeNat(), (k, n) => {
        expect(entryKeyToKey(entryKey(k))).toBe(k);
        expect(conflictKeyToKey(conflictKey(k))).toBe(k);
        expect(metaKeyToName(metaKey(k))).toBe(k);
        expect(journalKeyToSequence(journalKey(n))).toBe(n);
        expect(keyByHashKeyToHash(keyByHashKey(keyHash(k, hasher)))).toEqual(keyHash(k, hasher));
      }),
      { numRuns: 300 },
    );
  });

  it('order as their keys and sequences do (property)', () => {
    fc.assert(
      fc.property(key, key, fc.maxSafeNat(), fc.maxSafeNat(), (a, b, m, n) => {
        expect(Math.sign(compareBytes(entryKey(a), entryKey(b)))).toBe(Math.sign(compareBytes(utf8(a), utf8(b))));
        expect(Math.sign(compareBytes(journalKey(m), journalKey(n)))).toBe(Math.sign(m - n));
      }),
      { numRuns: 300 },
    );
  });

  it('of another bucket or form are damage', () => {
    for (const bad of ['', '03', '0361', '01ff', '01eda080'])
      expect(codeOf(() => entryKeyToKey(bytesOf(bad)))).toBe(bad === '01' ? 'none' : 'damaged-row');
    expect(codeOf(() => journalKeyToSequence(bytesOf('0400')))).toBe('damaged-row');
    expect(codeOf(() => journalKeyToSequence(bytesOf('04ffffffffffffffff')))).toBe('damaged-row');
    expect(codeOf(() => keyByHashKeyToHash(bytesOf('0200')))).toBe('damaged-row');
  });

  it('are not made from text without a UTF-8 form or from what is no sequence', () => {
    for (const build of [entryKey, conflictKey, metaKey, entryRange, conflictRange])
      expect(codeOf(() => build('\ud800'))).toBe('invalid-key');
    for (const bad of [-1, 0.5, 2 ** 53, Number.NaN]) expect(() => journalKey(bad)).toThrow(RangeError);
    expect(() => keyByHashKey(new Uint8Array(31))).toThrow(RangeError);
  });
});

describe('row ranges', () => {
  it('of a bucket hold all of it and nothing else', () => {
    const rows: Record<Bucket, Bytes> = {
      entry: entryKey('\u{10ffff}'),
      keyByHash: keyByHashKey(new Uint8Array(32).fill(255)),
      conflict: conflictKey('a'),
      journal: journalKey(2 ** 53 - 1),
      meta: metaKey('x'),
      leaves: leafPageKey(20, 7),
      quarantine: quarantineKey(new Uint8Array(32), 1),
      idempotency: idempotencyKey('retry-1'),
    };
    const buckets = Object.keys(BUCKETS) as Bucket[];
    for (const a of buckets) for (const b of buckets) expect(within(bucketRange(a), rows[b])).toBe(a === b);
  });

  it('of entries hold exactly the keys with the prefix and after the given one (property)', () => {
    const short = fc.string({ unit: fc.constantFrom('a', 'b', '\0', 'é', '\uffff', '\u{10ffff}'), maxLength: 3 });
    fc.assert(
      fc.property(short, short, fc.option(short, { nil: undefined }), (k, prefix, after) => {
        const range = entryRange(prefix, after);
        expect(compareBytes(range.gte, range.lt)).toBeLessThanOrEqual(0);
        const expected = k.startsWith(prefix) && (after === undefined || compareBytes(utf8(k), utf8(after)) > 0);
        expect(within(range, entryKey(k))).toBe(expected);
        expect(within(range, conflictKey(k))).toBe(false);
        expect(within(conflictRange(after), conflictKey(k))).toBe(after === undefined || compareBytes(utf8(k), utf8(after)) > 0);
      }),
      { numRuns: 2000 },
    );
  });

  it('of the journal begin after the sequence', () => {
    const range = journalRange(5);
    expect([4, 5, 6, 2 ** 53 - 1].map((n) => within(range, journalKey(n)))).toEqual([false, false, true, true]);
    expect(within(range, metaKey('a'))).toBe(false);
  });
});

describe('entry row', () => {
  const sibling = (hlcOf: bigint, value: number) =>
    fragmentToSiblings(commitOf([{ kind: 'put', key: 'k', value, context: [] }], { hlc: hlcOf as Hlc }), hasher)[0] as Sibling;

  it('round trips (property)', () => {
    fc.assert(
      fc.property(commit(4), (fragment) => {
        for (const one of fragmentToSiblings(fragment, hasher)) {
          const entry: Entry = { key: one.operation.key, siblings: [one] };
          expect(decodeEntry(encodeEntry(entry))).toEqual(entry);
          expect(decodeEntry(encodeEntry(entry), entry.key)).toEqual(entry);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps the order of several siblings', () => {
    const entry: Entry = { key: 'k', siblings: [sibling(9n, 1), sibling(3n, 2)] };
    expect(decodeEntry(encodeEntry(entry), 'k')).toEqual(entry);
  });

  it('has the bytes that the DAG-CBOR library gives to the same array', () => {
    const s = fragmentToSiblings(
      commitOf([
        { kind: 'put', key: 'k', value: 1, context: [] },
        { kind: 'delete', key: 'l', context: [] },
      ]),
      hasher,
    )[1] as Sibling;
    const array = [[s.commit, 1, s.headerBytes, s.signature, s.operationBytes, Buffer.concat(s.proof)]];
    expect(bytesToHex(encodeEntry({ key: 'l', siblings: [s] }))).toBe(bytesToHex(encodeCbor(array)));
  });

  it('that does not parse is damage', () => {
    const bytes = encodeEntry({ key: 'k', siblings: [sibling(9n, 1)] });
    expect(codeOf(() => decodeEntry(bytes, 'other'))).toBe('damaged-row');
    expect(codeOf(() => decodeEntry(encodeCbor([])))).toBe('damaged-row');
    expect(codeOf(() => decodeEntry(encodeEntry({ key: 'k', siblings: [{ ...sibling(9n, 1), index: 1 }] })))).toBe('damaged-row');
    for (let length = 0; length < bytes.length; length++) expect(codeOf(() => decodeEntry(bytes.slice(0, length)))).toBe('damaged-row');
    expect(codeOf(() => decodeEntry(Buffer.concat([bytes, Uint8Array.of(0)])))).toBe('damaged-row');
  });

  it('with any bit flipped never throws anything but damaged-row', () => {
    const bytes = encodeEntry({ key: 'k', siblings: [sibling(9n, 1)] });
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(['none', 'damaged-row']).toContain(codeOf(() => decodeEntry(damaged)));
    }
  });
});

describe('journal and state records', () => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const journal: fc.Arbitrary<Journal> = fc.record({
    root: hash,
    changes: fc.array(fc.record({ key, commit: hash, index: fc.integer({ min: 0, max: 255 }), deleted: fc.boolean() }), { maxLength: 10 }),
  });
  const meta: fc.Arbitrary<StateMeta> = fc.record({
    format: fc.constant(1 as const),
    incarnation: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    network: key,
    root: hash,
    entries: fc.maxSafeNat(),
    live: fc.maxSafeNat(),
    conflicts: fc.maxSafeNat(),
    sequence: fc.maxSafeNat(),
    hlc: fc.oneof(hlc, fc.constant(0n as Hlc)),
  });

  it('round trip, and are what the DAG-CBOR library writes (property)', () => {
    fc.assert(
      fc.property(journal, meta, (j, m) => {
        expect(decodeJournal(encodeJournal(j))).toEqual(j);
        expect(bytesToHex(encodeJournal(j))).toBe(
          bytesToHex(encodeCbor([j.root, j.changes.map((c) => [c.key, c.commit, c.index, c.deleted])])),
        );
        expect(decodeStateMeta(encodeStateMeta(m))).toEqual(m);
      }),
      { numRuns: 300 },
    );
  });

  it('that do not parse are damage; another format is named as such', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        for (const decode of [decodeEntry, decodeJournal]) expect(codeOf(() => decode(bytes))).toBe('damaged-row');
        expect(['damaged-row', 'unknown-format']).toContain(codeOf(() => decodeStateMeta(bytes)));
      }),
      { numRuns: 300 },
    );
    expect(() => decodeStateMeta(encodeCbor([2, 'other']))).toThrow(LatticeError);
    expect(codeOf(() => decodeStateMeta(encodeCbor([2, 'other'])))).toBe('unknown-format');
    expect(codeOf(() => decodeStateMeta(encodeCbor([1, 'other'])))).toBe('damaged-row');
    expect(codeOf(() => decodeJournal(encodeCbor([new Uint8Array(32), [['k', new Uint8Array(32), 0, 1]]])))).toBe('damaged-row');
  });
});
