import { describe, expect, it } from 'vitest';
import { nodeHasher } from '../../../src/adapters/system/hasher.ts';
import { bundledCrypto, checkBundle } from '../../../src/audit/index.ts';
import { makeContentBundle, makeFunctionBundle, readVaultFile } from '../../../src/core/original/vault/index.ts';
import { fileText, originalFunction } from '../../support/original-vault.ts';
import { createAuthor } from '../runtime/support.ts';

const utf8 = new TextEncoder();
const hasher = nodeHasher();
const { author, sign } = createAuthor(7);
const maker = {
  network: 'test',
  author,
  sign: (text: string) => Buffer.from(sign(utf8.encode(text))).toString('hex'),
  now: { ms: 1_770_000_000_000, iso: '2026-02-02T02:40:00.000Z' },
};
const made = originalFunction('sort_letters');
const entry = readVaultFile(utf8.encode(fileText(made.entry)), hasher);
const check = (text: string, trusted: Parameters<typeof checkBundle>[1]['trusted']) =>
  checkBundle(utf8.encode(text), { ...bundledCrypto(), trusted });

describe('a bundle that is checked offline', () => {
  it('of a trusted node is intact, its code too [I11]', async () => {
    const { text } = makeFunctionBundle(entry, undefined, maker, hasher);
    expect(await check(text, [author])).toMatchObject({ verifies: true, intact: true, signedBy: author });
    // Without a trust list the signature shows who signed, and nothing more.
    expect(await check(text, 'anyone')).toMatchObject({ verifies: true, intact: false, signedBy: author });
    expect(await check(text, [createAuthor(8).author])).toMatchObject({ intact: false, signedBy: author });
  });

  it.each([
    ['code', 'fn sort_letters()', 'fn steal_letters()'],
    ['time', '2026-02-02T02:40', '2026-02-02T02:41'],
    ['network', '"network": "test"', '"network": "tess"'],
  ])('fails when its %s was changed, which the digest of the original does not see [I11]', async (_, from, to) => {
    const { text } = makeFunctionBundle(entry, undefined, maker, hasher);
    expect(text).toContain(from);
    expect(await check(text.replace(from, to), [author])).toMatchObject({
      verifies: false,
      intact: false,
      signedBy: undefined,
    });
  });

  it('is none of another node because it names that one [I11]', async () => {
    const other = createAuthor(8).author;
    const { text } = makeContentBundle('x', new Map(), { ...maker, author: other }, hasher);
    expect(await check(text, [author, other])).toMatchObject({ verifies: false, signedBy: undefined });
  });

  it('of the original says what no digest is over, and other files are refused [I9]', async () => {
    expect(await check(fileText(made.bundle), 'anyone')).toMatchObject({ verifies: true, intact: false });
    await expect(check('{}', 'anyone')).rejects.toMatchObject({ code: 'vault-file-malformed' });
  });
});
