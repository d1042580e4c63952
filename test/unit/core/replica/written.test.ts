import { expect, it } from 'vitest';
import { hlcMs, lastHlcAt, ZERO_HLC } from '../../../../src/core/clock/index.ts';
import { createWritten } from '../../../../src/core/replica/written.ts';
import { decodeWritten, decodeWrittenKey, decodeWrittenRecord, WRITTEN } from '../../../../src/core/rows/index.ts';
import { type Author, bytesToHex } from '../../../../src/core/types/index.ts';
import { fragmentToSiblings, keyHash } from '../../../../src/core/wire/index.ts';
import { createTestReplica, hasher } from './support.ts';

const START = 1_700_000_000_000;

const isWritten = (hex: string): boolean => hex.startsWith('18');
const recordOf = (rows: ReadonlyMap<string, Uint8Array>) => {
  const row = rows.get(bytesToHex(WRITTEN));
  return row === undefined ? undefined : decodeWrittenRecord(row);
};

it('each batch names the keys of what it took in by author, and nothing that it took out or left [RO12]', () => {
  const node = createTestReplica(1);
  const other = createTestReplica(2);
  node.put('a', 1, START);
  node.step({ fragments: [other.put('b', 1, START + 1), other.put('c', 1, START + 2)] }, START + 10);
  const named = Array.from(node.rows).flatMap(([key, value]) => {
    if (!isWritten(key)) return [];
    const { author, sequence } = decodeWrittenKey(Buffer.from(key, 'hex'));
    return [[author, sequence, decodeWritten(value).map(bytesToHex)]];
  });
  const place = (key: string): string => bytesToHex(keyHash(key, hasher)).slice(0, 16);
  expect(named).toEqual([
    [node.author, 1, [place('a')]],
    [other.author, 2, [place('b'), place('c')]],
  ]);
  // What is held already is in no further batch, and the record says nothing that the rows do not say.
  node.step({ fragments: [other.put('b', 1, START + 1)] }, START + 10);
  expect(recordOf(node.rows)).toBeUndefined();
});

it('the rows of an author later than a time are found, and not those of others [RO12]', () => {
  const { replica, author, put } = createTestReplica(1);
  for (let i = 0; i < 5; i++) put(`k/${i}`, i, START + i * 1_000);
  expect(replica.written.of(author as Author, lastHlcAt(START + 2_000))).toHaveLength(2);
  expect(replica.written.of('00'.repeat(32) as Author, ZERO_HLC)).toEqual([]);
  replica.passFloor(lastHlcAt(START + 3_000), 100);
  expect(replica.written.size).toBe(1);
  expect(replica.written.of(author as Author, lastHlcAt(START + 2_000))).toBeUndefined();
});

it('the floor is passed some rows at a time, and counts as passed with the first of them [RO12]', () => {
  const { replica, put } = createTestReplica(1);
  for (let i = 0; i < 5; i++) put(`k/${i}`, i, START + i * 1_000);
  const floor = lastHlcAt(START + 10_000);
  const sizes: number[] = [];
  for (let more = true; more; ) {
    const passed = replica.passFloor(floor, 2);
    sizes.push(replica.written.size);
    ({ more } = passed);
    const record = passed.rows.find(({ key }) => bytesToHex(key) === bytesToHex(WRITTEN));
    expect(record?.type === 'put' && decodeWrittenRecord(record.value)).toEqual({ since: floor, sequence: 5 });
  }
  expect(sizes).toEqual([3, 1, 0]);
});

it('beyond its room the oldest rows go, and it says from when on it names everything [RO12]', () => {
  const { put, author } = createTestReplica(1);
  const written = createWritten({ maxBytes: 30_000 });
  for (let i = 0; i < 200; i++) {
    const key = `k/${i}`;
    const siblings = fragmentToSiblings(put(key, i, START + i), hasher);
    const rows = written.note(
      [{ key, keyHash: keyHash(key, hasher), before: undefined, after: { key, siblings } }],
      i + 1,
    );
    const gone = rows.filter(({ type }) => type === 'del').length;
    const tells = rows.some(({ key }) => bytesToHex(key) === bytesToHex(WRITTEN));
    expect(tells).toBe(gone > 0);
    expect(written.size * 264).toBeLessThanOrEqual(30_000);
    // Whatever is not named is not later than what it says.
    const oldest = i + 1 - written.size;
    expect(hlcMs(written.since)).toBe(oldest === 0 ? 0 : START + oldest - 1);
    expect(written.of(author as Author, written.since)).toHaveLength(written.size);
  }
  expect(written.size).toBeLessThan(200);
});
