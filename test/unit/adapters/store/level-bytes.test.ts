import { describe, expect, it } from 'vitest';
import { maskedCrc32c } from '../../../../src/adapters/store/level-bytes.ts';

/** As LevelDB masks a CRC (`util/crc32c.h`). */
const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

/** CRC-32C bit by bit, by its definition. */
function slowly(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('the checksum of LevelDB', () => {
  it('is that of RFC 3720, appendix B.4, masked', () => {
    const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
    expect(maskedCrc32c(new Uint8Array(32))).toBe(masked(0x8a9136aa));
    expect(maskedCrc32c(new Uint8Array(32).fill(0xff))).toBe(masked(0x62a8ab43));
    expect(maskedCrc32c(ascending)).toBe(masked(0x46dd794e));
    expect(maskedCrc32c(ascending.toReversed())).toBe(masked(0x113fdb5c));
  });

  it('is right for every length, and wherever the bytes stand', () => {
    const all = Uint8Array.from({ length: 80 }, (_, i) => (i * 151 + 7) & 0xff);
    for (let from = 0; from < 9; from++)
      for (let to = from; to < all.length; to++) {
        const bytes = all.subarray(from, to);
        expect(maskedCrc32c(bytes)).toBe(masked(slowly(bytes)));
      }
  });
});
