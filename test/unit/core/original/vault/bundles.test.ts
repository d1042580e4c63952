import { describe, expect, it } from 'vitest';
import { nodeHasher } from '../../../../../src/adapters/system/hasher.ts';
import type { OriginalObject } from '../../../../../src/core/original/canon.ts';
import { parseOriginalJson } from '../../../../../src/core/original/json.ts';
import {
  brokenDigest,
  heldAs,
  indexText,
  isIntact,
  isRowIntact,
  makeContentBundle,
  makeFunctionBundle,
  readVaultFile,
  rowState,
  vaultContents,
  verifies,
  withNodeChecked,
} from '../../../../../src/core/original/vault/index.ts';
import { LatticeError } from '../../../../../src/core/types/index.ts';
import { fileText, originalFunction, sha256 } from '../../../../support/original-vault.ts';

const hasher = nodeHasher();
const utf8 = new TextEncoder();
const signed: string[] = [];
const maker = {
  network: 'test',
  author: 'ab'.repeat(32),
  sign(text: string) {
    signed.push(text);
    return 'cd'.repeat(64);
  },
  now: { ms: 1_770_000_000_250, iso: '2026-02-02T02:40:00.250Z' },
};
const made = originalFunction('sort_letters');
const read = (fields: Parameters<typeof fileText>[0]) => readVaultFile(utf8.encode(fileText(fields)), hasher);
const metadata = parseOriginalJson('{"intent_name":"greet","weight":1.0}') as OriginalObject;

describe('bundles with the certificate of a node', () => {
  it('what is signed is the whole bundle without the signature, under a domain of its own [I11]', () => {
    const { form, text } = makeContentBundle('código', metadata, maker, hasher);
    expect(signed.at(-1)).toBe(
      `diotec360-lattice-bundle/1\n{"code":"c\\u00f3digo","content_hash":"${sha256('código')}",` +
        '"metadata":{"intent_name":"greet","weight":1.0},' +
        `"node_certificate":{"author":"${maker.author}","format":"diotec360-lattice-bundle/1","network":"test"},` +
        '"timestamp":1770000000.25}',
    );
    expect(new TextDecoder().decode(form.nodeCertificate?.message)).toBe(signed.at(-1));
    const again = readVaultFile(utf8.encode(text), hasher);
    expect([again.hash, again.nodeCertificate?.author]).toEqual([sha256('código'), maker.author]);
  });

  it('until its signature is checked nothing is intact by it, and then everything or nothing [I11]', () => {
    const { form } = makeFunctionBundle(read(made.entry), read(made.certificate), maker, hasher);
    expect([verifies(form.claims), isIntact(form.claims)]).toEqual([true, false]);
    const outcomes = (['trusted', 'unknown', 'broken'] as const).map((outcome) =>
      withNodeChecked(form, outcome, 'why'),
    );
    expect(outcomes.map(({ claims }) => [verifies(claims), isIntact(claims)])).toEqual([
      [true, true],
      [true, false],
      [false, false],
    ]);
  });

  it('the bundle of a function is the one that the original makes, and of nothing that does not verify [I11]', () => {
    const { text, form } = makeFunctionBundle(read(made.entry), read(made.certificate), maker, hasher);
    const fields = JSON.parse(text) as Record<string, unknown>;
    const { node_certificate: _, bundle_created_at: at, ...rest } = fields;
    const { bundle_created_at: __, ...theirs } = made.bundle;
    expect([rest, at]).toEqual([theirs, '2026-02-02T02:40:00.250000']);
    expect(Object.keys(fields).slice(0, 11)).toEqual(Object.keys(made.bundle));
    expect(form.name).toBe(`sort_letters_${made.hash.slice(0, 8)}.ae_bundle`);
    const broken = read({ ...made.certificate, message: 'another' });
    expect(() => makeFunctionBundle(read(made.entry), broken, maker, hasher)).toThrow(LatticeError);
    expect(makeFunctionBundle(read(made.entry), undefined, maker, hasher).form.fields.get('certificate')).toBeNull();
  });

  it.each([
    ['a field more', { more: '1' }],
    ['another format', { format: 'diotec360-lattice-bundle/2' }],
    ['an author that is none', { author: 'AB'.repeat(32) }],
    ['a signature that is too short', { signature: 'cd' }],
  ])('a certificate with %s is refused [I11]', (_, change) => {
    const { text } = makeContentBundle('x', metadata, maker, hasher);
    const fields = JSON.parse(text) as { node_certificate: object };
    fields.node_certificate = { ...fields.node_certificate, ...change };
    expect(() => readVaultFile(utf8.encode(JSON.stringify(fields)), hasher)).toThrow(LatticeError);
  });
});

describe('what the original counts', () => {
  const hold = (fields: Parameters<typeof fileText>[0], name?: string) => {
    const form = read(fields);
    return heldAs(form, name ?? form.name);
  };

  it('the rows of the index come first and as they are, and its text is what the original writes [I10]', () => {
    const missing = 'ef'.repeat(32);
    const index = { [missing]: { intent_name: 'gone' }, [made.hash]: { intent_name: 'mine', imported: true } };
    const { rows, root } = vaultContents([hold(made.entry), hold(index)], hasher);
    expect(Array.from(rows.values(), (row) => [row.hash, rowState(row, row.entry)])).toEqual([
      [missing, 'missing'],
      [made.hash, 'ok'],
    ]);
    expect(indexText(rows.values(), 'v')).toBe(fileText(index));
    expect(root).toBe(sha256([missing, made.hash].sort().join('')));
  });

  it('without an index it is the one that the original would have written [I10]', () => {
    const { rows } = vaultContents([hold(made.entry)], hasher);
    const { intent_name = '', logic_hash = '', created_at = '' } = made.entry;
    expect(indexText(rows.values(), 'v')).toBe(
      fileText({ [made.hash]: { intent_name, logic_hash, created_at, status: 'MATHEMATICALLY_PROVED' } }),
    );
  });

  it('of two files of one hash the one that verifies counts, else the first [I10]', () => {
    const changed = hold({ ...made.entry, logic_hash: '0'.repeat(64) });
    const right = hold(made.entry);
    expect(vaultContents([changed, right], hasher).rows.get(made.hash)?.entry).toBe(right);
    expect(vaultContents([changed], hasher).rows.get(made.hash)?.entry).toBe(changed);
  });

  it('a file that is named for another function does not verify, nor is a row intact by another name [I10]', () => {
    const misnamed = hold(made.entry, `${'0'.repeat(64)}.json`);
    expect(brokenDigest(misnamed.claims)?.claim).toBe('file name');
    const content = hold({ code: 'x', content_hash: sha256('x'), metadata: {} }, 'x.ae_bundle');
    const other = 'cd'.repeat(32);
    const index = hold({ [other]: { intent_name: 'x', bundle_path: 'C:\\old\\bundles\\x.ae_bundle' } });
    const row = vaultContents([index, content], hasher).rows.get(other);
    expect([row?.bundle?.hash, row !== undefined && isRowIntact(row, row.bundle)]).toEqual([sha256('x'), false]);
  });

  it('nothing has no root, as the original computes it [I10]', () => {
    expect(vaultContents([], hasher).root).toBeNull();
  });
});
