import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { nodeHasher } from '../../../../../src/adapters/system/hasher.ts';
import {
  brokenDigest,
  isIntact,
  readVaultFile,
  type VaultForm,
  verifies,
  withBytesKnown,
} from '../../../../../src/core/original/vault/index.ts';
import { LatticeError } from '../../../../../src/core/types/index.ts';
import { originalData } from '../../../../support/original-data.ts';
import { contentBundle, fileText, originalFunction } from '../../../../support/original-vault.ts';

const hasher = nodeHasher();
const utf8 = new TextEncoder();
const read = (fields: Parameters<typeof fileText>[0]): VaultForm =>
  readVaultFile(utf8.encode(fileText(fields)), hasher);
const claim = (form: VaultForm, name: string) => form.claims.find(({ claim: of }) => of === name);
const sorter = originalFunction('sort_letters');

function malformed(bytes: Uint8Array | string): string {
  try {
    readVaultFile(typeof bytes === 'string' ? utf8.encode(bytes) : bytes, hasher);
  } catch (error) {
    if (error instanceof LatticeError && error.code === 'vault-file-malformed') return error.message;
    throw error;
  }
  throw new Error('it was read');
}

describe('files of the vault of the original [I9]', () => {
  it('each kind is recognised, and its digests hold', () => {
    const forms = [sorter.entry, sorter.certificate, sorter.bundle, contentBundle('stack', 'a é').bundle].map(read);
    expect(forms.map(({ kind, claims }) => [kind, verifies(claims)])).toEqual([
      ['function', true],
      ['certificate', true],
      ['signed-bundle', true],
      ['content-bundle', true],
    ]);
    expect(forms.map(({ name }) => name)).toEqual([
      `${sorter.hash}.json`,
      `${sorter.hash}.cert.json`,
      `sort_letters_${sorter.hash.slice(0, 8)}.ae_bundle`,
      expect.stringMatching(/^[0-9a-f]{16}\.ae_bundle$/),
    ]);
  });

  it('changed code is seen in a bundle of code, and nowhere called intact where no digest is over it', () => {
    const content = read({ ...contentBundle('stack', 'before').bundle, code: 'after' });
    expect(claim(content, 'content_hash')).toMatchObject({ checked: true, holds: false });
    expect(verifies(content.claims)).toBe(false);
    for (const fields of [sorter.entry, sorter.bundle]) {
      for (const form of [read(fields), read({ ...fields, code: 'fn steal() {}' })]) {
        expect(claim(form, 'code')).toMatchObject({ checked: false, reason: 'no digest in the file is over it' });
        expect([verifies(form.claims), isIntact(form.claims)]).toEqual([true, false]);
      }
    }
    expect(isIntact(read(contentBundle('stack', 'x').bundle).claims)).toBe(true);
  });

  it('nobody proved the code again, and every answer says so', () => {
    for (const fields of [sorter.entry, sorter.bundle, sorter.certificate])
      expect(claim(read(fields), 'proof')).toMatchObject({ checked: false, about: 'proof' });
  });

  it('what lies where every byte is known is intact, unless a digest fails', () => {
    const known = withBytesKnown(read(sorter.entry).claims, 'as they were put in');
    expect(isIntact(known)).toBe(true);
    expect(known.filter(({ checked }) => !checked).map(({ claim: of }) => of)).toEqual(['proof']);
    const broken = read({ ...sorter.entry, logic_hash: '0'.repeat(64) });
    expect(isIntact(withBytesKnown(broken.claims, 'as they were put in'))).toBe(false);
  });

  it.each([
    ['message', 'another', 'signature'],
    ['status', 'FAILED', 'signature'],
    ['judge_version', 'Aethel_Judge_v0.7', 'signature'],
  ])('a certificate whose %s was changed fails', (field, value, broken) => {
    const form = read({ ...sorter.certificate, [field]: value });
    expect(brokenDigest(form.claims)?.claim).toBe(broken);
    const stored = sorter.certificate['signature'];
    expect(brokenDigest(form.claims)).toMatchObject({ stored, computed: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  it('a certificate that was signed before the judge was renamed says exactly that', () => {
    const form = read({ ...sorter.certificate, judge_version: 'DIOTEC360_Judge_v0.6' });
    expect(brokenDigest(form.claims)?.reason).toContain(
      "fails by the original's own rule until DIOTEC360_Judge_v0.6 reads Aethel_Judge_v0.6",
    );
    // With anything else changed too the old name does not help, and is not spoken of.
    const other = read({ ...sorter.certificate, judge_version: 'DIOTEC360_Judge_v0.6', message: 'another' });
    expect(brokenDigest(other.claims)?.reason).not.toContain('Aethel');
  });

  it('a bundle whose certificate was changed, or is for another function, fails', () => {
    const changed = { ...sorter.certificate, message: 'another' };
    const form = read({ ...sorter.bundle, certificate: changed });
    expect(claim(form, 'certificate.signature')).toMatchObject({ checked: true, holds: false });
    expect(claim(form, 'bundle_signature')).toMatchObject({ checked: true, holds: false });
    const foreign = originalFunction('weigh_parcels').certificate;
    expect(claim(read({ ...sorter.bundle, certificate: foreign }), 'certificate.function_hash')).toMatchObject({
      holds: false,
    });
  });

  it('broken content names what is wrong with it', () => {
    expect(malformed('{"full_hash": 1')).toContain('line 1, column 16');
    expect(malformed('[]')).toContain('not an object');
    expect(malformed(Uint8Array.of(0x7b, 0xff))).toContain('not UTF-8');
    expect(malformed('{"a":1}')).toContain('no function, certificate, bundle or index');
    expect(malformed(new Uint8Array(1024 * 1024 + 1))).toContain('more than the 1048576');
    expect(malformed(`{"full_hash":${'['.repeat(600)}`)).toContain('nesting over 512');
    expect(malformed(fileText({ ...sorter.entry, full_hash: sorter.hash.toUpperCase() }))).toContain(
      'has "full_hash", which is not 64 lower-case hex digits',
    );
    expect(malformed(fileText({ full_hash: sorter.hash, intent_name: 'x' }))).toContain('lacks "code"');
    expect(malformed('{"code":"\\ud800","content_hash":"'.concat('0'.repeat(64), '"}'))).toContain('surrogate');
  });
});

const REAL = originalData === undefined ? '' : fileURLToPath(originalData);
describe.skipIf(originalData === undefined)('real files of the original, where they are there [I9]', () => {
  const forms = (directory: string): VaultForm[] =>
    readdirSync(`${REAL}${directory}`, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => readVaultFile(readFileSync(`${REAL}${directory}/${name}`), hasher));

  it('8 certificates, 5 signed and 2 content bundles verify', () => {
    const all = [...forms('vault/certificates'), ...forms('vault/bundles')];
    expect(all.every(({ claims }) => verifies(claims))).toBe(true);
    const count = (kind: string): number => all.filter((form) => form.kind === kind).length;
    expect(['certificate', 'signed-bundle', 'content-bundle'].map(count)).toEqual([8, 5, 2]);
  });

  it('the 2 functions of the demo vault and its precedents verify, and its certificate does not', () => {
    const all = forms('demo-vault');
    expect(all.map(({ kind, claims }) => [kind, verifies(claims)])).toEqual([
      ['function', true],
      ['function', true],
      ['index', true],
      ['precedents', true],
    ]);
    const [certificate] = forms('demo-vault/certificates');
    expect(brokenDigest(certificate?.claims ?? [])).toMatchObject({
      claim: 'signature',
      stored: expect.stringMatching(/^5db89441/),
      computed: expect.stringMatching(/^d18b828f/),
      reason: expect.stringContaining('until DIOTEC360_Judge_v0.6 reads Aethel_Judge_v0.6'),
    });
  });
});
