import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open as openFd } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFilesVault } from '../../../src/adapters/vault/index.ts';
import { BLOCK_BYTES } from '../../../src/core/vault/index.ts';
import type { VaultStore } from '../../../src/ports/index.ts';
import { blockOf, contentOf, digestOf, hasher, imageOf, listed, openDisk, put, readAll, writeBlock } from './suite.ts';

let directory: string;
const stores: VaultStore[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(realpathSync(tmpdir()), 'lattice-vault-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const store of stores.splice(0)) await store.close();
  rmSync(directory, { recursive: true, force: true });
});

async function open(room: (bytes: number) => Promise<string | undefined> = async () => undefined, at = directory) {
  const store = await openFilesVault({ directory: at, disk: openDisk(), hasher, clock: Date, room });
  stores.push(store);
  return store;
}

const pathOf = (hash: string): string => join(directory, 'objects', hash.slice(0, 2), hash.slice(2, 3), hash);

/** Every path below the vault's directory, its lock excepted. */
const paths = (): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.startsWith('lock'))
    .sort();

interface ChildEvent {
  readonly event: string;
  readonly index?: number;
  readonly code?: string;
  readonly message?: string;
  readonly next?: string;
}

/** Starts child.ts. Its largest file has `fileBlocks` KiB. */
function startChild(task: string, seen: (event: ChildEvent) => void, fileBlocks?: number): Promise<unknown> {
  const at = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  const script = [
    '--import',
    new URL('../../support/ts-loader.mjs', import.meta.url).href,
    at('child.ts'),
    task,
    directory,
  ];
  const limited = ['-c', `ulimit -f ${fileBlocks} && exec "$0" "$@"`, process.execPath, ...script];
  const child =
    fileBlocks === undefined
      ? spawn(process.execPath, script, { stdio: ['ignore', 'pipe', 'inherit'] })
      : spawn('bash', limited, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  createInterface({ input: child.stdout }).on('line', (line) => seen(JSON.parse(line) as ChildEvent));
  return once(child, 'close');
}

describe('files of a vault', () => {
  it('are readable by their owner alone, as the content is, beside their leaves', async () => {
    const store = await open(undefined, join(directory, 'vault', 'lattice'));
    const content = contentOf(1024 * 1024 + 1);
    const { hash, leaves } = await put(store, content);
    const partial = await store.resume(digestOf(contentOf(9)).hash, 9);
    const upload = await store.begin();
    await upload.write(content);
    const root = join(directory, 'vault', 'lattice');
    const file = join(root, 'objects', hash.slice(0, 2), hash.slice(2, 3), hash);
    expect(imageOf(readFileSync(file))).toBe(imageOf(content));
    expect(imageOf(readFileSync(`${file}.leaves`))).toBe(imageOf(leaves));
    for (const path of readdirSync(join(directory, 'vault'), { recursive: true, encoding: 'utf8' })) {
      if (path.includes('/lock/')) continue; // LevelDB's own, and empty
      const stat = lstatSync(join(directory, 'vault', path));
      expect([path, (stat.mode & 0o777).toString(8)]).toEqual([path, stat.isDirectory() ? '700' : '600']);
    }
    await upload.abort();
    await partial.close();
  });

  it('are one for small content, and none beyond what the vault holds', async () => {
    const store = await open();
    const small = await put(store, contentOf(1024 * 1024));
    const large = await put(store, contentOf(1024 * 1024 + 1, 2));
    const files = (): string[] => paths().filter((path) => statSync(join(directory, path)).isFile());
    expect(files().map((path) => path.slice(path.lastIndexOf('/') + 1))).toEqual(
      [small.hash, large.hash, `${large.hash}.leaves`].sort(),
    );
    for (const { hash } of [small, large]) await store.remove(hash);
    expect(files()).toEqual([]);
  });

  it('leaves that are missing or cut are computed from the content', async () => {
    const store = await open();
    const { hash, leaves } = await put(store, contentOf(3_000_000));
    truncateSync(`${pathOf(hash)}.leaves`, 32);
    expect(imageOf(await store.leaves(hash))).toBe(imageOf(leaves));
    rmSync(`${pathOf(hash)}.leaves`);
    expect(imageOf(await store.leaves(hash))).toBe(imageOf(leaves));
  });

  it('a file that is shorter than it was ends the read as damage', async () => {
    const store = await open();
    const { hash } = await put(store, contentOf(900_000));
    const bytes = await store.read(hash, 0, 900_000);
    truncateSync(pathOf(hash), 500_000);
    let count = 0;
    const reading = (async () => {
      for await (const piece of bytes ?? []) count += piece.length;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'object-damaged' });
    expect(count).toBe(500_000);
  });

  it('the same content put again mends a damaged file', async () => {
    const store = await open();
    const content = contentOf(100_000);
    const { hash } = await put(store, content);
    writeFileSync(pathOf(hash), 'damage');
    await put(store, content);
    expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
  });
});

/** Lets the reads of files that are meant fail as those of a bad sector do, until `restore` is called. */
async function breakReads(isMeant: (position: number, length: number) => boolean): Promise<() => void> {
  const handle = await openFd(join(directory, 'lock', 'CURRENT'), 'r');
  const prototype = Object.getPrototypeOf(handle) as { read: FileHandle['read'] };
  await handle.close();
  const { read } = prototype;
  prototype.read = function (this: FileHandle, ...args: unknown[]) {
    const [, , length, position] = args as [Uint8Array, number, number, number];
    if (!isMeant(position, length)) return Reflect.apply(read, this, args) as never;
    return Promise.reject(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' }));
  };
  return () => {
    prototype.read = read;
  };
}

/** Lets one sync of a file fail, as that of a disk which lost what it was given. */
async function breakSync(kind: 'sync' | 'datasync'): Promise<() => void> {
  const handle = await openFd(join(directory, 'lock', 'CURRENT'), 'r');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const whole = prototype[kind];
  const restore = (): void => {
    prototype[kind] = whole;
  };
  prototype[kind] = () => {
    restore();
    return Promise.reject(Object.assign(new Error(`EIO: i/o error, ${kind}`), { code: 'EIO' }));
  };
  return restore;
}

describe('a failed sync', () => {
  it.each([
    ['sync', 3],
    ['datasync', 520],
  ] as const)('(%s) leaves no block of partial content that is believed [U10]', async (kind, blocks) => {
    const store = await open();
    const content = contentOf(blocks * BLOCK_BYTES);
    const { hash, leaves } = digestOf(content);
    const partial = await store.resume(hash, content.length);
    const restore = await breakSync(kind);
    try {
      await partial.write(0, content, leaves);
      for (const _ of ['once', 'twice'])
        await expect(partial.finish(leaves)).rejects.toMatchObject({ code: 'vault-store-failed' });
      // What a kill leaves at this time.
      expect(await store.partials()).toMatchObject([{ hash, size: 0 }]);
    } finally {
      restore();
    }
    await partial.close();
    expect(await store.partials()).toMatchObject([{ hash, size: 0 }]);
    const again = await store.resume(hash, content.length);
    expect(again.has(0)).toBe(false);
    await again.write(0, content, leaves);
    await again.finish(leaves);
    expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
  });
});

describe('an interrupt', () => {
  it.each(['resume', 'finish'] as const)('ends the reading of a %s, and keeps what was written', async (what) => {
    const store = await open();
    const content = contentOf(40 * BLOCK_BYTES);
    const { hash, leaves } = digestOf(content);
    const begun = await store.resume(hash, content.length);
    await begun.write(0, content, leaves);
    await begun.close();
    const ending = new AbortController();
    const partial = what === 'finish' ? await store.resume(hash, content.length, ending.signal) : undefined;
    let reads = 0;
    const restore = await breakReads((_, length) => {
      if (length >= BLOCK_BYTES && ++reads === 1) ending.abort(new Error('enough'));
      return false;
    });
    try {
      const working = partial?.finish(leaves) ?? store.resume(hash, content.length, ending.signal);
      await expect(working).rejects.toThrow('enough');
    } finally {
      restore();
    }
    expect(reads).toBe(1);
    await partial?.close();
    const again = await store.resume(hash, content.length);
    expect(again.has(39)).toBe(true);
    await again.finish(leaves);
    expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
  });
});

const touching = (byte: number) => (position: number, length: number) => position <= byte && byte < position + length;

describe('a bad sector', () => {
  it.each([1_500_000, 400_000])(
    'in an object of %i bytes is told as damage of the object and its block',
    async (size) => {
      const store = await open();
      const { hash } = await put(store, contentOf(size));
      const { hash: other } = await put(store, contentOf(100, 2));
      const restore = await breakReads(touching(5 * BLOCK_BYTES + 10));
      try {
        const damage = {
          code: 'object-damaged',
          message: expect.stringMatching(new RegExp(`${hash} is damaged: block 5 .* cannot be read: EIO`)) as string,
        };
        await expect(readAll(store, hash)).rejects.toMatchObject(damage);
        await expect(readAll(store, hash, 4 * BLOCK_BYTES, 6 * BLOCK_BYTES)).rejects.toMatchObject(damage);
        expect((await readAll(store, hash, 0, 5 * BLOCK_BYTES))?.length).toBe(5 * BLOCK_BYTES);
        expect((await readAll(store, other))?.length).toBe(100);
        // The leaf hashes of larger content lie beside it; those of smaller content are computed from it.
        if (size < 1024 * 1024) await expect(store.leaves(hash)).rejects.toMatchObject({ code: 'object-damaged' });
      } finally {
        restore();
      }
      expect((await readAll(store, hash))?.length).toBe(size);
    },
  );

  it('in leaf hashes has them computed, and in partial content has its block fetched again', async () => {
    const store = await open();
    const content = contentOf(40 * BLOCK_BYTES);
    const { hash, leaves } = await put(store, content);
    const other = contentOf(3 * BLOCK_BYTES, 2);
    const { hash: begun } = digestOf(other);
    const partial = await store.resume(begun, other.length);
    for (const index of [0, 1, 2]) await writeBlock(partial, index, blockOf(other, index));
    await partial.close();
    let restore = await breakReads(touching(BLOCK_BYTES + 1));
    try {
      const again = await store.resume(begun, other.length);
      expect([0, 1, 2].map((index) => again.has(index))).toEqual([true, false, true]);
      await again.close();
    } finally {
      restore();
    }
    restore = await breakReads((position, length) => position === 0 && length === 40 * 32);
    try {
      expect(imageOf(await store.leaves(hash))).toBe(imageOf(leaves));
    } finally {
      restore();
    }
  });
});

describe('links and odd names', () => {
  it('a link in the place of an object is neither followed nor listed, and a put replaces the link alone', async () => {
    const store = await open();
    const content = contentOf(1000);
    const { hash } = await put(store, content);
    const elsewhere = join(directory, 'elsewhere');
    writeFileSync(elsewhere, content);
    rmSync(pathOf(hash));
    symlinkSync(elsewhere, pathOf(hash));
    expect(await store.stat(hash)).toBeUndefined();
    expect(await store.read(hash, 0, 10)).toBeUndefined();
    expect(await store.leaves(hash)).toBeUndefined();
    expect(await listed(store)).toEqual([]);
    expect(await store.remove(hash)).toBe(false);
    await put(store, content);
    expect(lstatSync(pathOf(hash)).isFile()).toBe(true);
    expect(imageOf(readFileSync(elsewhere))).toBe(imageOf(content));
  });

  it('an object that becomes a link between the call and the first byte is not followed', async () => {
    const store = await open();
    const { hash } = await put(store, contentOf(1000));
    const bytes = await store.read(hash, 0, 1000);
    writeFileSync(join(directory, 'secret'), contentOf(1000, 2));
    rmSync(pathOf(hash));
    symlinkSync(join(directory, 'secret'), pathOf(hash));
    await expect(
      (async () => {
        for await (const _ of bytes ?? []);
      })(),
    ).rejects.toMatchObject({ code: 'object-not-found' });
  });

  it('a directory that is replaced by a link is not gone through, neither to read nor to write', async () => {
    const store = await open();
    const content = contentOf(1000);
    const { hash } = await put(store, content);
    const fan = join(directory, 'objects', hash.slice(0, 2));
    renameSync(fan, join(directory, 'moved'));
    symlinkSync(join(directory, 'moved'), fan);
    expect(await store.stat(hash)).toBeUndefined();
    expect(await listed(store)).toEqual([]);
    await expect(put(store, content)).rejects.toMatchObject({
      code: 'vault-store-failed',
      message: expect.stringContaining(fan) as string,
      next: expect.stringContaining('Move it elsewhere') as string,
    });
    expect(readdirSync(join(directory, 'moved', hash.slice(2, 3)))).toEqual([hash]);
    rmSync(fan);
    await put(store, content);
    expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
  });

  it('a link where the vault wants a directory or a partial file is told, and not followed', async () => {
    const other = join(directory, 'other');
    mkdirSync(other);
    symlinkSync(other, join(directory, 'objects'));
    await expect(open()).rejects.toMatchObject({
      code: 'vault-store-failed',
      message: expect.stringContaining(join(directory, 'objects')) as string,
    });
    rmSync(join(directory, 'objects'));
    const store = await open();
    const hash = 'ab'.repeat(32);
    writeFileSync(join(other, 'file'), 'mine');
    symlinkSync(join(other, 'file'), join(directory, 'partial', hash));
    await expect(store.resume(hash, 10)).rejects.toMatchObject({ code: 'vault-store-failed' });
    expect(readFileSync(join(other, 'file'), 'utf8')).toBe('mine');
  });

  it('odd names are left alone, never listed and never served', async () => {
    const store = await open();
    const { hash } = await put(store, contentOf(10));
    const { hash: wrong } = digestOf(contentOf(11));
    const odd = [
      'objects/README',
      'objects/zz/file',
      `objects/${hash.slice(0, 2)}/.hidden`,
      `objects/${hash.slice(0, 2)}/${hash.slice(2, 3)}/${hash}.bak`,
      `objects/${hash.slice(0, 2)}/${hash.slice(2, 3)}/${wrong}`,
      `objects/${hash.slice(0, 2)}/${hash.slice(2, 3)}/${hash.toUpperCase()}`,
      'uploads/notes.txt',
      'uploads/2.upload.txt',
      'partial/notes.txt',
      'vault.db',
    ];
    for (const path of odd) {
      mkdirSync(join(directory, path, '..'), { recursive: true });
      writeFileSync(join(directory, path), path);
    }
    mkdirSync(join(directory, 'objects', hash.slice(0, 2), hash.slice(2, 3), wrong.replace(/^.{3}/, hash.slice(0, 3))));
    expect((await listed(store)).map((one) => one.hash)).toEqual([hash]);
    expect(await store.stat(wrong)).toBeUndefined();
    await store.close();
    const again = await open();
    expect((await listed(again)).map((one) => one.hash)).toEqual([hash]);
    expect(await again.partials()).toEqual([]);
    for (const path of odd) expect(readFileSync(join(directory, path), 'utf8')).toBe(path);
  });
});

describe('room', () => {
  it('that is missing is told before anything is written', async () => {
    const store = await open(async (bytes) => (bytes >= BLOCK_BYTES ? 'only 1 MiB free' : undefined));
    const before = paths();
    await expect(store.resume('ab'.repeat(32), BLOCK_BYTES)).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringContaining('only 1 MiB free') as string,
    });
    await store.close();
    await expect((await open(async () => 'nothing free')).begin()).rejects.toMatchObject({ code: 'disk-full' });
    expect(paths()).toEqual(before);
  });

  it('that goes missing in the middle of an upload ends it, and nothing of it stays', async () => {
    let free = true;
    const store = await open(async () => (free ? undefined : 'only 1 MiB free'));
    const before = paths();
    const upload = await store.begin();
    const piece = contentOf(1024 * 1024);
    const writing = (async () => {
      for (let i = 0; i < 64; i++) {
        await upload.write(piece);
        if (i === 20) free = false;
      }
    })();
    await expect(writing).rejects.toMatchObject({ code: 'disk-full', next: expect.stringContaining('Free space') });
    expect(paths()).toEqual(before);
  });

  it('a disk that takes no more, in the middle of an upload, leaves nothing', async () => {
    const events: ChildEvent[] = [];
    await startChild('fill', (event) => events.push(event), 2048);
    expect(events.at(-1)).toMatchObject({ event: 'failed', code: 'disk-full' });
    expect(paths().filter((path) => statSync(join(directory, path)).isFile())).toEqual([]);
  });
});

