import { expect, it } from 'vitest';
import type { Bytes } from '../../../../src/core/types/index.ts';
import { createReadAhead } from '../../../../src/runtime/vault/read-ahead.ts';

const MOST = 15;

function reader() {
  const reads: string[] = [];
  const read = async (first: number, count: number): Promise<Bytes> => {
    reads.push(`${first}+${count}`);
    return Uint8Array.of(first, count);
  };
  const ahead = createReadAhead();
  const take = (first: number, count = MOST, blocks = 100): Promise<Bytes> =>
    ahead.take('object', { first, count, blocks }, read);
  return { reads, take };
}

it('the next part is read while the one before it is on its way, and each once [U9]', async () => {
  const { reads, take } = reader();
  for (let first = 0; first < 90; first += MOST) expect(await take(first)).toEqual(Uint8Array.of(first, MOST));
  expect(reads).toEqual(['0+15', '15+15', '30+15', '45+15', '60+15', '75+15']);
  expect(await take(90, 10)).toEqual(Uint8Array.of(90, 10));
  expect(reads.at(-1)).toBe('90+10');
});

it('nothing is read for who asks here and there, or for few blocks [U9]', async () => {
  const { reads, take } = reader();
  for (const first of [0, 30, 60]) await take(first);
  for (const first of [0, 4, 8]) await take(first, 4);
  expect(reads).toEqual(['0+15', '30+15', '60+15', '0+4', '4+4', '8+4']);
});

it('a part that was read goes to one asker, and another one reads it again [U9]', async () => {
  const { reads, take } = reader();
  await take(0);
  await take(15);
  const [one, other] = [await take(30), await take(30)];
  expect(one).toEqual(other);
  expect(one).not.toBe(other);
  expect(reads.filter((read) => read === '30+15')).toHaveLength(2);
});

it('a read ahead that fails is told to who asks for that part, and the next one reads it again [U9]', async () => {
  const ahead = createReadAhead();
  let failures = 1;
  const read = async (first: number): Promise<Bytes> => {
    if (first === 30 && failures-- > 0) throw new Error('the disk failed');
    return Uint8Array.of(first);
  };
  const take = (first: number): Promise<Bytes> => ahead.take('object', { first, count: MOST, blocks: 100 }, read);
  await take(0);
  await take(15);
  await expect(take(30)).rejects.toThrow('the disk failed');
  expect(await take(30)).toEqual(Uint8Array.of(30));
});
