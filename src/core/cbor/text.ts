import { type Bytes, LatticeError } from '../types/index.ts';

const encoder = new TextEncoder();
// With `fatal`, ill-formed bytes are an error instead of U+FFFD. With `ignoreBOM`, a leading U+FEFF is a character like
// any other.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Length of `text` in bytes of UTF-8, or −1 when it has a lone surrogate and so has no UTF-8 form. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) length += 1;
    else if (unit < 0xd800 || unit > 0xdfff) length += 2;
    else {
      const low = unit < 0xdc00 ? text.charCodeAt(i + 1) : 0; // NaN at the end of the text fails the range check below
      if (!(low >= 0xdc00 && low <= 0xdfff)) return -1;
      length += 2; // two units, four bytes
      i++;
    }
  }
  return length;
}

/** The UTF-8 of `text`, which must be well-formed (see `utf8Length`). */
export function textToBytes(text: string): Bytes {
  return encoder.encode(text);
}

/** Writes the UTF-8 of well-formed `text` into `out`, which must have room for it. */
export function textInto(text: string, out: Bytes): void {
  encoder.encodeInto(text, out);
}

/**
 * A loop decodes ASCII of up to this many bytes faster than TextDecoder does: in 24 ns for 4 characters and 59 ns for
 * 16, against 100 ns.
 */
const SHORT_TEXT = 16;
/** For each such length an array for the character codes, reused by every call. */
const CODES = Array.from({ length: SHORT_TEXT + 1 }, (_, n) => Array.from({ length: n }, () => 0));

/** The text of the well-formed UTF-8 from `start` to before `end`; anything else is LatticeError `malformed`. */
export function bytesToText(bytes: Bytes, start = 0, end: number = bytes.length): string {
  const codes = CODES[end - start];
  if (codes !== undefined) {
    let all = 0;
    for (let i = 0; i < codes.length; i++) all |= codes[i] = bytes[start + i] as number;
    if (all < 0x80) return String.fromCharCode.apply(null, codes);
  }
  try {
    return decoder.decode(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
  } catch (cause) {
    throw new LatticeError('malformed', 'text is not well-formed UTF-8', { cause });
  }
}

/** `text` for a message: quoted, control characters and lone surrogates escaped, cut to a readable length. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
