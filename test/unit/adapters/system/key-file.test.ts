import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deriveNodeSeed, loadKey, loadOrCreateKey } from '../../../../src/adapters/system/keys.ts';
import { bytesToHex, LatticeError } from '../../../../src/core/types/index.ts';

const EXPECTED_NODE1 = 'c6c6e9a1340dc71551d532e9f2070b4019bf0f0d3b3347eff4b1f3e1dc658ed5';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lattice-keys-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function errorOf(run: () => unknown): LatticeError {
  try {
    run();
  } catch (error) {
    if (error instanceof LatticeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}

describe('key file', () => {
  it('is made with mode 0600 in a directory of mode 0700, and read back [K5]', () => {
    const path = join(dir, 'a', 'b', 'node.key');
    const made = loadOrCreateKey(path);
    expect(made.created).toBe(true);
    expect(made.seed).toHaveLength(32);
    expect(readFileSync(path, 'utf8')).toBe(`${bytesToHex(made.seed)}\n`);
    expect(modeOf(path)).toBe(0o600);
    expect(modeOf(join(dir, 'a', 'b'))).toBe(0o700);
    expect(loadOrCreateKey(path)).toEqual({ seed: made.seed, created: false });
  });

  it('is different every time', () => {
    const one = loadOrCreateKey(join(dir, 'one'));
    expect(bytesToHex(one.seed)).not.toBe(bytesToHex(loadOrCreateKey(join(dir, 'two')).seed));
  });

  it('is not made by loadKey', () => {
    const path = join(dir, 'none', 'node.key');
    expect(loadKey(path)).toBeUndefined();
    expect(existsSync(join(dir, 'none'))).toBe(false);
  });

  const hex = 'Ab'.repeat(32);
  it.each([
    ['without a line end', hex],
    ['with a line end', `${hex}\n`],
    ['with a Windows line end', `${hex}\r\n`],
  ])('may be written by hand %s', (_, content) => {
    const path = join(dir, 'node.key');
    writeFileSync(path, content, { mode: 0o600 });
    expect(bytesToHex(loadOrCreateKey(path).seed)).toBe('ab'.repeat(32));
  });

  it.each([
    ['nothing', ''],
    ['63 digits', 'a'.repeat(63)],
    ['65 digits', 'a'.repeat(65)],
    ['a letter that is no digit', `${'a'.repeat(63)}g`],
    ['a second line', `${hex}\n${hex}\n`],
    ['blanks', ` ${hex}`],
    ['a long tail', `${hex}\n${'\n'.repeat(500)}`],
    ['a PEM header', '-----BEGIN PRIVATE KEY-----\n'],
  ])('with %s is key-invalid, and stays as it is', (_, content) => {
    const path = join(dir, 'node.key');
    writeFileSync(path, content, { mode: 0o600 });
    const error = errorOf(() => loadOrCreateKey(path));
    expect(error.code).toBe('key-invalid');
    expect(error.message).toContain(path);
    expect(error.next).toBeTruthy();
    if (content !== '') expect(error.message).not.toContain(content.trim());
    expect(readFileSync(path, 'utf8')).toBe(content);
  });

  it.each([0o640, 0o604, 0o660, 0o620, 0o602, 0o644, 0o666, 0o610, 0o700])(
    'of mode %o is refused, with the chmod to run [K5]',
    (mode) => {
      const path = join(dir, 'node key');
      loadOrCreateKey(path);
      chmodSync(path, mode);
      const error = errorOf(() => loadOrCreateKey(path));
      expect(error.code).toBe('key-permissions');
      expect(error.message).toContain(path);
      expect(error.message).toContain(`0${mode.toString(8)}`);
      expect(error.next).toBe(`run: chmod 600 '${path}'`);
    },
  );

  it.each([0o400, 0o600])('of mode %o is accepted', (mode) => {
    const path = join(dir, 'node.key');
    const { seed } = loadOrCreateKey(path);
    chmodSync(path, mode);
    expect(loadOrCreateKey(path).seed).toEqual(seed);
  });

  it.each([0o770, 0o707, 0o722, 0o1777])('in a directory of mode %o is refused, there or to be made [K5]', (mode) => {
    const keys = join(dir, 'keys');
    loadOrCreateKey(join(keys, 'node.key'));
    chmodSync(keys, mode);
    for (const name of ['node.key', 'other.key']) {
      const error = errorOf(() => loadOrCreateKey(join(keys, name)));
      expect(error.code).toBe('key-permissions');
      expect(error.next).toBe(`run: chmod 700 ${keys}`);
    }
    expect(existsSync(join(keys, 'other.key'))).toBe(false);
  });

  it('in a directory that others may only read is accepted', () => {
    const keys = join(dir, 'keys');
    mkdirSync(keys);
    chmodSync(keys, 0o755);
    expect(loadOrCreateKey(join(keys, 'node.key')).created).toBe(true);
  });

  it('that is a directory is key-unreadable', () => {
    const path = join(dir, 'node.key');
    mkdirSync(path, { mode: 0o600 });
    expect(errorOf(() => loadOrCreateKey(path)).code).toBe('key-unreadable');
  });

  it('below a file is an error of its own code', () => {
    writeFileSync(join(dir, 'file'), '');
    expect(errorOf(() => loadOrCreateKey(join(dir, 'file', 'node.key'))).code).toBe('key-unreadable');
  });
});

describe('derived node keys', () => {
  const secret = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);

  it('are HKDF-SHA256 of the secret, without salt, over the domain and the name [K4]', () => {
    // From an independent HKDF (Python: hmac and hashlib, RFC 5869 written out).
    expect(bytesToHex(deriveNodeSeed(secret, 'node1'))).toBe(EXPECTED_NODE1);
    expect(bytesToHex(deriveNodeSeed(secret, 'node2'))).not.toBe(EXPECTED_NODE1);
  });

  it('need a secret of 32 bytes', () => {
    expect(() => deriveNodeSeed(secret.subarray(1), 'node1')).toThrow(RangeError);
  });
});
