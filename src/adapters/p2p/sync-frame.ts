import type { Stream, StreamMessageEvent } from '@libp2p/interface';
import { type Bytes, LatticeError, prepend, roomyBytes } from '../../core/types/index.ts';
import { toError } from './reasons.ts';

const LENGTH_BYTES = 4;

/** Makes a frame: the length (u32, big-endian), then the bytes. */
export function encodeFrame(message: Bytes): Bytes {
  const length = new Uint8Array(LENGTH_BYTES);
  new DataView(length.buffer).setUint32(0, message.length);
  return prepend(length, message);
}

/** What a stream brings at a time: bytes in one piece, or in several. */
type Pieces = StreamMessageEvent['data'];

/** What is fed with pieces until it answers. */
interface PieceReader<T> {
  push(piece: Bytes): T | undefined;
}

/**
 * Collects one frame from pieces that may be cut anywhere, in roomy bytes that its reader may give back. `push` answers
 * the message when it is complete. It throws LatticeError `oversize` or `malformed`.
 */
export function createFrameReader(maxBytes: number): PieceReader<Bytes> {
  const head = new Uint8Array(LENGTH_BYTES);
  let headBytes = 0;
  let message: Bytes | undefined;
  let filled = 0;
  return {
    push(piece) {
      let at = 0;
      for (; headBytes < LENGTH_BYTES && at < piece.length; at++) head[headBytes++] = piece[at] ?? 0;
      if (headBytes < LENGTH_BYTES) return undefined;
      if (message === undefined) {
        const length = new DataView(head.buffer).getUint32(0);
        if (length > maxBytes)
          throw new LatticeError('oversize', `a message of ${length} bytes is longer than the ${maxBytes} allowed`);
        message = roomyBytes(length);
      }
      const rest = piece.subarray(at);
      if (filled + rest.length > message.length) throw new LatticeError('malformed', 'bytes follow the message');
      message.set(rest, filled);
      filled += rest.length;
      return filled === message.length ? message : undefined;
    },
  };
}

/** Feeds a reader with all of the pieces. What it answers to the last one. */
export function feed<T>(reader: PieceReader<T>, pieces: Pieces): T | undefined {
  if (pieces instanceof Uint8Array) return reader.push(pieces);
  let answer: T | undefined;
  // Joined they would be copied once more.
  for (const piece of pieces) answer = reader.push(piece);
  return answer;
}

/**
 * Reads the one frame that the other side sends. Rejects with LatticeError `oversize` as soon as the length is known to
 * be over `maxBytes`, with `malformed` when bytes follow the frame, with `peer-unreachable` when the stream ends too
 * early, and with the signal's reason when the signal aborts.
 */
export function readFrame(stream: Stream, maxBytes: number, signal: AbortSignal): Promise<Bytes> {
  return readUntil(stream, createFrameReader(maxBytes), signal);
}

/** Reads what comes next, whatever its length. Rejects with `peer-unreachable` or the signal's reason. */
export function readSome(stream: Stream, signal: AbortSignal): Promise<Pieces> {
  return readFrom(stream, (pieces) => pieces, signal);
}

/**
 * Feeds `reader` with what arrives until it answers. Rejects with what the reader throws, with LatticeError
 * `peer-unreachable` when the stream ends, and with the signal's reason.
 */
export function readUntil<T>(stream: Stream, reader: PieceReader<T>, signal: AbortSignal): Promise<T> {
  return readFrom(stream, (pieces) => feed(reader, pieces), signal);
}

function readFrom<T>(stream: Stream, take: (pieces: Pieces) => T | undefined, signal: AbortSignal): Promise<T> {
  const answer = new Promise<T>((resolve, reject) => {
    const settle = (): void => {
      stream.removeEventListener('message', onMessage);
      stream.removeEventListener('end', onEnd);
      stream.removeEventListener('close', onEnd);
      signal.removeEventListener('abort', onAbort);
    };
    const onMessage = (event: StreamMessageEvent): void => {
      try {
        const message = take(event.data);
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
