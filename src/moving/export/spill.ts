import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes that are gathered before they are written: enough that the number of writes does not matter. */
const BUFFER_BYTES = 1024 * 1024;

/** Where a piece of text lies in a spill. */
export interface Piece {
  readonly at: number;
  readonly bytes: number;
}

/**
 * Text that is put aside in one order and read in another. It lies in a file without a name, so that memory does not
 * grow with it and nothing is left of it when the process ends, however it ends.
 */
export interface Spill {
  add(text: string): Piece;
  read(piece: Piece): Uint8Array;
  close(): void;
}

/** Opens a spill in a directory. Throws the errors of the file system. */
export function openSpill(directory: string, name: string): Spill {
  const path = join(directory, name);
  const file = openSync(path, 'wx+', 0o600);
  // Windows removes no open file: there it is removed when it is closed.
  let isNamed = !removed(path);
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let written = 0;
  function flush(): void {
    const bytes = Buffer.concat(waiting);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, written + at);
    written += bytes.length;
    waiting = [];
    waitingBytes = 0;
  }
  return {
    add(text) {
      const bytes = Buffer.from(text);
      const piece = { at: written + waitingBytes, bytes: bytes.length };
      waiting.push(bytes);
      waitingBytes += bytes.length;
      if (waitingBytes >= BUFFER_BYTES) flush();
      return piece;
    },
    read({ at, bytes }) {
      if (waitingBytes > 0) flush();
      const out = Buffer.alloc(bytes);
      for (let got = 0; got < bytes; ) {
        const more = readSync(file, out, got, bytes - got, at + got);
        if (more === 0) throw new Error(`${path} is shorter than what was written to it`);
        got += more;
      }
      return out;
    },
    close() {
      closeSync(file);
      if (isNamed) isNamed = !removed(path);
    },
  };
}

function removed(path: string): boolean {
  try {
    rmSync(path, { force: true });
    return true;
  } catch {
    return false;
  }
}
