import { beforeEach, describe, expect, it } from 'vitest';
import {
  bucketRange,
  CHECKPOINT,
  conflictKey,
  decodeCheckpoint,
  decodeScrub,
  encodeCheckpoint,
  encodeScrub,
  endKey,
  endValue,
  journalKey,
  keyToEntryKey,
  leafPageRange,
  listedKey,
  SCRUB,
} from '../../../../src/core/rows/index.ts';
import { type Bytes, bytesToHex, type Entry } from '../../../../src/core/types/index.ts';
import { decodeEntry, encodeEntry, keyHash } from '../../../../src/core/wire/index.ts';
import { JOURNAL_LENGTH, openState } from '../../../../src/runtime/storage/startup.ts';
import { createCheckpointSaver } from '../../../../src/runtime/upkeep/checkpoint-save.ts';
import { createIntegrityCheck, type IntegrityCheck } from '../../../../src/runtime/upkeep/integrity.ts';
import { createStoreChecks } from '../../../../src/runtime/upkeep/store-checks.ts';
import {
  createAuthor,
  createRandom,
  EPOCH_MS,
  FOUND,
  type GatedStore,
  gateStore,
  hasher,
  log,
  NETWORK,
  openTestState,
  put,
  puts,
  type TestState,
  verifier,
} from '../support.ts';

const KEYS = 600;
/** When a value ends, Unix ms: after every test. */
const END = EPOCH_MS + 86_400_000;

let store: GatedStore;
let state: TestState;

const open = () =>
  openState({
    store,
    hasher,
    random: createRandom(),
    network: NETWORK,
    self: createAuthor(1).author,
    isKnown: () => true,
    directory: '/state',
  });

const rowOf = async (key: Bytes): Promise<Bytes> => (await store.get(key)) as Bytes;
const change = (key: Bytes, value: Bytes | undefined) =>
  store.batch([value === undefined ? { type: 'del', key } : { type: 'put', key, value }]);

/** Some hundred keys with a conflict and a deletion; a checkpoint made while writes go on; then more of each. */
beforeEach(async () => {
  store = gateStore();
  let saver: ReturnType<typeof createCheckpointSaver> | undefined;
  state = await openTestState({ store, onApplied: ({ step }) => saver?.applied(step.sequence, step.changed.length) });
  const { writer, clock } = state;
  saver = createCheckpointSaver({
    ...state,
    log,
    loaded: undefined,
    journalLength: JOURNAL_LENGTH,
    sequence: 0,
    leastEntries: KEYS,
  });
  for (let i = 0; i < KEYS; i += 100) await writer.write(puts(`k${i}`, 100));
  await writer.write(put('changed', 'before'));
  for (let i = 0; i < 200 && (await store.get(CHECKPOINT)) === undefined; i++) {
    await writer.write(put(`meanwhile/${i % 50}`, i));
    await clock.advance(100);
  }
  await writer.write(put('changed', 'after'));
  await writer.apply(createAuthor(2).commit({ changed: 'theirs', 'k0/1': 'theirs' }), FOUND);
  await writer.write({ operations: [{ kind: 'delete', key: 'k0/2' }] });
  await writer.write(put('new', 1));
  saver.stop();
});

