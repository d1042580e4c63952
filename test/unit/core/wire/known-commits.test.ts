import { expect, it } from 'vitest';
import { type Bytes, bytesToHex, type Hasher, type Hlc, type Sibling } from '../../../../src/core/types/index.ts';
import { decodeEntry, encodeEntry } from '../../../../src/core/wire/entry.ts';
import { createCommit } from '../../../../src/core/wire/fragment.ts';
import { commitId } from '../../../../src/core/wire/header.ts';
import { knownCommit } from '../../../../src/core/wire/known-commits.ts';
import { fragmentToSiblings } from '../../../../src/core/wire/siblings.ts';
import { hasher, testKey } from './support.ts';

const key = testKey(new Uint8Array(32).fill(7));

function headerOf(n: number): { readonly id: Bytes; readonly headerBytes: Bytes } {
  const operations = Array.from({ length: 3 }, (_, i) => ({
    kind: 'put' as const,
    key: `k${n}.${i}`,
    value: n,
    context: [],
  }));
  const commit = createCommit(
    { network: 'known', author: key.author, hlc: BigInt(n + 1) as Hlc, operations },
    hasher,
    key.sign,
  );
  return { id: commit.idBytes, headerBytes: commit.headerBytes };
}

it('the header that is asked for again is kept, in memory of its own, and hashed no more [N12]', () => {
  let hashes = 0;
  const counting: Hasher = {
    ...hasher,
    hash(bytes) {
      hashes++;
      return hasher.hash(bytes);
    },
  };
  const { id, headerBytes } = headerOf(1);
  const row = new Uint8Array(4096);
  row.set(headerBytes, 100);
  row.set(id, 1000);
  const ask = () => knownCommit(row.subarray(1000, 1032), row.subarray(100, 100 + headerBytes.length), counting);
  const first = ask();
  expect(first.headerBytes.buffer).toBe(row.buffer);
  expect(first.paths).toBeUndefined();
  const second = ask();
  expect(second.headerBytes.buffer).not.toBe(row.buffer);
  expect([second.headerBytes.buffer.byteLength, second.commit.buffer.byteLength]).toEqual([headerBytes.length, 32]);
  expect(second.header).toEqual(first.header);
  expect(hashes).toBe(2);
  for (let i = 0; i < 5; i++) expect(ask()).toBe(second);
  expect(hashes).toBe(2);
  // The row may change from now on.
  row.fill(0);
  expect(bytesToHex(commitId(second.headerBytes, hasher))).toBe(bytesToHex(second.commit));
  expect(bytesToHex(second.header.opsRoot)).toMatch(/^(?!0{64})/);
});

it('neither another header under the id of a known commit nor another id for its header is believed', () => {
  const [one, other] = [headerOf(2), headerOf(3)];
  for (let i = 0; i < 3; i++) knownCommit(one.id, one.headerBytes, hasher);
  for (let i = 0; i < 3; i++) {
    expect(() => knownCommit(one.id, other.headerBytes, hasher)).toThrow('does not hash to its commit id');
    expect(() => knownCommit(other.id, one.headerBytes, hasher)).toThrow('does not hash to its commit id');
    const near = one.id.slice();
    near[31] = (near[31] as number) ^ 1;
    expect(() => knownCommit(near, one.headerBytes, hasher)).toThrow('does not hash to its commit id');
    const flipped = one.headerBytes.slice();
    flipped[flipped.length - 1] = (flipped[flipped.length - 1] as number) ^ 1;
    expect(() => knownCommit(one.id, flipped, hasher)).toThrow('does not hash to its commit id');
  }
});

it('commits beyond the number of places take the places of others, and are right all the same', () => {
  const headers = Array.from({ length: 1500 }, (_, i) => headerOf(i + 10));
  for (let round = 0; round < 3; round++)
    for (const [i, { id, headerBytes }] of headers.entries()) {
      const { header, commit } = knownCommit(id, headerBytes, hasher);
      expect(header.hlc).toBe(BigInt(i + 11));
      expect(commit).toEqual(id);
      if (i % 3 === 0) expect(knownCommit(id, headerBytes, hasher).header.hlc).toBe(BigInt(i + 11));
    }
});

it('a row of a commit that is known is believed no more than one of another [N12]', () => {
  const operations = ['a', 'b', 'c', 'd', 'e'].map((name) => ({
    kind: 'put' as const,
    key: name,
    value: name,
    context: [],
  }));
  const header = { network: 'known', author: key.author, hlc: 9n as Hlc, operations };
  const siblings = fragmentToSiblings(createCommit(header, hasher, key.sign), hasher);
  const rows = siblings.map((one) => encodeEntry({ key: one.operation.key, siblings: [one] }));
  for (let round = 0; round < 3; round++)
    for (const [i, row] of rows.entries())
      expect(decodeEntry(row, undefined, hasher)).toEqual({ key: operations[i]?.key, siblings: [siblings[i]] });
  const [one, other] = siblings as [Sibling, Sibling];
  const row = rows[0] as Bytes;
  const signatureAt = Buffer.from(row).indexOf(one.signature);
  for (let at = 0; at < row.length; at++) {
    const flipped = row.slice();
    flipped[at] = (flipped[at] as number) ^ 1;
    const isSignature = at >= signatureAt && at < signatureAt + 64;
    const decode = (): unknown => decodeEntry(flipped, undefined, hasher);
    if (isSignature) expect(decode).not.toThrow();
    else expect(decode, `byte ${at}`).toThrow(expect.objectContaining({ code: 'damaged-row' }));
  }
  // The bytes of another operation in its place, and its proof.
  for (const wrong of [
    { ...one, operationBytes: other.operationBytes },
    { ...one, proof: other.proof },
    { ...one, index: 1 },
  ])
    expect(() => decodeEntry(encodeEntry({ key: 'a', siblings: [wrong] }), undefined, hasher)).toThrow(
      "an operation does not lead to its header's root",
    );
});
