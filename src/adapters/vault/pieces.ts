import { type Bytes, roomyBytes } from '../../core/types/index.ts';
import type { DiskFile } from './disk-files.ts';

/** Bytes that are read from a file at a time: four blocks, so that one call of the system serves several of them. */
export const PIECE_BYTES = 256 * 1024;

/** A range of so many bytes is one piece, so that an answer to another node (SPEC U9) is one call and no copy. */
export const WHOLE_BYTES = 1024 * 1024;

/**
 * The bytes of a file from `start` on and before `end`, in one piece or in pieces of PIECE_BYTES, the last one excepted.
 * The next piece is read while the caller works on the last one. Ends early where the file ends early.
 */
export async function* readPieces(handle: DiskFile, start: number, end: number): AsyncGenerator<Bytes, void> {
  let at = start;
  const most = end - start <= WHOLE_BYTES ? WHOLE_BYTES : PIECE_BYTES;
  let next = at < end ? readAhead(handle, at, Math.min(most, end - at)) : undefined;
  try {
    while (next !== undefined) {
      const piece: Bytes = await next;
      next = undefined;
      if (piece.length === 0) return;
      at += piece.length;
      if (at < end) next = readAhead(handle, at, Math.min(most, end - at));
      yield piece;
    }
  } finally {
    // The caller closes the file, which must wait until nobody reads it.
    await next?.catch(() => undefined);
  }
}

function readAhead(handle: DiskFile, at: number, length: number): Promise<Bytes> {
  const piece = readAt(handle, at, length);
  // Whoever takes the piece is told; nobody may be there to take it.
  piece.catch(() => undefined);
  return piece;
}

/** `length` bytes of a file from `position` on, with room before them; fewer where the file ends before. */
export async function readAt(handle: DiskFile, position: number, length: number): Promise<Bytes> {
  const bytes = roomyBytes(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) return bytes.slice(0, filled);
    filled += bytesRead;
  }
  return bytes;
}

/** Writes all of `parts` one after another from `position` on. */
export async function writeAt(handle: DiskFile, position: number, parts: readonly Bytes[]): Promise<void> {
  let total = 0;
  for (const part of parts) total += part.length;
  const { bytesWritten } = await handle.writev(parts, position);
  if (bytesWritten === total) return;
  // The system may take a part only, for instance where a disk is nearly full; the rest tells why.
  const rest = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    rest.set(part, at);
    at += part.length;
  }
  for (let done = bytesWritten; done < total; ) {
    const more = await handle.write(rest, done, total - done, position + done);
    if (more.bytesWritten === 0) throw new Error('the file takes no more bytes');
    done += more.bytesWritten;
  }
}
