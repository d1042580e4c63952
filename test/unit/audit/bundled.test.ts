import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { verifyStrict } from '../../../src/audit/bundled.ts';
import { type Author, type Bytes, hexToBytes } from '../../../src/core/types/index.ts';

interface Vector {
  readonly name: string;
  readonly valid: boolean;
  readonly publicKey: string;
  readonly message: string;
  readonly signature: string;
}
const { vectors } = JSON.parse(readFileSync(new URL('../../vectors/ed25519.json', import.meta.url), 'utf8')) as {
  vectors: Vector[];
};
const bytes = (hex: string): Bytes => hexToBytes(hex) as Bytes;

describe('signatures without the cryptography of Node.js', () => {
  it.each(vectors)('$name: $valid, as on every node [K1]', ({ publicKey, message, signature, valid }) => {
    expect(verifyStrict(publicKey as Author, bytes(message), bytes(signature))).toBe(valid);
  });

  it('refuses what is no key or no signature', () => {
    const { publicKey, message, signature } = vectors[0] as Vector;
    expect(verifyStrict(publicKey.slice(2) as Author, bytes(message), bytes(signature))).toBe(false);
    expect(verifyStrict(publicKey as Author, bytes(message), bytes(signature.slice(2)))).toBe(false);
  });
});
