import type { FastifyRequest } from 'fastify';
import { type Bytes, LatticeError } from '../../core/types/index.ts';
import { every, type Timers } from '../../timing/index.ts';

/** How often it is looked at whether the node waits for bytes of an upload. */
const LOOK_MS = 1000;
/** Looks at which the node waited, after which it counts how many bytes have come meanwhile. */
const PATIENCE = 20;
/** Bytes that come within that time at least, as slow readers have to take them: 8 KiB in a second. */
const MIN_BYTES = (PATIENCE * LOOK_MS * 8 * 1024) / 1000;

const EVENTS = ['readable', 'end', 'close', 'error'] as const;

const left = (): LatticeError => new LatticeError('invalid-body', 'the client left before its body was whole');
const tooSlow = (): LatticeError =>
  new LatticeError(
    'upload-too-slow',
    `fewer than ${MIN_BYTES} bytes of the body came within ${(PATIENCE * LOOK_MS) / 1000} s`,
    {
      next: 'send it again over a faster connection',
    },
  );

/**
 * The body of a request as it comes. Whoever takes it slowly makes the client wait, by the window of TCP, and only the
 * time in which the node waits for the client counts against the client. It rejects with LatticeError `invalid-body`
 * when the client leaves before the end, and with `upload-too-slow` when fewer than MIN_BYTES came while the node
 * waited for 20 s. Whoever stops reading leaves the connection open, so that the request can be answered.
 */
export async function* uploadBody({ raw }: FastifyRequest, clock: Timers): AsyncGenerator<Bytes, void, void> {
  let wake: (() => void) | undefined;
  let waits = 0;
  let received = 0;
  let slow = false;
  const look = (): void => {
    if (wake === undefined || ++waits < PATIENCE) return;
    slow = received < MIN_BYTES;
    [waits, received] = [0, 0];
    if (slow) wake();
  };
  const looks = every(clock, LOOK_MS, look, { onError: () => undefined });
  const onChange = (): void => wake?.();
  // Also between two chunks somebody has to listen for errors.
  for (const event of EVENTS) raw.on(event, onChange);
  try {
    for (;;) {
      const chunk = raw.read() as Buffer | null;
      if (chunk !== null) {
        received += chunk.length;
        yield chunk;
      } else if (raw.readableEnded) return;
      else if (raw.destroyed) throw left();
      else if (slow) throw tooSlow();
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      wake = undefined;
    }
  } finally {
    looks.stop();
    for (const event of EVENTS) raw.off(event, onChange);
    raw.on('error', () => undefined);
  }
}
