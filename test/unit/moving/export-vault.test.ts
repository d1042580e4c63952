import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeHasher } from '../../../src/adapters/system/hasher.ts';
import { type ExportedObject, planVaultExport, writeVaultExport } from '../../../src/moving/export-vault.ts';
import type { ObjectItem } from '../../../src/moving/plan.ts';
import { readVault } from '../../../src/moving/vault.ts';
import { originalData } from '../../support/original-data.ts';
import { fileText, originalFunction, sha256, writeOriginalVault } from '../../support/original-vault.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'lattice-export-'));
  directories.push(directory);
  return directory;
}

/** Objects in no order, as a vault that took in what a directory holds lists them. */
async function vaultOf(directory: string) {
  const { items } = await readVault({ kind: 'vault', at: directory }, { hasher: nodeHasher(), unverified: true });
  const contents = new Map<string, Uint8Array>();
  const objects: ExportedObject[] = [];
  for (const item of items as ObjectItem[]) {
    for await (const bytes of item.content()) contents.set(item.hash, bytes);
    const { hash, name, type, size } = item;
    objects.unshift({ hash, name, type, size, at: objects.length });
  }
  const add = (text: string, name: string, kind: string): void => {
    const hash = sha256(text);
    contents.set(hash, Buffer.from(text));
    const type = `application/vnd.diotec360.${kind}+json`;
    objects.unshift({ hash, name, type, size: Buffer.byteLength(text), at: objects.length });
  };
  const plan = (dir = 'out') =>
    planVaultExport(objects, async (hash) => Uint8Array.from(contents.get(hash) ?? []), dir, nodeHasher());
  return { objects, add, plan };
}

/** Every file below a directory, by its path. */
function filesIn(directory: string): Map<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return new Map(paths.map((path) => [path.slice(directory.length + 1), readFileSync(path, 'utf8')]));
}
const sorted = (files: ReadonlyMap<string, string>) => new Map(Array.from(files).sort(([a], [b]) => (a < b ? -1 : 1)));

describe('the export of the vault of the original [I9]', () => {
  it('is equal byte for byte to what was imported, and a second one overwrites nothing', async () => {
    const { directory, files } = writeOriginalVault(newDirectory());
    const { plan } = await vaultOf(directory);
    const { files: planned, left } = await plan();
    const target = join(newDirectory(), 'vault');
    await writeVaultExport(target, planned);
    expect(left).toEqual([]);
    expect(filesIn(target)).toEqual(sorted(files));
    await expect(writeVaultExport(target, planned)).rejects.toMatchObject({ code: 'exists' });
    const used = newDirectory();
    writeFileSync(join(used, 'mine.txt'), 'mine');
    await expect(writeVaultExport(used, planned)).rejects.toMatchObject({ code: 'exists' });
    expect(readdirSync(used)).toEqual(['mine.txt']);
  });

  it('has the index that the original would write where none lists every row', async () => {
    const { directory } = writeOriginalVault(newDirectory());
    const { plan, add } = await vaultOf(directory);
    const made = originalFunction('fold_sheets');
    add(fileText(made.entry), `${made.hash}.json`, 'function');
    const { files, left } = await plan();
    const index = JSON.parse(Buffer.from(files.get('index.json') ?? []).toString()) as Record<string, unknown>;
    const before = JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8')) as Record<string, unknown>;
    const { intent_name, logic_hash, created_at } = made.entry;
    expect(index).toEqual({
      ...before,
      [made.hash]: { intent_name, logic_hash, created_at, status: 'MATHEMATICALLY_PROVED' },
    });
    expect(left).toEqual([
      { hash: expect.any(String), name: 'index.json', because: 'its rows are in the index of all' },
    ]);
  });

  it('of two files of one name has the one that verifies, and names the other', async () => {
    const { directory, functions } = writeOriginalVault(newDirectory());
    const { plan, add } = await vaultOf(directory);
    const [first] = functions;
    if (first === undefined) throw new Error('no function');
    const changed = fileText({ ...first.certificate, message: 'another' });
    add(changed, `${first.hash}.cert.json`, 'certificate');
    const { files, left } = await plan();
    const path = `certificates/${first.hash}.cert.json`;
    expect(Buffer.from(files.get(path) ?? []).toString()).toBe(fileText(first.certificate));
    expect(left).toEqual([
      { hash: sha256(changed), name: `${first.hash}.cert.json`, because: `another file is ${path}` },
    ]);
  });

  it('leaves out what is no file of the original, and is nothing where there is none', async () => {
    const empty = await vaultOf(newDirectory());
    expect(await empty.plan()).toEqual({ files: new Map(), left: [] });
    empty.add('{"a":1}', 'x.json', 'function');
    expect((await empty.plan()).left).toEqual([
      { hash: sha256('{"a":1}'), name: 'x.json', because: expect.stringContaining('no function, certificate') },
    ]);
  });
});

const REAL = originalData === undefined ? '' : fileURLToPath(originalData);
describe.skipIf(originalData === undefined)('the export of real vaults, where they are there [I9]', () => {
  it('is equal byte for byte, also of what does not verify', async () => {
    const { plan } = await vaultOf(`${REAL}demo-vault`);
    const target = join(newDirectory(), 'vault');
    await writeVaultExport(target, (await plan()).files);
    expect(filesIn(target)).toEqual(filesIn(`${REAL}demo-vault`));
  });
});