describe('a checkpoint', () => {
  it('makes the state that its entries make, with what changed since [N2, N11]', async () => {
    const fast = await open();
    expect(fast.checkpoint).toBeDefined();
    expect(fast.checkpoint?.changed).toBeLessThan(KEYS / 2);
    await change(CHECKPOINT, undefined);
    const plain = await open();
    expect(plain.checkpoint).toBeUndefined();
    expect(fast.replica.meta).toEqual(plain.replica.meta);
    expect(fast.replica.meta).toEqual(state.replica.meta);
    const byAuthor = (replica: typeof fast.replica) => replica.authors().sort((a, b) => (a.author < b.author ? -1 : 1));
    expect(byAuthor(fast.replica)).toEqual(byAuthor(plain.replica));
    const version = (replica: typeof fast.replica) => replica.cells.version(replica.tree, new Uint8Array(0));
    expect(version(fast.replica)?.cells).toEqual(version(plain.replica)?.cells);
  });

  it('that is damaged, incomplete or too old is not used: the entries decide [N11]', async () => {
    const { bits } = decodeCheckpoint(await rowOf(CHECKPOINT));
    const pages = store.iterate(leafPageRange(bits))[Symbol.asyncIterator]();
    const [page] = (await pages.next()).value as [Bytes, Bytes][];
    const [pageKey, pageValue] = page as [Bytes, Bytes];
    const bad = pageValue.slice();
    bad[40] = (bad[40] as number) ^ 1;
    const twice = new Uint8Array(128);
    twice.set(pageValue.subarray(0, 64));
    twice.set(pageValue.subarray(0, 64), 64);
    const record = await rowOf(CHECKPOINT);
    const lastJournal = journalKey(state.replica.meta.sequence - 1);
    const journal = await rowOf(lastJournal);
    const faults: [Bytes, Bytes | undefined, Bytes][] = [
      [pageKey, bad, pageValue],
      [pageKey, undefined, pageValue],
      [pageKey, twice, pageValue],
      [CHECKPOINT, record.slice(1), record],
      [
        CHECKPOINT,
        encodeCheckpoint({ ...decodeCheckpoint(record), sequence: state.replica.meta.sequence + 1 }),
        record,
      ],
      [lastJournal, undefined, journal],
      [lastJournal, journal.slice(1), journal],
    ];
    for (const [key, fault, good] of faults) {
      await change(key, fault);
      const opened = await open();
      expect(opened.checkpoint).toBeUndefined();
      expect(opened.replica.meta).toEqual(state.replica.meta);
      await change(key, good);
    }
    expect((await open()).checkpoint).toBeDefined();
  });

  it('keeps the pages of the newest only, when the state has grown', async () => {
    const { bits } = decodeCheckpoint(await rowOf(CHECKPOINT));
    const { writer, clock, replica } = state;
    const opened = await open();
    const saver = createCheckpointSaver({
      ...state,
      log,
      loaded: opened.checkpoint,
      journalLength: JOURNAL_LENGTH,
      sequence: replica.meta.sequence,
      leastEntries: KEYS,
    });
    for (let i = 0; i < 20; i++) await writer.write(puts(`grown${i}`, 200));
    saver.applied(replica.meta.sequence, 4000);
    for (let i = 0; i < 200 && decodeCheckpoint(await rowOf(CHECKPOINT)).bits === bits; i++) await clock.advance(1000);
    const next = decodeCheckpoint(await rowOf(CHECKPOINT)).bits;
    expect(next).toBeGreaterThan(bits);
    await clock.advance(1000);
    for await (const rows of store.iterate(leafPageRange(bits))) expect(rows).toEqual([]);
    expect((await open()).checkpoint?.bits).toBe(next);
    saver.stop();
  });
});

