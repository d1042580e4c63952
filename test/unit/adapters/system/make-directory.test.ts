import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectory } from '../../../../src/adapters/system/make-directory.ts';

describe('makeDirectory', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'lattice-mkdir-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('makes every missing directory with the mode, and leaves those that exist', () => {
    makeDirectory(join(dir, 'a', 'b', 'c'), 0o700);
    makeDirectory(join(dir, 'a', 'b', 'c'), 0o750);
    for (const made of ['a', 'a/b', 'a/b/c']) expect(statSync(join(dir, made)).mode & 0o777).toBe(0o700);
  });

  it('names the file that stands in the way', () => {
    writeFileSync(join(dir, 'file'), '');
    expect(() => makeDirectory(join(dir, 'file'), 0o700)).toThrow(/EEXIST|ENOTDIR/);
    expect(() => makeDirectory(join(dir, 'file', 'a', 'b'), 0o700)).toThrow(/ENOTDIR/);
  });

  it.skipIf(process.platform !== 'linux')('fails at once in a place where no directory can be', () => {
    expect(() => makeDirectory('/proc/no-such-process/a/b', 0o700)).toThrow(/ENOENT|EPERM|EACCES/);
    expect(() => makeDirectory('/dev/null/a', 0o700)).toThrow(/ENOTDIR/);
  });
});
