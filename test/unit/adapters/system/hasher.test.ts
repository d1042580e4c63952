import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { nodeHasher } from '../../../../src/adapters/system/hasher.ts';
import { bytesToHex } from '../../../../src/core/types/index.ts';

const hasher = nodeHasher();

test('the published vectors of SHA-256 (FIPS 180-4)', () => {
  const of = (text: string): string => bytesToHex(hasher.hash(new TextEncoder().encode(text)));
  expect(of('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  expect(of('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(of('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')).toBe(
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  );
});

test('every length and every byte agrees with a second implementation path', () => {
  for (let length = 0; length < 600; length++) {
    const input = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 0xff);
    expect(bytesToHex(hasher.hash(input))).toBe(createHash('sha256').update(input).digest('hex'));
  }
});

test('hash gives a fresh plain Uint8Array', () => {
  const input = Uint8Array.of(1, 2, 3);
  const first = hasher.hash(input);
  expect(first.constructor).toBe(Uint8Array);
  expect(first.length).toBe(32);
  hasher.hash(Uint8Array.of(9));
  expect(first).toEqual(hasher.hash(input));
});

test('hashInto writes 32 bytes at the offset and nothing else, into views too', () => {
  const whole = new Uint8Array(100).fill(0xee);
  const view = whole.subarray(10, 90);
  hasher.hashInto(whole.subarray(0, 5), view, 7);
  const expected = new Uint8Array(100).fill(0xee);
  expected.set(hasher.hash(new Uint8Array(5).fill(0xee)), 17);
  expect(whole).toEqual(expected);
});

test('the input may be where the output goes', () => {
  const bytes = Uint8Array.from({ length: 64 }, (_, i) => i);
  const expected = hasher.hash(bytes);
  hasher.hashInto(bytes, bytes, 0);
  expect(bytes.subarray(0, 32)).toEqual(expected);
});

test('too little room is a RangeError, and nothing is written', () => {
  const out = new Uint8Array(40);
  for (const offset of [9, 40, -1, Number.NaN])
    expect(() => hasher.hashInto(Uint8Array.of(1), out, offset)).toThrow(RangeError);
  expect(out).toEqual(new Uint8Array(40));
});

test('content in pieces has the hash of the whole, in memory of its own', () => {
  const content = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff);
  const running = hasher.running();
  for (let at = 0; at < content.length; at += 77) running.update(content.subarray(at, at + 77));
  running.update(new Uint8Array(0));
  const digest = running.digest();
  expect(digest.constructor).toBe(Uint8Array);
  expect(digest.buffer.byteLength).toBe(32);
  expect(digest).toEqual(hasher.hash(content));
  expect(hasher.running().digest()).toEqual(hasher.hash(new Uint8Array(0)));
});
