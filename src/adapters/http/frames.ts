import { type Bytes, LatticeError, MAX_GOSSIP_BYTES } from '../../core/types/index.ts';

/** A gossip message and its framing. */
const MAX_FRAME_BYTES = MAX_GOSSIP_BYTES + 1024;

/**
 * Cuts a byte stream into frames. A frame is its length (u32, big-endian, never 0) and then that many bytes. The
 * reader keeps at most one frame and the chunk that it was fed. `feed` throws LatticeError `oversize` or `malformed`.
 */
export interface FrameReader {
  /** Yields the frames that `chunk` completes, in order. */
  feed(chunk: Bytes): Generator<Bytes>;
  /** Whether the stream can end here, because no frame is half read. */
  isAtBoundary(): boolean;
}

export function createFrameReader(): FrameReader {
  const header = new Uint8Array(4);
  let headerBytes = 0;
  let frame: Uint8Array | undefined;
  let frameBytes = 0;
  return {
    *feed(chunk) {
      let at = 0;
      while (at < chunk.length) {
        if (frame === undefined) {
          header[headerBytes++] = chunk[at++] as number;
          if (headerBytes < 4) continue;
          const length = new DataView(header.buffer).getUint32(0);
          if (length === 0) throw new LatticeError('malformed', 'a push stream holds an empty frame');
          if (length > MAX_FRAME_BYTES)
            throw new LatticeError('oversize', `a push stream announces a frame of ${length} bytes`);
          frame = new Uint8Array(length);
          frameBytes = 0;
          headerBytes = 0;
        }
        const part = chunk.subarray(at, at + frame.length - frameBytes);
        frame.set(part, frameBytes);
        frameBytes += part.length;
        at += part.length;
        if (frameBytes < frame.length) continue;
        const whole = frame;
        frame = undefined;
        yield whole;
      }
    },
    isAtBoundary: () => headerBytes === 0 && frame === undefined,
  };
}