describe('a crash', () => {
  it('keeps every block that was written, and nothing of an upload', async () => {
    let last = -1;
    let killed = false;
    const ended = startChild('work', ({ index }) => {
      last = Math.max(last, index ?? -1);
      if (last >= 100 && !killed) killed = children.at(-1)?.kill('SIGKILL') ?? false;
    });
    await ended;
    expect(readdirSync(join(directory, 'uploads'))).not.toEqual([]);
    const store = await open();
    expect(readdirSync(join(directory, 'uploads'))).toEqual([]);
    const partial = await store.resume('cd'.repeat(32), 256 * BLOCK_BYTES);
    const had = Array.from({ length: 256 }, (_, i) => i).filter((i) => partial.has(i));
    expect(had.length).toBeGreaterThanOrEqual(last + 1);
    expect(had.slice(0, last + 1)).toEqual(Array.from({ length: last + 1 }, (_, i) => i));
    await partial.close();
  });

  it('a block whose bytes the machine has lost counts as not had', async () => {
    const content = contentOf(4 * BLOCK_BYTES);
    const { hash, leaves } = digestOf(content);
    const first = await open();
    const partial = await first.resume(hash, content.length);
    for (const index of [0, 1, 3]) await writeBlock(partial, index, blockOf(content, index));
    await first.close();
    // As after a loss of power: the marks are there, and the bytes of two blocks are not.
    const file = await openFd(join(directory, 'partial', hash), 'r+');
    await file.write(new Uint8Array(BLOCK_BYTES), 0, BLOCK_BYTES, BLOCK_BYTES);
    await file.truncate(3 * BLOCK_BYTES);
    await file.close();
    const store = await open();
    const again = await store.resume(hash, content.length);
    expect([0, 1, 2, 3].map((index) => again.has(index))).toEqual([true, false, false, false]);
    for (const index of [1, 2, 3]) await writeBlock(again, index, blockOf(content, index));
    await again.finish(leaves);
    expect(imageOf(await readAll(store, hash))).toBe(imageOf(content));
  });

  it('between the two steps of the end of a content leaves marks that are removed', async () => {
    await (await open()).close();
    const marks = join(directory, 'partial', `${'ab'.repeat(32)}.blocks`);
    writeFileSync(marks, new Uint8Array(12));
    const store = await open();
    expect(existsSync(marks)).toBe(false);
    expect(await store.partials()).toEqual([]);
  });
});

