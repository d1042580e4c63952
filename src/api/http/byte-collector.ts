import type { Readable } from 'node:stream';
import { LatticeError } from '../../core/types/index.ts';
import { MAX_BODY_BYTES } from './requests.ts';

/** Bytes that the first buffer takes. */
const FIRST_BYTES = 1024;

/** Collects what comes in pieces. */
export interface ByteCollector {
  readonly length: number;
  add(piece: Uint8Array): void;
  /** What has come so far, valid until the next piece. */
  bytes(): Buffer;
}

/**
 * A body may come in chunks of one byte, each of which would be an object of some hundred bytes. So they are copied into
 * one buffer, which is at most twice as large as what has come.
 */
export function createByteCollector(): ByteCollector {
  let buffer = Buffer.alloc(FIRST_BYTES);
  let length = 0;
  return {
    get length() {
      return length;
    },
    add(piece) {
      if (length + piece.length > buffer.length) {
        const larger = Buffer.alloc(Math.max(2 * buffer.length, length + piece.length));
        larger.set(buffer.subarray(0, length));
        buffer = larger;
      }
      buffer.set(piece, length);
      length += piece.length;
    },
    bytes: () => buffer.subarray(0, length),
  };
}

/** Reads a body and keeps nothing of it. More than MAX_BODY_BYTES fail with LatticeError `body-too-large`. */
export function passOver(body: Readable, done: (error: Error | null) => void): void {
  let length = 0;
  const finish = (error: Error | null): void => {
    body.off('data', onData).off('end', onEnd).off('error', finish);
    done(error);
  };
  function onData(piece: Uint8Array): void {
    length += piece.length;
    if (length <= MAX_BODY_BYTES) return;
    body.pause();
    finish(new LatticeError('body-too-large', `a body has at most ${MAX_BODY_BYTES} bytes`));
  }
  const onEnd = (): void => finish(null);
  body.on('data', onData).on('end', onEnd).on('error', finish);
}
