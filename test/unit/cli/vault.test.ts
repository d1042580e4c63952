import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryVault, type MemoryVault } from '../../support/memory-vault.ts';
import { startLattice } from '../api/live-lattice.ts';
import { startApi, TOKEN } from '../api/support.ts';
import { errorOf, type Ran, run } from './support.ts';

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'lattice-vault-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

interface Started {
  readonly memory: MemoryVault;
  vault(line: string, options?: Parameters<typeof run>[1]): Promise<Ran>;
}

async function start(): Promise<Started> {
  const memory = createMemoryVault();
  const { url } = await startApi({ lattice: { ...(await startLattice()), vault: memory } });
  return {
    memory,
    vault: (line, options) => run(['vault', ...line.split(' '), '--url', url, '--token', TOKEN], { cwd, ...options }),
  };
}
const json = (ran: Ran): Record<string, unknown> => JSON.parse(ran.out) as Record<string, unknown>;

describe('lattice vault', () => {
  it('puts a file and gets it back under its own name, whole or not at all [A32, A33]', async () => {
    const { memory, vault } = await start();
    const content = randomBytes(300_000);
    const hash = sha256(content);
    writeFileSync(join(cwd, 'photo.jpg'), content);
    const put = await vault('put photo.jpg --pin');
    expect([put.code, put.out]).toEqual([0, `${hash}\n`]);
    expect(put.err).toContain(`lattice vault get`);
    expect(memory.status()).toMatchObject({ objects: 1, bytes: 300_000 });
    expect(json(await vault('put photo.jpg --json'))).toMatchObject({
      hash,
      created: false,
      name: 'photo.jpg',
      type: 'image/jpeg',
      pinned: true,
    });
    expect((await vault(`get ${hash} --out copy.jpg`)).code).toBe(0);
    expect(readFileSync(join(cwd, 'copy.jpg')).equals(content)).toBe(true);
    // Into a directory, by an abbreviation; what is there stays as it is.
    const again = await vault(`get ${hash.slice(0, 8)} --out . --json`);
    expect([again.code, errorOf(again).code]).toEqual([1, 'exists']);
    writeFileSync(join(cwd, 'copy.jpg'), 'mine');
    expect((await vault(`get ${hash} --out copy.jpg`)).code).toBe(1);
    expect(readFileSync(join(cwd, 'copy.jpg'), 'utf8')).toBe('mine');
    expect((await vault(`get ${hash} --out copy.jpg --force`)).code).toBe(0);
    memory.damage(hash, 200_000);
    expect((await vault(`get ${hash} --out broken.jpg`)).code).not.toBe(0);
    expect(readdirSync(cwd).sort()).toEqual(['copy.jpg', 'photo.jpg']);
  });

  it('takes standard input and gives standard output', async () => {
    const { vault } = await start();
    const put = await vault('put - --name note.txt --type text/plain --json', { stdin: 'hello\n' });
    expect(json(put)).toMatchObject({ hash: sha256('hello\n'), name: 'note.txt', type: 'text/plain', size: 6 });
    for (const out of ['', ' --out -']) expect((await vault(`get ${sha256('hello\n')}${out}`)).out).toBe('hello\n');
    const shown = await vault(`get ${sha256('hello\n')}`, { tty: true });
    expect([shown.code, shown.out]).toEqual([2, '']);
    const other = await vault(`put - --expect ${sha256('x')} --json`, { stdin: 'hello' });
    expect([other.code, errorOf(other).code]).toEqual([1, 'hash-mismatch']);
    const missing = await vault('put nothing.txt --json');
    expect([missing.code, errorOf(missing).code]).toEqual([1, 'file-unreadable']);
  });

  it('lists, shows, pins, fetches and removes [A34]', async () => {
    const { memory, vault } = await start();
    expect((await vault('ls')).out).toBe('The vault is empty.\n');
    const hashes = await Promise.all(
      ['a', 'b', 'c'].map(async (text) => json(await vault('put - --json', { stdin: text }))['hash'] as string),
    );
    const rows = (await vault('ls')).out.trimEnd().split('\n');
    expect([rows.length, rows[0]]).toEqual([4, expect.stringMatching(/^HASH +SIZE +HERE +PINNED +TYPE +NAME$/)]);
    const page = await vault('ls --limit 2');
    expect([page.out.trimEnd().split('\n').length, page.err]).toEqual([3, expect.stringContaining('--cursor')]);
    const [hash] = hashes as [string];
    expect((await vault(`pin ${hash}`)).out).toContain('Pinned');
    expect(json(await vault(`stat ${hash} --json`))).toMatchObject({ pinned: true, holders: [{ has: true }] });
    expect((await vault(`stat ${hash}`)).out).toContain('node1');
    expect((await vault(`unpin ${hash} --json`)).code).toBe(0);
    memory.lose(hash);
    expect((await vault(`stat ${hash}`)).err).toContain('lattice vault fetch');
    expect((await vault('stat')).out).toMatch(/missing +1 object, 1 B/);
    const refused = await vault(`get ${hash} --json`);
    expect([refused.code, errorOf(refused).code]).toEqual([1, 'object-missing']);
    expect((await vault(`fetch ${hash}`)).out).toContain('Here: ');
    expect((await vault(`rm ${hash}`)).out).toContain(`Removed ${hash}`);
    const gone = await vault(`rm ${hash} --json`);
    expect([gone.code, errorOf(gone).code]).toEqual([1, 'object-not-found']);
    expect(json(await vault('gc --dry-run --json'))).toMatchObject({ dryRun: true });
    const odd = await vault('get xyz');
    expect([odd.code, odd.err]).toEqual([2, expect.stringContaining('not the hash of an object')]);
    expect(errorOf(await vault('get 000000 --json')).code).toBe('object-not-found');
  });

  it('says by its exit code whether the bytes are as named [A34]', async () => {
    const { memory, vault } = await start();
    await vault('put -', { stdin: 'good' });
    expect((await vault('verify')).out).toBe('1 object, 4 B: every byte is as its hash names it.\n');
    await vault('put -', { stdin: 'bad' });
    memory.damage(sha256('bad'), 0);
    const bad = await vault('verify');
    expect([bad.code, bad.out]).toEqual([1, expect.stringContaining(sha256('bad'))]);
    expect(json(await vault(`verify ${sha256('good')} --json`))).toEqual({
      valid: true,
      objects: 1,
      bytes: 4,
      faults: [],
    });
  });

  it('exports all objects by hash or by safe names, over and over, and says what is missing [A33]', async () => {
    const { memory, vault } = await start();
    const put = async (text: string, name: string): Promise<string> => {
      const { object } = await memory.put(
        (async function* () {
          yield Buffer.from(text);
        })(),
        { name },
      );
      return object.hash;
    };
    const hashes = [
      await put('1', 'same.txt'),
      await put('2', 'SAME.txt'),
      await put('3', '.bashrc'),
      await put('4', '-rf'),
      await put('5', ''),
    ];
    expect((await vault('export by-hash')).code).toBe(0);
    expect(readdirSync(join(cwd, 'by-hash')).sort()).toEqual([...hashes].sort());
    const named = await vault('export by-name --by name --json');
    expect([named.code, json(named)]).toEqual([0, expect.objectContaining({ written: 5, failed: [] })]);
    const files = readdirSync(join(cwd, 'by-name'));
    expect(files.filter((name) => /^[.-]/.test(name))).toEqual([]);
    expect(files.filter((name) => /same\.txt$/i.test(name)).length).toBe(2);
    const again = json(await vault('export by-name --by name --json'));
    expect([again['written'], (again['left'] as string[]).length]).toEqual([0, 5]);
    memory.lose(hashes[0] as string);
    memory.damage(hashes[1] as string, 0);
    const partly = await vault('export again');
    expect([partly.code, partly.out]).toEqual([1, expect.stringContaining('3 files written')]);
    expect(readdirSync(join(cwd, 'again')).length).toBe(3);
  });
});