describe('the lock', () => {
  it('keeps a second process and a second opener out, and ends with the process however it ends', async () => {
    let opened = (): void => undefined;
    const isOpen = new Promise<void>((resolve) => (opened = resolve));
    const ended = startChild('open', opened);
    await isOpen;
    await expect(open()).rejects.toMatchObject({
      code: 'store-locked',
      message: expect.stringContaining(`${directory} is already open in another process`) as string,
      next: expect.stringContaining('a vault directory of its own') as string,
    });
    children.at(-1)?.kill('SIGKILL');
    await ended;
    const store = await open();
    await expect(open()).rejects.toMatchObject({ code: 'store-locked' });
    await store.close();
    await open();
  });

  it('is made anew where a crash of the machine has damaged it', async () => {
    await (await open()).close();
    writeFileSync(join(directory, 'lock', 'CURRENT'), 'MANIFEST-999999\n');
    const store = await open();
    expect(await listed(store)).toEqual([]);
  });
});

describe('a directory that cannot be used', () => {
  it.skipIf(process.getuid?.() === 0)('is told with its path', async () => {
    chmodSync(directory, 0o500);
    await expect(open()).rejects.toMatchObject({
      code: 'vault-store-failed',
      message: expect.stringContaining(directory) as string,
    });
    chmodSync(directory, 0o700);
  });

  it('a file in its place is told', async () => {
    const at = join(directory, 'file');
    writeFileSync(at, '');
    await expect(open(undefined, join(at, 'vault'))).rejects.toMatchObject({ code: 'vault-store-failed' });
  });
});
