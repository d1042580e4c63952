import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLevelStore } from '../../../../src/adapters/store/index.ts';
import { createDisks, diskSlots } from '../../../../src/adapters/vault/index.ts';
import { createHandClock } from '../../runtime/support.ts';

let directory: string;
let pipe: string;
let clock: ReturnType<typeof createHandClock>;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-disk-'));
  pipe = join(directory, 'hangs');
  // Opening a named pipe for reading keeps a thread until somebody opens it for writing, as a hung disk does.
  execFileSync('mkfifo', [pipe]);
  clock = createHandClock();
});
afterEach(() => {
  answer();
  for (const fd of writers) closeSync(fd);
  writers = [];
  rmSync(directory, { recursive: true, force: true });
});

let writers: number[] = [];
/** Lets every call return that hangs at the pipe, and those that are only on their way to it. */
function answer(): void {
  writers.push(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK));
}

const hang = () => open(pipe, 'r');
const openPipes = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    if (writers.includes(Number(fd))) return false;
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === pipe;
    } catch {
      return false; // the directory that is being read itself
    }
  }).length;
const FAILS = { code: 'vault-store-failed', message: 'The disk of the vault does not answer' };

describe('a disk of the vault that hangs', () => {
  it('keeps two threads, and the state is written and read by the others [U13]', async () => {
    const disks = createDisks(clock, diskSlots(undefined));
    const calls = Array.from({ length: 16 }, () => disks.open().run(hang));
    for (const call of calls) call.catch(() => undefined);
    const store = await openLevelStore(join(directory, 'state'));
    await store.batch([{ type: 'put', key: Uint8Array.of(1), value: Uint8Array.of(2) }]);
    expect(await store.get(Uint8Array.of(1))).toEqual(Uint8Array.of(2));
    await store.close();
    await clock.advance(30_000);
    for (const call of calls) await expect(call).rejects.toMatchObject(FAILS);
  });

  it('fails every caller after its patience, and new ones at once, until it answers again [U13]', async () => {
    const disks = createDisks(clock, 1);
    const disk = disks.open();
    const [hung, waiting] = [disk.run(hang), disk.run(() => readFile(pipe))];
    for (const call of [hung, waiting]) call.catch(() => undefined);
    await clock.advance(1001);
    expect(disks.isStuck()).toBe(true);
    await clock.advance(29_000);
    await expect(hung).rejects.toMatchObject(FAILS);
    await expect(waiting).rejects.toMatchObject(FAILS);
    await expect(disk.run(async () => 1)).rejects.toMatchObject(FAILS);
    answer();
    await expect.poll(() => disk.run(async () => 1).catch(() => 0)).toBe(1);
    expect(disks.isStuck()).toBe(false);
  });

  it('undoes what comes late, and makes up for what has to be done', async () => {
    const disk = createDisks(clock, 1).open();
    const late = disk.run(hang, { late: (file) => file.close() });
    late.catch(() => undefined);
    await clock.advance(30_000);
    await expect(late).rejects.toMatchObject(FAILS);
    let done = 0;
    await expect(disk.run(async () => void done++, { always: true })).rejects.toMatchObject(FAILS);
    await expect(disk.run(async () => void done++)).rejects.toMatchObject(FAILS);
    answer();
    await expect.poll(() => done).toBe(1);
    await expect.poll(openPipes).toBe(0);
  });

  it('that is only slow is waited for when the process ends, for a bounded time [U13]', async () => {
    const disks = createDisks(clock, 1);
    await disks.settled(5_000);
    const slow = disks.open().run(hang);
    const settled: string[] = [];
    const waiting = [1_000, 5_000].map((ms) => disks.settled(ms).then(() => void settled.push(`${ms}`)));
    await clock.advance(1_000);
    expect(settled).toEqual(['1000']);
    expect(disks.isBusy()).toBe(true);
    answer();
    await Promise.all(waiting);
    expect(disks.isBusy()).toBe(false);
    await (await slow).close();
  });

  it('is waited for no longer than a second by a vault that is being closed, and other vaults go on waiting', async () => {
    const disks = createDisks(clock, 2);
    const [closing, other] = [disks.open(), disks.open()];
    const [mine, queued, theirs] = [closing.run(hang), other.run(hang), closing.run(async () => 1)];
    const settled: string[] = [];
    for (const [name, call] of Object.entries({ mine, queued, theirs }))
      call.then(
        () => settled.push(name),
        () => settled.push(name),
      );
    closing.hurry();
    await clock.advance(1000);
    await expect.poll(() => settled.toSorted()).toEqual(['mine', 'theirs']);
    await expect(mine).rejects.toMatchObject(FAILS);
    await expect(theirs).rejects.toMatchObject(FAILS);
    answer();
    await expect(queued).resolves.toBeDefined();
    await (await queued).close();
  });
});

describe('the calls of the vault that run at a time', () => {
  it.each([
    [undefined, 2],
    ['', 2],
    ['4', 2],
    ['2', 1],
    ['16', 4],
    ['128', 32],
    ['many', 2],
  ])('of %s threads are %i', (threads, slots) => {
    expect(diskSlots(threads)).toBe(slots);
  });
});
