import { expect, it } from 'vitest';
import { encodeCbor, encodeCborBefore } from '../../../../src/core/cbor/cbor.ts';
import { concatBytes, giveBack, prepend, roomyBytes } from '../../../../src/core/types/index.ts';

const head = (...bytes: number[]): Uint8Array => Uint8Array.of(...bytes);

it('heads go into the room before roomy bytes, which are not copied', () => {
  const body = roomyBytes(1000).fill(7);
  const once = prepend(head(1, 2), body);
  const twice = prepend(head(3), once);
  expect(twice.buffer).toBe(body.buffer);
  expect(twice).toEqual(concatBytes(head(3, 1, 2), body));
});

it('a head that others have used the room for is put before a copy', () => {
  const body = roomyBytes(10).fill(7);
  const first = prepend(head(1), body);
  const second = prepend(head(2), body);
  const ofPart = prepend(head(3), first.subarray(1));
  expect(first).toEqual(concatBytes(head(1), body));
  expect(second).toEqual(concatBytes(head(2), body));
  expect(second.buffer).not.toBe(body.buffer);
  expect(ofPart).toEqual(concatBytes(head(3), body));
});

it('bytes without room, and heads that are larger than the room, are copied', () => {
  const plain = new Uint8Array(300).subarray(290).fill(7);
  expect(prepend(head(1), plain)).toEqual(concatBytes(head(1), plain));
  const large = new Uint8Array(400).fill(9);
  const roomy = roomyBytes(3).fill(7);
  expect(prepend(large, roomy)).toEqual(concatBytes(large, roomy));
  expect(prepend(head(1), roomy)).toEqual(concatBytes(head(1), roomy));
});

it.each([0, 23, 24, 255, 256, 65_535, 65_536, 983_040])('CBOR before %i roomy bytes is CBOR as ever', (length) => {
  const body = roomyBytes(length).fill(7);
  const expected = encodeCbor([22, 'text', body]);
  expect(Buffer.compare(encodeCborBefore([22, 'text'], body), expected)).toBe(0);
  expect(Buffer.compare(encodeCborBefore([22, 'text'], new Uint8Array(length).fill(7)), expected)).toBe(0);
});

it('memory that was given back serves the next large bytes, once, with all of its room', () => {
  const first = roomyBytes(983_040).fill(7);
  const message = prepend(head(1, 2), first);
  giveBack(message.subarray(2));
  giveBack(message);
  const second = roomyBytes(983_100);
  const third = roomyBytes(983_040);
  expect(second.buffer).toBe(first.buffer);
  expect(second.length).toBe(983_100);
  expect(third.buffer).not.toBe(first.buffer);
  expect(prepend(head(3), second).buffer).toBe(first.buffer);
});

it('memory of others, small memory, and more than is kept, is left to the garbage', () => {
  const plain = new Uint8Array(983_040);
  const small = roomyBytes(2_048);
  giveBack(plain);
  giveBack(small);
  expect(roomyBytes(983_040 - 256).buffer).not.toBe(plain.buffer);
  expect(roomyBytes(2_048).buffer).not.toBe(small.buffer);
  const many = Array.from({ length: 20 }, () => roomyBytes(1_000_000));
  for (const one of many) giveBack(one);
  const kept = new Set(Array.from({ length: 20 }, () => roomyBytes(1_000_000).buffer));
  expect(many.filter(({ buffer }) => kept.has(buffer)).length).toBe(8);
});
