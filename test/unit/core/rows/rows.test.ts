import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hlcToBytes, MAX_HLC } from '../../../../src/core/clock/index.ts';
import {
  type AddedPeers,
  auditRecordIdKey,
  auditRecordKey,
  BUCKETS,
  type Bucket,
  bucketRange,
  conflictKey,
  conflictKeyToKey,
  conflictRange,
  deadKey,
  decodeAddedPeers,
  decodeAttested,
  decodeEvidence,
  decodeIdempotency,
  decodeJournal,
  decodeRememberedPeers,
  decodeStateMeta,
  encodeAddedPeers,
  encodeAttested,
  encodeEvidence,
  encodeIdempotency,
  encodeJournal,
  encodeRememberedPeers,
  encodeStateMeta,
  endKey,
  entryKey,
  entryKeyToHash,
  entryRange,
  entryRowToEntry,
  evidenceKey,
  floorKey,
  type IdempotencyRecord,
  idempotencyKey,
  type Journal,
  journalKey,
  journalKeyToSequence,
  journalRange,
  keyToEntryKey,
  leafPageKey,
  listedKey,
  listedKeyToKey,
  listedRange,
  metaKey,
  metaKeyToName,
  ownCommitKey,
  quarantineKey,
  type RowRange,
  rosterKey,
  type StateMeta,
  writtenKey,
} from '../../../../src/core/rows/index.ts';
import {
  type Author,
  type Bytes,
  bytesToHex,
  compareBytes,
  concatBytes,
  type Entry,
  type Hlc,
  LatticeError,
  type Sibling,
} from '../../../../src/core/types/index.ts';
import {
  authorToBytes,
  decodeEntry,
  encodeEntry,
  fragmentToSiblings,
  keyHash,
} from '../../../../src/core/wire/index.ts';
import { encodeCbor } from '../cbor/reference.ts';
import { author, bytesOf, codeOf, commit, commitOf, hasher, hlc, text } from '../wire/commits.ts';

const within = (range: RowRange, key: Bytes) => compareBytes(range.gte, key) <= 0 && compareBytes(key, range.lt) < 0;
const utf8 = (s: string) => new TextEncoder().encode(s);
const key = text({ minLength: 1, maxLength: 20 });

describe('row keys', () => {
  it('have the recorded bytes', () => {
    expect(BUCKETS).toEqual({
      floor: 19,
      roster: 18,
      written: 24,
      audit: 16,
      auditId: 17,
      entry: 9,
      key: 10,
      conflict: 3,
      journal: 4,
      meta: 5,
      quarantine: 6,
      leaves: 7,
      idempotency: 8,
      own: 12,
      evidence: 13,
      end: 22,
      dead: 23,
    });
    expect(bytesToHex(listedKey('é'))).toBe('0ac3a9');
    expect(bytesToHex(keyToEntryKey('a', hasher))).toBe(
      '09ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb',
    );
    expect(bytesToHex(conflictKey('a'))).toBe('0361');
    expect(bytesToHex(journalKey(2 ** 53 - 1))).toBe('04001fffffffffffff');
    expect(bytesToHex(metaKey('state'))).toBe('057374617465');
    expect(bytesToHex(ownCommitKey(0x1234))).toBe('0c1234');
  });

  it('are parsed back (property)', () => {
    fc.assert(
      fc.property(key, fc.maxSafeNat(), (k, n) => {
        expect(listedKeyToKey(listedKey(k))).toBe(k);
        expect(conflictKeyToKey(conflictKey(k))).toBe(k);
        expect(metaKeyToName(metaKey(k))).toBe(k);
        expect(journalKeyToSequence(journalKey(n))).toBe(n);
        expect(entryKeyToHash(keyToEntryKey(k, hasher))).toEqual(keyHash(k, hasher));
      }),
      { numRuns: 300 },
    );
  });

  it('order as their keys and sequences do (property)', () => {
    fc.assert(
      fc.property(key, key, fc.maxSafeNat(), fc.maxSafeNat(), (a, b, m, n) => {
        expect(Math.sign(compareBytes(listedKey(a), listedKey(b)))).toBe(Math.sign(compareBytes(utf8(a), utf8(b))));
        expect(Math.sign(compareBytes(journalKey(m), journalKey(n)))).toBe(Math.sign(m - n));
      }),
      { numRuns: 300 },
    );
  });

  it('of another bucket or form are damage', () => {
    for (const bad of ['', '03', '0361', '0aff', '0aeda080'])
      expect(codeOf(() => listedKeyToKey(bytesOf(bad)))).toBe('damaged-row');
    expect(codeOf(() => journalKeyToSequence(bytesOf('0400')))).toBe('damaged-row');
    expect(codeOf(() => journalKeyToSequence(bytesOf('04ffffffffffffffff')))).toBe('damaged-row');
    expect(codeOf(() => entryKeyToHash(bytesOf('0900')))).toBe('damaged-row');
  });

  it('are not made from text without a UTF-8 form or from what is no sequence', () => {
    for (const build of [listedKey, conflictKey, metaKey, listedRange, conflictRange])
      expect(codeOf(() => build('\ud800'))).toBe('invalid-key');
    for (const bad of [-1, 0.5, 2 ** 53, Number.NaN]) expect(() => journalKey(bad)).toThrow(RangeError);
    expect(() => entryKey(new Uint8Array(31))).toThrow(RangeError);
  });
});

