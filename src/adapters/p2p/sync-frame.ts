import type { Stream, StreamMessageEvent } from '@libp2p/interface';
import { type Bytes, concatBytes, LatticeError, prepend } from '../../core/types/index.ts';
import { toError } from './reasons.ts';

const LENGTH_BYTES = 4;

/** Makes a frame: the length (u32, big-endian), then the bytes. */
export function encodeFrame(message: Bytes): Bytes {
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setUint32(0, message.length);
  return prepend(length, message);
}

/**
 * Collects one frame from chunks that may be cut anywhere. `push` answers the message when it is complete. It throws
 * LatticeError `oversize` or `malformed`.
 */
export function createFrameReader(maxBytes: number): { push(chunk: Bytes): Bytes | undefined } {
  const parts: Bytes[] = [];
  let received = 0;
  let length: number | undefined;
  return {
    push(chunk) {
      parts.push(chunk);
      received += chunk.length;
      if (length === undefined && received >= LENGTH_BYTES) {
        const head = concatBytes(...parts);
        length = new DataView(head.buffer).getUint32(0);
        if (length > maxBytes)
          throw new LatticeError('oversize', `a message of ${length} bytes is longer than the ${maxBytes} allowed`);
      }
      if (length === undefined || received < LENGTH_BYTES + length) return undefined;
      if (received > LENGTH_BYTES + length) throw new LatticeError('malformed', 'bytes follow the message');
      return concatBytes(...parts).subarray(LENGTH_BYTES);
    },
  };
}

/**
 * Reads the one frame that the other side sends. Rejects with LatticeError `oversize` as soon as the length is known to
 * be over `maxBytes`, with `malformed` when bytes follow the frame, with `peer-unreachable` when the stream ends too
 * early, and with the signal's reason when the signal aborts.
 */
export function readFrame(stream: Stream, maxBytes: number, signal: AbortSignal): Promise<Bytes> {
  return readUntil(stream, createFrameReader(maxBytes), signal);
}

/** Reads the next chunk, whatever its length. Rejects with `peer-unreachable` or the signal's reason. */
export function readSome(stream: Stream, signal: AbortSignal): Promise<Bytes> {
  return readUntil(stream, { push: (chunk) => chunk }, signal);
}

/**
 * Feeds `reader` with what arrives until it answers. Rejects with what the reader throws, with LatticeError
 * `peer-unreachable` when the stream ends, and with the signal's reason.
 */
export function readUntil<T>(
  stream: Stream,
  reader: { push(chunk: Bytes): T | undefined },
  signal: AbortSignal,
): Promise<T> {
  const answer = new Promise<T>((resolve, reject) => {
    const settle = (): void => {
      stream.removeEventListener('message', onMessage);
      stream.removeEventListener('end', onEnd);
      stream.removeEventListener('close', onEnd);
      signal.removeEventListener('abort', onAbort);
    };
    const onMessage = (event: StreamMessageEvent): void => {
      try {
        const message = reader.push(event.data.subarray());
        if (message === undefined) return;
        settle();
        resolve(message);
      } catch (cause) {
        settle();
        reject(toError(cause));
      }
    };
    const onEnd = (): void => {
      settle();
      reject(new LatticeError('peer-unreachable', 'the peer ended the stream before its message was complete'));
    };
    const onAbort = (): void => {
      settle();
      reject(toError(signal.reason));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    stream.addEventListener('end', onEnd);
    stream.addEventListener('close', onEnd);
    stream.addEventListener('message', onMessage);
    // An abort or an end before the listeners were there is noticed here. Bytes that came before are delivered in a
    // microtask.
    if (signal.aborted) onAbort();
    else if (stream.readableEnded) onEnd();
  });
  // A caller whose sending fails never awaits this promise. Its rejection must then not end the process.
  answer.catch(() => undefined);
  return answer;
}
