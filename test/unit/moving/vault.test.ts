import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeHasher } from '../../../src/adapters/system/hasher.ts';
import type { ObjectItem, Reading, Source } from '../../../src/moving/plan.ts';
import { readVault } from '../../../src/moving/vault.ts';
import { originalData } from '../../support/original-data.ts';
import { fileText, originalFunction, sha256, writeOriginalVault } from '../../support/original-vault.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'lattice-moving-'));
  directories.push(directory);
  return directory;
}

const read = (kind: Source['kind'], at: string, unverified = false): Promise<Reading> =>
  readVault({ kind, at }, { hasher: nodeHasher(), unverified });

async function bytesOf(item: ObjectItem): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of item.content()) parts.push(part);
  return Buffer.concat(parts);
}

describe('reading the vault of the original [I9]', () => {
  it('a directory becomes one item for each file, with its exact bytes, and is left as it was', async () => {
    const { directory, files } = writeOriginalVault(newDirectory());
    writeFileSync(join(directory, 'notes.txt'), 'mine');
    writeFileSync(join(directory, '.gitkeep'), '');
    const { items, refused, remarks } = await read('vault', directory);
    expect(refused).toEqual([]);
    expect(items.map((item) => item.checked.verified)).toEqual(Array.from(files, () => true));
    const contents = await Promise.all(items.map((item) => bytesOf(item as ObjectItem)));
    expect(contents.map(String).sort()).toEqual(Array.from(files.values()).sort());
    items.forEach((item, i) => {
      const digest = createHash('sha256').update(contents[i] as Buffer);
      expect(item).toMatchObject({ hash: digest.digest('hex'), size: contents[i]?.length });
    });
    expect(new Set(items.map((item) => (item as ObjectItem).type))).toEqual(
      new Set(
        ['function', 'certificate', 'bundle', 'index', 'precedents'].map((k) => `application/vnd.diotec360.${k}+json`),
      ),
    );
    expect(remarks).toEqual([
      expect.stringContaining('In 4 functions and bundles no digest of the original is over the code'),
      expect.stringContaining('left where they are: "notes.txt".'),
    ]);
  });

  it('what does not verify is refused by name with both digests, and taken with unverified', async () => {
    const { directory, functions, contents } = writeOriginalVault(newDirectory());
    const [first, second] = functions;
    const content = contents[0];
    if (first === undefined || second === undefined || content === undefined) throw new Error('no files');
    const renamed = { ...first.certificate, judge_version: 'DIOTEC360_Judge_v0.6' };
    writeFileSync(join(directory, `certificates/${first.hash}.cert.json`), fileText(renamed));
    const changed = { ...content.bundle, code: 'another' };
    writeFileSync(join(directory, `bundles/${content.hash.slice(0, 16)}.ae_bundle`), fileText(changed));
    const { items, refused } = await read('vault', directory);
    expect(refused.map(({ what, code, reason, takenUnverified }) => [what, code, reason, takenUnverified])).toEqual([
      [
        `bundles/${content.hash.slice(0, 16)}.ae_bundle`,
        'vault-file-mismatch',
        'content_hash: it is not the digest of the code: that was changed after it was made',
        true,
      ],
      [
        `certificates/${first.hash}.cert.json`,
        'vault-file-mismatch',
        "signature: it fails by the original's own rule until DIOTEC360_Judge_v0.6 reads Aethel_Judge_v0.6: the judge was renamed in the file after it was signed",
        true,
      ],
      ['index.json', 'vault-file-mismatch', `${content.hash}: no file that was taken has this hash`, true],
    ]);
    expect(refused[0]).toMatchObject({ stored: content.hash, computed: sha256('another') });
    const all = await read('vault', directory, true);
    expect([all.refused.length, all.items.length]).toEqual([0, items.length + 3]);
    expect(all.items.filter(({ checked }) => !checked.verified)).toHaveLength(2);
  });

  it('links, odd names, broken and huge files are refused by name and never followed', async () => {
    const { directory, functions } = writeOriginalVault(newDirectory());
    const outside = join(newDirectory(), 'outside.json');
    writeFileSync(outside, fileText(originalFunction('steal').entry));
    symlinkSync(outside, join(directory, `${'1'.repeat(64)}.json`));
    mkdirSync(join(directory, `${'2'.repeat(64)}.json`));
    writeFileSync(join(directory, `${'3'.repeat(64)}.json`), '{"full_hash":\n 12,}');
    writeFileSync(join(directory, `${'4'.repeat(64)}.json`), `{"a":"${'x'.repeat(1024 * 1024)}"}`);
    writeFileSync(join(directory, `${'5'.repeat(64)}.json`), '['.repeat(100_000));
    writeFileSync(join(directory, 'bundles', 'a\u202eb.ae_bundle'), fileText(functions[0]?.bundle ?? {}));
    writeFileSync(join(directory, 'bundles', 'entry.ae_bundle'), fileText(functions[0]?.entry ?? {}));
    writeFileSync(join(directory, `${'6'.repeat(64)}.json`), fileText(originalFunction('elsewhere').entry));
    const { items, refused } = await read('vault', directory);
    expect(items).toHaveLength(10);
    const told = refused.map(({ what, reason }) => [what?.replace(/(.)\1{63}/, '$1…'), reason]);
    expect(told).toEqual([
      ['1….json', expect.stringContaining('only regular files are read')],
      ['2….json', expect.stringContaining('only regular files are read')],
      ['3….json', expect.stringContaining('line 2, column 5')],
      ['4….json', expect.stringContaining('more than the 1048576')],
      ['5….json', expect.stringContaining('nesting over 512')],
      ['6….json', expect.stringContaining('it is named 66')],
      ['bundles/a\u202eb.ae_bundle', expect.stringContaining('no name that the vault can keep')],
      ['bundles/entry.ae_bundle', expect.stringContaining('it is no bundle but function')],
    ]);
    expect(refused.filter(({ takenUnverified }) => takenUnverified).map(({ what }) => what?.[0])).toEqual(['6']);
  });

  it('folders that lead out of the directory are not looked into', async () => {
    const directory = newDirectory();
    symlinkSync(writeOriginalVault(newDirectory()).directory, join(directory, 'bundles'));
    expect((await read('vault', directory)).items).toEqual([]);
  });

  it('an index brings what it names, also by paths of Windows', async () => {
    const { directory, files } = writeOriginalVault(newDirectory());
    const { items } = await read('vault-index', join(directory, 'index.json'));
    expect(items).toHaveLength(files.size);
  });

  it.each([
    ['function', 'entry', 'x.json', (hash: string) => `${hash}.json`],
    ['certificate', 'certificate', 'mine.json', (hash: string) => `${hash}.cert.json`],
    ['bundle', 'bundle', 'sent.ae_bundle', () => 'sent.ae_bundle'],
    ['bundle', 'bundle', 'sent.json', (hash: string) => `sort_letters_${hash.slice(0, 8)}.ae_bundle`],
  ] as const)('one %s by itself is kept under the name that the original gives it', async (kind, part, given, name) => {
    const made = originalFunction('sort_letters');
    const path = join(newDirectory(), given);
    writeFileSync(path, fileText(made[part]));
    const { items, refused } = await read(kind, path);
    expect([items.map((item) => (item as ObjectItem).name), refused]).toEqual([[name(made.hash)], []]);
  });

  it('a file that changes after the plan is not what the plan names', async () => {
    const made = originalFunction('sort_letters');
    const path = join(newDirectory(), `${made.hash}.json`);
    writeFileSync(path, fileText(made.entry));
    const item = (await read('function', path)).items[0] as ObjectItem;
    writeFileSync(path, 'changed');
    expect(sha256(await bytesOf(item))).not.toBe(item.hash);
    rmSync(path);
    await expect(bytesOf(item)).rejects.toMatchObject({ code: 'file-unreadable' });
  });
});

const REAL = originalData === undefined ? '' : fileURLToPath(originalData);
describe.skipIf(originalData === undefined)('the real vaults of the original, where they are there [I9]', () => {
  it('all 15 files of its vault are taken', async () => {
    const { items, refused } = await read('vault', `${REAL}vault`);
    expect([items.length, refused]).toEqual([15, []]);
  });

  it('of its demo vault the certificate alone is refused', async () => {
    const copy = newDirectory();
    cpSync(`${REAL}demo-vault`, copy, { recursive: true });
    const { items, refused } = await read('vault', copy);
    expect(items.map((item) => [(item as ObjectItem).name.slice(0, 8), item.checked.verified])).toEqual([
      ['a4412404', true],
      ['c5c265f8', true],
      ['preceden', true],
      ['index.js', true],
    ]);
    expect(
      refused.map(({ what, stored, computed }) => [what?.slice(0, 21), stored?.slice(0, 8), computed?.slice(0, 8)]),
    ).toEqual([['certificates/c5c265f8', '5db89441', 'd18b828f']]);
  });
});