describe('entry rows', () => {
  it('are about the key whose hash their own key is; anything else is damage', () => {
    const entry: Entry = {
      key: 'a',
      siblings: fragmentToSiblings(commitOf([{ kind: 'put', key: 'a', value: 1, context: [] }]), hasher),
    };
    const row = encodeEntry(entry);
    expect(entryRowToEntry(keyToEntryKey('a', hasher), row, hasher)).toEqual(entry);
    expect(codeOf(() => entryRowToEntry(keyToEntryKey('b', hasher), row, hasher))).toBe('damaged-row');
    expect(codeOf(() => entryRowToEntry(listedKey('a'), row, hasher))).toBe('damaged-row');
  });
});

describe('the row of evidence', () => {
  it('is parsed back, and anything else is damage', () => {
    const pairs = [
      [Uint8Array.of(1), Uint8Array.of(2, 3)],
      [new Uint8Array(0), Uint8Array.of(4)],
    ] as const;
    expect(decodeEvidence(encodeEvidence(pairs))).toEqual(pairs);
    expect(codeOf(() => decodeEvidence(encodeCbor([[Uint8Array.of(1)]])))).toBe('damaged-row');
    expect(codeOf(() => decodeEvidence(encodeEvidence(Array.from({ length: 65 }, () => pairs[0]))))).toBe(
      'damaged-row',
    );
  });
});