describe('the check of every entry after a start', () => {
  let check: IntegrityCheck;
  let reopened: TestState;
  let fatal: unknown[];

  /** A start from the store as it is, and its check run to its end. */
  async function start(): Promise<void> {
    reopened = await openTestState({ store });
    fatal = [];
    check = createIntegrityCheck({
      ...reopened,
      checks: createStoreChecks({ ...reopened, hasher, verifier }),
      isVerified: () => true,
      log,
      onFatal: (error) => fatal.push(error),
    });
  }
  /** The round that `verify` begins, to its end. */
  async function scrubbed(): Promise<void> {
    check.start();
    const round = check.verify();
    for (let i = 0; i < 400 && check.scrub().completed < round && fatal.length === 0; i++) {
      await reopened.clock.advance(100);
      // Signatures are checked by threads, which the clock of the test does not move.
      await verifier.verify(reopened.self.author, new Uint8Array(1), new Uint8Array(64));
    }
    check.stop();
  }
  async function finish(): Promise<void> {
    check.start();
    for (let i = 0; i < 200 && check.progress() !== undefined && fatal.length === 0; i++)
      await reopened.clock.advance(100);
  }

  it('tells how far it is, and ends when all is well, also while keys change [N12]', async () => {
    await start();
    const total = reopened.replica.tree.size;
    expect(check.progress()).toEqual({ checked: 0, total });
    await reopened.writer.write(put('k0/5', 'changed meanwhile'));
    await reopened.writer.write(put('added meanwhile', 1));
    await finish();
    expect(fatal).toEqual([]);
    expect(check.progress()).toBeUndefined();
  });

  const entryOf = async (key: string): Promise<Entry> => decodeEntry(await rowOf(keyToEntryKey(key, hasher)), key);
  /** The text of a value with one letter changed: it parses, and names the same commit. */
  const flipped = async (key: string, from: string): Promise<Bytes> => {
    const row = (await rowOf(keyToEntryKey(key, hasher))).slice();
    const at = Buffer.from(row).indexOf(from);
    row[at] = (row[at] as number) ^ 1;
    decodeEntry(row, key);
    return row;
  };
  const damages: [string, () => Promise<void>][] = [
    ['a number with a flipped bit', async () => change(keyToEntryKey('k100/1', hasher), await flippedNumber())],
    [
      'a text with a flipped bit',
      async () => change(keyToEntryKey('changed', hasher), await flipped('changed', 'theirs')),
    ],
    [
      'an older entry',
      async () =>
        change(
          keyToEntryKey('k100/1', hasher),
          encodeEntry({
            key: 'k100/1',
            siblings: (await entryOf('k100/1')).siblings.map((s) => ({ ...s, index: s.index + 1 })),
          }),
        ),
    ],
    ['a lost entry', () => change(keyToEntryKey('k100/1', hasher), undefined)],
    [
      'an entry too many',
      async () => change(keyToEntryKey('k100/1x', hasher), await rowOf(keyToEntryKey('k100/1', hasher))),
    ],
    [
      'the entry of another key',
      async () => change(keyToEntryKey('k100/1', hasher), await rowOf(keyToEntryKey('k100/2', hasher))),
    ],
    ['a key that is not listed', () => change(listedKey('k100/1'), undefined)],
    ['a lost mark of a conflict', () => change(conflictKey('changed'), undefined)],
    [
      'a lost row of an end',
      async () => {
        await state.writer.write({ operations: [{ kind: 'put', key: 'ends', value: 1, expires: END }] });
        await change(endKey({ ms: END, keyHash: keyHash('ends', hasher) }), undefined);
      },
    ],
  ];
  /** The value of `k100/1`, the number 1, as 0. */
  async function flippedNumber(): Promise<Bytes> {
    const { siblings } = await entryOf('k100/1');
    const row = (await rowOf(keyToEntryKey('k100/1', hasher))).slice();
    const operation = (siblings[0] as Entry['siblings'][number]).operationBytes;
    const at = Buffer.from(row).indexOf(operation) + 2 + 1 + 'k100/1'.length;
    expect(row[at]).toBe(1);
    row[at] = (row[at] as number) ^ 1;
    return row;
  }

  it.each(damages)('finds %s, and the process ends [N12]', async (_, damage) => {
    await damage();
    await start();
    await finish();
    expect(fatal).toHaveLength(1);
    expect(fatal[0]).toMatchObject({ code: 'store-damaged' });
    expect(check.progress()).toBeDefined();
  });

  it('finds any flipped bit of an operation [N12]', async () => {
    for (const key of ['meanwhile/0', 'changed', 'new', 'k0/1']) {
      const row = await rowOf(keyToEntryKey(key, hasher));
      for (const { operationBytes } of (await entryOf(key)).siblings) {
        const at = Buffer.from(row).indexOf(operationBytes);
        expect(at).toBeGreaterThan(0);
        for (let bit = 0; bit < 8 * operationBytes.length; bit += 5) {
          const bad = row.slice();
          bad[at + (bit >>> 3)] = (bad[at + (bit >>> 3)] as number) ^ (1 << (bit & 7));
          await change(keyToEntryKey(key, hasher), bad);
          try {
            await start();
          } catch (error) {
            expect(error).toMatchObject({ code: 'damaged-row' });
            continue;
          }
          await finish();
          expect([key, bit, fatal]).toMatchObject([key, bit, [{ code: 'store-damaged' }]]);
        }
      }
      await change(keyToEntryKey(key, hasher), row);
    }
  });

  it('goes on as a scrub of everything, and tells when all was good, also to the next start [N17]', async () => {
    await start();
    const { completed, completedAt } = check.scrub();
    expect([completed, completedAt]).toEqual([0, undefined]);
    await scrubbed();
    expect(fatal).toEqual([]);
    const total = reopened.replica.tree.size;
    expect(check.scrub()).toMatchObject({ completed: 1, checked: total, total });
    const at = check.scrub().completedAt;
    expect(at).toBe(decodeScrub(await rowOf(SCRUB)).completedAt);
    await start();
    check.start();
    for (let i = 0; i < 200 && check.scrub().completedAt === undefined; i++) await reopened.clock.advance(100);
    expect(check.scrub()).toMatchObject({ completed: 0, completedAt: at });
    check.stop();
  });

  it('goes on where an earlier run left off [N17]', async () => {
    const middle = keyHash('k100/1', hasher);
    await change(SCRUB, encodeScrub({ cursor: middle, checked: 7, completedAt: 0 }));
    await start();
    const later = reopened.replica.tree.leavesUnder(new Uint8Array(0), 0, 10_000, middle).length;
    check.start();
    for (let i = 0; i < 4_000 && check.scrub().completed === 0; i++) {
      await reopened.clock.advance(100);
      await verifier.verify(reopened.self.author, new Uint8Array(1), new Uint8Array(64));
    }
    expect(check.scrub()).toMatchObject({ completed: 1, checked: 7 + later });
    check.stop();
  });

  it.each<[string, () => Promise<void>]>([
    [
      'a flipped bit of a signature',
      async () => {
        const row = (await rowOf(keyToEntryKey('k100/1', hasher))).slice();
        const [sibling] = (await entryOf('k100/1')).siblings;
        const at = Buffer.from(row).indexOf((sibling as Entry['siblings'][number]).signature);
        row[at + 5] = (row[at + 5] as number) ^ 1;
        await change(keyToEntryKey('k100/1', hasher), row);
      },
    ],
    ['a row of the list that leads nowhere', () => change(listedKey('nowhere'), new Uint8Array(0))],
    [
      'a row of an end that leads nowhere',
      () => change(endKey({ ms: END, keyHash: keyHash('nowhere', hasher) }), endValue('nowhere')),
    ],
    ['a mark of a conflict that leads nowhere', () => change(conflictKey('nowhere'), new Uint8Array(0))],
  ])('finds %s as a scrub, and the process ends [N17]', async (_, damage) => {
    await damage();
    await start();
    await finish();
    expect([fatal, check.progress()]).toEqual([[], undefined]);
    await start();
    await scrubbed();
    expect(fatal).toMatchObject([{ code: 'store-damaged' }]);
    expect(check.scrub().completed).toBe(0);
  });

  it('leaves the store of a good start as it is', async () => {
    const before: string[] = [];
    for await (const rows of store.iterate(bucketRange('entry')))
      before.push(...rows.map(([, row]) => bytesToHex(row)));
    await start();
    await finish();
    const after: string[] = [];
    for await (const rows of store.iterate(bucketRange('entry'))) after.push(...rows.map(([, row]) => bytesToHex(row)));
    expect(after).toEqual(before);
  });
});
