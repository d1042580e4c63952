import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../../src/core/types/index.ts';
import {
  isObjectName,
  isObjectType,
  MAX_CONTENT_BYTES,
  readVaultEntry,
  type VaultEntry,
  vaultKey,
  vaultKeyHash,
  vaultReferences,
  vaultValue,
} from '../../../../src/core/vault/index.ts';

const HASH = 'ab'.repeat(32);
const entry: VaultEntry = { size: 7, root: 'cd'.repeat(32), type: 'text/plain', name: 'a.txt', pinned: false };

describe('the key of an object', () => {
  it('is vault/ and the hash, and nothing else is one [U3]', () => {
    expect(vaultKey(HASH)).toBe(`vault/${HASH}`);
    expect(vaultKeyHash(`vault/${HASH}`)).toBe(HASH);
    for (const key of ['', 'vault/', HASH, `vault/${HASH}0`, `vault/${HASH.toUpperCase()}`, `vault//${HASH}`])
      expect(vaultKeyHash(key)).toBeUndefined();
    for (const hash of ['', HASH.slice(1), HASH.toUpperCase(), '../'.repeat(21)])
      expect(() => vaultKey(hash)).toThrow(RangeError);
  });
});

describe('the value of an object', () => {
  it('is read as it was written [U3]', () => {
    for (const one of [entry, { ...entry, size: 0, type: '', name: '', pinned: true }])
      expect(readVaultEntry(vaultValue(one))).toEqual(one);
    expect(readVaultEntry(vaultValue({ ...entry, size: MAX_CONTENT_BYTES })).size).toBe(MAX_CONTENT_BYTES);
  });

  const { pinned: _, ...lacking } = { ...entry };
  it.each<[string, JsonValue, string]>([
    ['nothing', null, 'is no object'],
    ['a list', [7], 'is no object'],
    ['a member less', lacking, 'lacks "pinned"'],
    ['a member more', { ...entry, pins: 1 }, '"pins"'],
    ['a size below zero', { ...entry, size: -1 }, 'size'],
    ['a size that is no integer', { ...entry, size: 1.5 }, 'size'],
    ['a size as text', { ...entry, size: '7' }, 'size'],
    ['a size beyond the largest', { ...entry, size: MAX_CONTENT_BYTES + 1 }, 'size'],
    ['a root in upper case', { ...entry, root: 'CD'.repeat(32) }, 'root'],
    ['a root of another length', { ...entry, root: 'cd'.repeat(31) }, 'root'],
    ['a type that ends a header', { ...entry, type: 'text/plain\r\nX: y' }, 'type'],
    ['a name that leaves the directory', { ...entry, name: '../a' }, 'name'],
    ['pins as a number', { ...entry, pinned: 1 }, '"pinned"'],
  ])('with %s is refused with what is wrong [U3]', (_name, value, what) => {
    expect(() => readVaultEntry(value)).toThrow(
      expect.objectContaining({ code: 'invalid-value', message: expect.stringContaining(what) as string }) as Error,
    );
  });

  it('is not written where it would not be read [U3]', () => {
    expect(() => vaultValue({ ...entry, name: 'a/b' })).toThrow(expect.objectContaining({ code: 'invalid-value' }));
  });
});

describe('media types', () => {
  it.each(['', 'text/plain', 'text/html; charset=utf-8', 'a/b;c="d e\\"f"', 'application/vnd.x+json;v=1; q="a"'])(
    '%j can be the type of an object [U3]',
    (type) => expect(isObjectType(type)).toBe(true),
  );
  it.each([
    'text',
    'text/',
    '/plain',
    'text/plain;',
    'a b/c',
    'a/b;c',
    'a/b;c="d',
    'a/b\n',
    'a/ü',
    `a/${'b'.repeat(255)}`,
  ])('%j cannot [U3]', (type) => expect(isObjectType(type)).toBe(false));
});

describe('file names', () => {
  it.each(['', 'a', '.a', '...', 'Vertrag über 3 €.pdf', '契約書.pdf', 'a:b', 'x'.repeat(255)])(
    '%j can be the name of an object [U3]',
    (name) => expect(isObjectName(name)).toBe(true),
  );
  it.each(['.', '..', 'a/b', 'a\\b', '/', 'a\0', 'a\n', 'a\u0085', 'evil\u202efdp.exe', '\ud800', 'é'.repeat(128)])(
    '%j cannot [U3]',
    (name) => expect(isObjectName(name)).toBe(false),
  );
});

describe('references of a value', () => {
  it('are found however deep, and only in their one form [U4]', () => {
    const other = 'ef'.repeat(32);
    expect(
      [...vaultReferences({ a: [{ $vault: HASH }, { b: { $vault: other } }, { $vault: HASH }], text: HASH })].sort(),
    ).toEqual([HASH, other]);
    for (const none of [
      HASH,
      null,
      { $vault: HASH.toUpperCase() },
      { $vault: HASH, more: 1 },
      { $vault: [HASH] },
      { vault: HASH },
      [HASH],
    ])
      expect([...vaultReferences(none)]).toEqual([]);
  });
});
