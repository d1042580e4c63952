import { describe, expect, it } from 'vitest';
import { decodeFragment, decodeGossip } from '../../../../src/core/wire/index.ts';
import { packFragments } from '../../../../src/runtime/streams/pack.ts';
import { hasher } from '../support.ts';
import { other, reader, wordsOf } from './support.ts';

describe('gossip messages', () => {
  it('hold commits of one author, and aim at 32 KiB [G4]', () => {
    const value = 'x'.repeat(10_000);
    const mine = Array.from({ length: 7 }, (_, i) => reader.commit({ [`k${i}`]: value }));
    const theirs = Array.from({ length: 2 }, (_, i) => other.commit({ [`k${i}`]: value }));
    const messages = packFragments([...mine.slice(0, 3), ...theirs.slice(0, 1), ...mine.slice(3), ...theirs.slice(1)]);
    const contents = messages.map((bytes) => {
      const message = decodeGossip(bytes, { stream: false });
      return message.type === 'commits' ? message.fragments.map((f) => decodeFragment(f, hasher).header.author) : [];
    });
    expect(contents.map((authors) => [new Set(authors).size, authors.length])).toEqual([
      [1, 3],
      [1, 1],
      [1, 3],
      [1, 1],
      [1, 1],
    ]);
    expect(Math.max(...messages.map((m) => m.length))).toBeLessThan(33 * 1024);
  });

  it('hold one commit alone when it is larger than that, and 256 at most [G2, G4]', () => {
    const large = reader.commit(Object.fromEntries(Array.from({ length: 4 }, (_, i) => [`k${i}`, 'x'.repeat(16_000)])));
    expect(packFragments([large, reader.commit({ a: 1 })])).toHaveLength(2);
    const small = Array.from({ length: 300 }, (_, i) => reader.commit({ [`${i}`]: i }));
    for (const bytes of packFragments(small)) decodeGossip(bytes, { stream: false });
    expect(packFragments(small).reduce((n, bytes) => n + wordsOf(bytes).length, 0)).toBe(300);
  });
});
