import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { Lattice } from '../../../runtime/facade/index.ts';
import type { Timers } from '../../../timing/index.ts';

/** The longest download. Without it a client that reads very slowly would keep its hold for ever. */
const MAX_DOWNLOAD_MS = 10 * 60_000;
/** UTF-16 units of text that are handed to the socket at a time. */
const TARGET_CHARS = 64 * 1024;

/** The signed document of the whole state, as the original serves it, streamed so that memory does not grow with it. */
export interface StateStreams {
  /**
   * Resolves to the root and the stream of the document once its first part is there. Rejects with LatticeError
   * `moved-on` when that fails. A later failure ends the stream with the error. The caller must read the stream or
   * destroy it.
   */
  open(): Promise<{ readonly root: string; readonly stream: Readable }>;
}

async function* documentText(
  snapshot: Awaited<ReturnType<Lattice['wholeState']>>,
  timestamp: number,
  signature: string,
): AsyncGenerator<string> {
  let text = `{"success":true,"merkle_root":${JSON.stringify(snapshot.root)},"state":{`;
  let separator = '';
  for await (const chunk of snapshot.chunks) {
    for (const { key, value } of chunk) {
      text += `${separator}${JSON.stringify(key)}:${JSON.stringify(value)}`;
      separator = ',';
      if (text.length < TARGET_CHARS) continue;
      yield text;
      text = '';
    }
    // Without a turn of the event loop a fast reader would keep all other requests waiting: its socket always takes
    // more, and the store has read ahead.
    await turn();
  }
  yield `${text}},"state_size":${snapshot.live},"timestamp":${timestamp},"signature":${JSON.stringify(signature)},"signed":true}`;
}

/** All of a text whose first part has been taken already. */
async function* startingWith(
  first: IteratorResult<string, void>,
  rest: AsyncGenerator<string>,
): AsyncGenerator<string> {
  if (first.done === true) return;
  yield first.value;
  yield* rest;
}

export function createStateStreams(lattice: Lattice, clock: Timers): StateStreams {
  return {
    async open() {
      const snapshot = await lattice.wholeState();
      let close = (): void => snapshot.close();
      try {
        const timestamp = Math.floor(Date.now() / 1000);
        const signature = lattice.signText(`${snapshot.root}:${timestamp}`);
        const text = documentText(snapshot, timestamp, signature);
        close = () => {
          // A stream that is destroyed before anybody reads it does not end its generator, so this does.
          text.return(undefined).catch(() => undefined);
          snapshot.close();
        };
        const stream = Readable.from(startingWith(await text.next(), text), { objectMode: false });
        const limit = clock.after(MAX_DOWNLOAD_MS, () => stream.destroy(new Error('the download took too long')));
        stream.once('close', () => {
          limit.cancel();
          close();
        });
        return { root: snapshot.root, stream };
      } catch (cause) {
        close();
        throw cause;
      }
    },
  };
}
