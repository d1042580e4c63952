/**
 * Raw bytes. Nobody changes bytes that have passed a function boundary, except a buffer that a function takes to write
 * its result into.
 */
export type Bytes = Uint8Array;

/**
 * An author: a 32-byte Ed25519 public key as 64 lower-case hex digits. Authors are map keys everywhere, so
 * they travel as text inside the process; on the wire and on disk they are 32 raw bytes.
 */
export type Author = string & { readonly __brand: 'Author' };

/** A commit id: SHA-256 as 64 lower-case hex digits. */
export type CommitId = string & { readonly __brand: 'CommitId' };

/**
 * Hybrid logical clock: 48 bits of Unix milliseconds, then a 16-bit counter, as one unsigned 64-bit integer.
 * On the wire: 8 bytes, big-endian. In JSON: 16 lower-case hex digits.
 */
export type Hlc = bigint & { readonly __brand: 'Hlc' };

/** Character codes of the hex digits. */
const DIGITS: readonly number[] = Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
/**
 * Bytes that one call of String.fromCharCode writes: a whole signature, in few enough digits to be passed as arguments.
 */
const HEX_PART = 64;
/** The character codes of one such part, reused by every call. */
const CODES = Array.from({ length: 2 * HEX_PART }, () => 0);

/**
 * Lower-case hex of `bytes`. Its digits are made in whole parts, because a string that is put together digit by digit
 * stays a rope of as many objects (some 2 KB for a signature) for as long as it is kept, and such a rope takes twice as
 * long as a key of a map.
 */
export function bytesToHex(bytes: Bytes): string {
  let out = '';
  for (let from = 0; from < bytes.length; from += HEX_PART) {
    const count = Math.min(HEX_PART, bytes.length - from);
    for (let i = 0; i < count; i++) {
      const byte = bytes[from + i] as number;
      CODES[2 * i] = DIGITS[byte >> 4] as number;
      CODES[2 * i + 1] = DIGITS[byte & 15] as number;
    }
    out += String.fromCharCode.apply(null, count === HEX_PART ? CODES : CODES.slice(0, 2 * count));
  }
  return out;
}

/** The bytes of a hex string in either case, or undefined when it is not an even number of hex digits. */
export function hexToBytes(hex: string): Bytes | undefined {
  if (hex.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(hex)) return undefined;
  const out = new Uint8Array(hex.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return out;
}

/** Lexicographic order of two byte strings: negative, zero or positive. */
export function compareBytes(a: Bytes, b: Bytes): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const d = (a[i] as number) - (b[i] as number);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}

/** Whether two byte strings are the same. The time that it takes depends on the bytes, so it is not for secrets. */
export function equalBytes(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** The parts one after another, in memory of their own. */
export function concatBytes(...parts: readonly Bytes[]): Bytes {
  let length = 0;
  for (const p of parts) length += p.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}