describe('row ranges', () => {
  it('of entries begin after a key hash', () => {
    const [first, second] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    expect(within(entryRange(first), entryKey(first))).toBe(false);
    expect(within(entryRange(first), entryKey(second))).toBe(true);
    expect(entryRange()).toEqual(bucketRange('entry'));
  });

  it('of a bucket hold all of it and nothing else', () => {
    const rows: Record<Bucket, Bytes> = {
      entry: entryKey(new Uint8Array(32).fill(255)),
      key: listedKey('\u{10ffff}'),
      conflict: conflictKey('a'),
      end: endKey({ ms: 2 ** 48 - 1, keyHash: new Uint8Array(32).fill(255) }),
      dead: deadKey({ ms: 2 ** 48 - 1, keyHash: new Uint8Array(32).fill(255) }),
      journal: journalKey(2 ** 53 - 1),
      meta: metaKey('x'),
      leaves: leafPageKey(20, 7),
      quarantine: quarantineKey(new Uint8Array(32), 1),
      idempotency: idempotencyKey('retry-1'),
      own: ownCommitKey(2 ** 16 - 1),
      evidence: evidenceKey('ff'.repeat(32) as Author),
      audit: auditRecordKey('attack', Number.MAX_SAFE_INTEGER, 2 ** 48 - 1),
      roster: rosterKey(255, new Uint8Array(32).fill(255)),
      auditId: auditRecordIdKey('attack', 'a', hasher),
      floor: floorKey(255, new Uint8Array(32).fill(255)),
      written: writtenKey({ author: 'ff'.repeat(32) as Author, last: MAX_HLC, sequence: 2 ** 53 - 1 }),
    };
    const buckets = Object.keys(BUCKETS) as Bucket[];
    for (const a of buckets) for (const b of buckets) expect(within(bucketRange(a), rows[b])).toBe(a === b);
  });

  it('of listed keys hold exactly those with the prefix and after the given one (property)', () => {
    const short = fc.string({ unit: fc.constantFrom('a', 'b', '\0', 'é', '\uffff', '\u{10ffff}'), maxLength: 3 });
    fc.assert(
      fc.property(short, short, fc.option(short, { nil: undefined }), (k, prefix, after) => {
        const range = listedRange(prefix, after);
        expect(compareBytes(range.gte, range.lt)).toBeLessThanOrEqual(0);
        const expected = k.startsWith(prefix) && (after === undefined || compareBytes(utf8(k), utf8(after)) > 0);
        expect(within(range, listedKey(k))).toBe(expected);
        expect(within(range, conflictKey(k))).toBe(false);
        expect(within(conflictRange(after), conflictKey(k))).toBe(
          after === undefined || compareBytes(utf8(k), utf8(after)) > 0,
        );
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
    fragmentToSiblings(
      commitOf([{ kind: 'put', key: 'k', value, context: [] }], { hlc: hlcOf as Hlc }),
      hasher,
    )[0] as Sibling;

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
    const array = [[s.commit, 1, s.headerBytes, s.signature, s.operationBytes, s.proof]];
    expect(bytesToHex(encodeEntry({ key: 'l', siblings: [s] }))).toBe(bytesToHex(encodeCbor(array)));
  });

  it('that does not parse is damage', () => {
    const bytes = encodeEntry({ key: 'k', siblings: [sibling(9n, 1)] });
    expect(codeOf(() => decodeEntry(bytes, 'other'))).toBe('damaged-row');
    expect(codeOf(() => decodeEntry(encodeCbor([])))).toBe('damaged-row');
    expect(codeOf(() => decodeEntry(encodeEntry({ key: 'k', siblings: [{ ...sibling(9n, 1), index: 1 }] })))).toBe(
      'damaged-row',
    );
    // Where only the form is checked, no hash tells that half of one is missing.
    const shorn = { ...sibling(9n, 1), proof: new Uint8Array(31) };
    expect(codeOf(() => decodeEntry(encodeEntry({ key: 'k', siblings: [shorn] })))).toBe('damaged-row');
    for (let length = 0; length < bytes.length; length++)
      expect(codeOf(() => decodeEntry(bytes.slice(0, length)))).toBe('damaged-row');
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
    clocks: fc.array(fc.record({ author, seen: hlc, committed: hlc }), { maxLength: 3 }),
    changes: fc.array(
      fc.record({
        key,
        commit: hash,
        index: fc.integer({ min: 0, max: 255 }),
        deleted: fc.boolean(),
        alone: fc.boolean(),
        author,
        hlc,
      }),
      { maxLength: 10 },
    ),
  });
  const meta: fc.Arbitrary<StateMeta> = fc.record({
    format: fc.constant(2 as const),
    incarnation: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    network: key,
    root: hash,
    entries: fc.maxSafeNat(),
    live: fc.maxSafeNat(),
    conflicts: fc.maxSafeNat(),
    sequence: fc.maxSafeNat(),
    hlc: fc.oneof(hlc, fc.constant(0n as Hlc)),
    ended: fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ minLength: 40, maxLength: 41 })),
  });

  it('round trip, and are what the DAG-CBOR library writes (property)', () => {
    fc.assert(
      fc.property(journal, meta, (j, m) => {
        expect(decodeJournal(encodeJournal(j))).toEqual(j);
        expect(bytesToHex(encodeJournal(j))).toBe(
          bytesToHex(
            encodeCbor([
              j.root,
              concatBytes(
                ...j.clocks.flatMap((c) => [authorToBytes(c.author), hlcToBytes(c.seen), hlcToBytes(c.committed)]),
              ),
              j.changes.map((c) => [
                c.key,
                c.commit,
                c.index,
                c.deleted,
                c.alone,
                authorToBytes(c.author),
                hlcToBytes(c.hlc),
              ]),
            ]),
          ),
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
    expect(() => decodeStateMeta(encodeCbor([9, 'other']))).toThrow(LatticeError);
    expect(codeOf(() => decodeStateMeta(encodeCbor([9, 'other'])))).toBe('unknown-format');
    expect(codeOf(() => decodeStateMeta(encodeCbor([2, 'other'])))).toBe('damaged-row');
    expect(
      codeOf(() =>
        decodeJournal(
          encodeCbor([
            new Uint8Array(32),
            new Uint8Array(0),
            [['k', new Uint8Array(32), 0, 1, true, new Uint8Array(32), new Uint8Array(8)]],
          ]),
        ),
      ),
    ).toBe('damaged-row');
  });
});

describe('the row of remembered peers', () => {
  const peers = [
    { author: 'ab'.repeat(32) as Author, name: 'oslo', url: 'http://127.0.0.1:8000', lastHeardAt: 1_700_000_000_000 },
    { author: 'cd'.repeat(32) as Author, name: '', url: '', lastHeardAt: 0 },
  ];

  it('is read as it was written [J5]', () => {
    expect(decodeRememberedPeers(encodeRememberedPeers(peers))).toEqual(peers);
    expect(decodeRememberedPeers(encodeRememberedPeers([]))).toEqual([]);
  });

  it('that is cut short or has an author of another length is damaged', () => {
    const bytes = encodeRememberedPeers(peers);
    expect(codeOf(() => decodeRememberedPeers(bytes.subarray(0, bytes.length - 1)))).toBe('damaged-row');
    expect(codeOf(() => decodeRememberedPeers(encodeCbor([[[new Uint8Array(31), '', '', 0]]])))).toBe('damaged-row');
  });
});

describe('records of idempotency keys and of added peers', () => {
  const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => bytesToHex(b));
  const record: fc.Arbitrary<IdempotencyRecord> = fc
    .record(
      {
        at: fc.maxSafeNat(),
        request: fc.uint8Array({ minLength: 32, maxLength: 32 }),
        commit: hex(32),
        hlc: hex(8),
        first: fc.integer({ min: 0, max: 255 }),
        created: fc.array(fc.boolean(), { minLength: 1, maxLength: 256 }),
        author: hex(32),
        end: fc.maxSafeNat(),
      },
      { requiredKeys: ['at', 'request', 'commit', 'hlc', 'first', 'created'] },
    )
    .map(({ end, ...told }) => (end === undefined ? told : { ...told, ends: told.created.map(() => end) }));
  const list = fc.array(text({ maxLength: 60 }), { maxLength: 5 });
  const peers: fc.Arbitrary<AddedPeers> = fc.record({ urls: list, multiaddrs: list });

  it('round trip, and are what the DAG-CBOR library writes (property)', () => {
    fc.assert(
      fc.property(record, peers, fc.nat(2 ** 48 - 1), (r, p, at48) => {
        expect(decodeAttested(encodeAttested(at48))).toBe(at48);
        expect(decodeIdempotency(encodeIdempotency(r))).toEqual(r);
        const { at, request, commit: id, hlc: time, first, created, ends, author } = r;
        // Rows of earlier versions end before the author, and where nothing ends before the ends too.
        const more = author === undefined ? (ends === undefined ? [] : [ends]) : [ends ?? [], bytesOf(author)];
        expect(bytesToHex(encodeIdempotency(r))).toBe(
          bytesToHex(encodeCbor([at, request, bytesOf(id), bytesOf(time), first, created, ...more])),
        );
        expect(decodeAddedPeers(encodeAddedPeers(p))).toEqual(p);
        expect(bytesToHex(encodeAddedPeers(p))).toBe(bytesToHex(encodeCbor([p.urls, p.multiaddrs])));
      }),
      { numRuns: 300 },
    );
  });

  it('that are not exactly as they are written are damage (property)', () => {
    const items = fc.array(fc.oneof(fc.nat(300), fc.boolean(), fc.string(), fc.uint8Array(), list), { maxLength: 7 });
    const damaged = fc.tuple(
      fc.oneof(record.map(encodeIdempotency), peers.map(encodeAddedPeers), fc.nat(2 ** 48 - 1).map(encodeAttested)),
      fc.nat(),
      fc.nat(7),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          items.map((i) => encodeCbor(i)),
          fc.uint8Array({ maxLength: 60 }),
          damaged.map(([bytes, at, bit]) =>
            bytes.map((byte, i) => (i === at % bytes.length ? byte ^ (1 << bit) : byte)),
          ),
        ),
        (bytes) => {
          for (const again of [
            () => encodeIdempotency(decodeIdempotency(bytes)),
            () => encodeAddedPeers(decodeAddedPeers(bytes)),
            () => encodeAttested(decodeAttested(bytes)),
          ]) {
            let written: Bytes | undefined;
            expect(['none', 'damaged-row']).toContain(codeOf(() => (written = again())));
            if (written !== undefined) expect(bytesToHex(written)).toBe(bytesToHex(bytes));
          }
        },
      ),
      { numRuns: 1000 },
    );
    const bytes = encodeIdempotency({
      at: 1,
      request: new Uint8Array(32),
      commit: '00'.repeat(32),
      hlc: '00'.repeat(8),
      first: 0,
      created: Array.from({ length: 257 }, () => true),
    });
    expect(codeOf(() => decodeIdempotency(bytes))).toBe('damaged-row');
    // Ends are of every operation or, beside an author, of none.
    const told = [1, new Uint8Array(32), new Uint8Array(32), new Uint8Array(8), 0, [true]];
    for (const more of [
      [[]],
      [[1, 2]],
      [[1, 2], new Uint8Array(32)],
      [[], new Uint8Array(31)],
      [[], new Uint8Array(32), 1],
    ])
      expect(codeOf(() => decodeIdempotency(encodeCbor([...told, ...more])))).toBe('damaged-row');
  });
});
