import { describe, expect, it } from 'vitest';
import { openError, writeError } from '../../../src/adapters/store/errors.ts';
import { stoppedError } from '../../../src/app/life.ts';
import { endExitCode, storeExitCode } from '../../../src/app/store-exit.ts';
import { LatticeError } from '../../../src/core/types/index.ts';

/** What LevelDB and Node.js say where the disk has no room. */
const FULL = [
  new Error('IO error: state/000005.log: No space left on device'),
  new Error('IO error: state/000005.log: Disk quota exceeded'),
  Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }),
];
const batchFailed = (cause: unknown): LatticeError =>
  new LatticeError('store-write-failed', 'a batch failed', { cause });

describe('a process whose store has failed ends with the code that tells what a new start is good for [N9]', () => {
  it.each(FULL)('75 where its disk is full, while it runs and at a start: %s', (cause) => {
    expect(writeError(cause).code).toBe('store-full');
    expect(openError('state', cause).code).toBe('store-full');
    expect(storeExitCode(batchFailed(writeError(cause)))).toBe(75);
    expect(storeExitCode(openError('state', cause))).toBe(75);
  });

  it('75 where the witness of the store finds no room', () => {
    expect(storeExitCode(batchFailed(FULL[2]))).toBe(75);
  });

  it('65 where a write met damage, or the check of the store did', () => {
    const damaged = new LatticeError('store-damaged', 'an entry is not the one in the tree');
    expect([batchFailed(damaged), damaged].map(storeExitCode)).toEqual([65, 65]);
  });

  it('0 after a stop, and the same codes where the store failed while the node was stopping', () => {
    expect(endExitCode(stoppedError())).toBe(0);
    expect([batchFailed(FULL[2]), batchFailed(new Error('Input/output error'))].map(endExitCode)).toEqual([75, 74]);
  });

  it('74 for every other failure', () => {
    const refused = new Error('IO error: state/000005.log: Input/output error');
    expect(writeError(refused).code).toBe('store-write-failed');
    expect([batchFailed(writeError(refused)), refused].map(storeExitCode)).toEqual([74, 74]);
  });
});
