import { Readable } from 'node:stream';
import type { Timers } from '../../timing/index.ts';

/** The longest download. Without it a client that reads very slowly would keep its slot for ever. */
const MAX_DOWNLOAD_MS = 10 * 60_000;

/** All of a text whose first part has been taken already. */
async function* startingWith(
  first: IteratorResult<string, void>,
  rest: AsyncGenerator<string>,
): AsyncGenerator<string> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}

/**
 * A stream of the parts of a text, which resolves once the first part is there, and rejects when that fails, so that the
 * request can still be answered with an error. A later failure ends the stream with it. `onClose` is called once, when
 * the stream has ended in any way, or was never made. The caller must read the stream or destroy it.
 */
export async function openTextStream(
  parts: AsyncGenerator<string>,
  clock: Timers,
  onClose: () => void,
): Promise<Readable> {
  try {
    const stream = Readable.from(startingWith(await parts.next(), parts), { objectMode: false });
    const limit = clock.after(MAX_DOWNLOAD_MS, () => stream.destroy(new Error('the download took too long')));
    stream.once('close', () => {
      limit.cancel();
      // A stream that is destroyed before anybody reads it does not end its generator, so this does.
      parts.return(undefined).catch(() => undefined);
      onClose();
    });
    return stream;
  } catch (cause) {
    onClose();
    throw cause;
  }
}
