import { type Bytes, bytesToHex, type Hlc, hexToBytes, LatticeError } from '../types/index.ts';

/** The smallest HLC: "nothing seen yet". No commit carries it. */
export const ZERO_HLC = 0n as Hlc;

/** The greatest value that 48 bits of milliseconds and 16 bits of counter hold. */
export const MAX_HLC = 0xffff_ffff_ffff_ffffn as Hlc;

/**
 * The 8 big-endian bytes of `hlc`, whose byte order is the order of time. RangeError for a number outside 64 bits,
 * which would otherwise wrap silently.
 */
export function hlcToBytes(hlc: Hlc): Bytes {
  if (hlc < ZERO_HLC || hlc > MAX_HLC) throw new RangeError(`an HLC is an unsigned 64-bit integer, not ${hlc}`);
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, hlc);
  return out;
}

/** The HLC in exactly 8 big-endian bytes; any other length is LatticeError `malformed`. */
export function bytesToHlc(bytes: Bytes): Hlc {
  if (bytes.length !== 8) throw new LatticeError('malformed', `an HLC is 8 bytes, not ${bytes.length}`);
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0) as Hlc;
}

/**
 * A view of the bytes of the one HLC that is being read or written. A view for each HLC would cost more than the rest.
 */
const scratch = new DataView(new ArrayBuffer(8));

/** The HLC whose 8 big-endian bytes begin at `at`; the caller makes sure that there are 8. */
export function hlcAt(bytes: Bytes, at: number): Hlc {
  for (let i = 0; i < 8; i++) scratch.setUint8(i, bytes[at + i] as number);
  return scratch.getBigUint64(0) as Hlc;
}

/**
 * Writes the 8 big-endian bytes of an HLC to `out` from `at` on; the caller makes sure that there is room and that the
 * HLC fits 64 bits.
 */
export function hlcInto(hlc: Hlc, out: Bytes, at: number): void {
  scratch.setBigUint64(0, hlc);
  for (let i = 0; i < 8; i++) out[at + i] = scratch.getUint8(i);
}

/** The JSON form: 16 lower-case hex digits. */
export function hlcToHex(hlc: Hlc): string {
  return bytesToHex(hlcToBytes(hlc));
}

/** The HLC in exactly 16 lower-case hex digits; anything else is LatticeError `malformed`. */
export function hexToHlc(hex: string): Hlc {
  const bytes = /^[0-9a-f]{16}$/.test(hex) ? hexToBytes(hex) : undefined;
  if (bytes === undefined) throw new LatticeError('malformed', 'an HLC is 16 lower-case hex digits');
  return bytesToHlc(bytes);
}
